package nearline

import (
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/window"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Take takes one event that was not seen before. It never fails: what cannot be read makes its window inconclusive.
//
// A write set carries the time of its commit, which each side has of its own. Its records take the time at which the latest
// request of their order was sampled, and what a record's key was first seen with holds for both sides.
func (n *Comparer) Take(now time.Time, ev shadow.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case ev.Kind == shadow.EventOpened && ev.Evidence != nil:
		n.orders[ev.Evidence.Order] = ev.Time
	case ev.Kind == shadow.EventWriteSet && ev.WriteSet != nil:
		n.writeSet(now, ev)
	case ev.Kind == shadow.EventApplied && ev.Apply != nil:
		n.applied(now, ev)
	}
}

// writeSet takes a transaction, once: a sidecar that starts again may tell it again under another event's id.
func (n *Comparer) writeSet(now time.Time, ev shadow.Event) {
	ws := ev.WriteSet
	if _, again := n.told[ws.ID]; again || ws.Outcome != shadow.Committed {
		return
	}
	n.told[ws.ID] = ev.Time
	side := window.Primary
	if ws.Side == shadow.Shadow {
		side = window.Shadow
	}
	if side == window.Primary {
		n.waiting[ws.ID] = arrival{ev.Time, ws}
	}
	n.statements(now, side, ws, n.tables[side])
}

// applied takes what arrived at the shadow: in a database cutover that is what the shadow wrote. It has the form in which
// the primary wrote it.
func (n *Comparer) applied(now time.Time, ev shadow.Event) {
	a, ok := n.waiting[ev.Apply.WriteSet]
	if !ok || ev.Apply.State != shadow.Applied {
		return
	}
	delete(n.waiting, ev.Apply.WriteSet)
	n.statements(now, window.Shadow, a.writeSet, n.tables[window.Primary])
}

func (n *Comparer) statements(now time.Time, side window.Side, ws *shadow.WriteSet, tables map[string]ledger.Table) {
	at, known := n.orders[ws.Order]
	if !known {
		at = ws.Sealed // a write outside of any request: both sides' clocks are all there is
	}
	for i := range ws.Statements {
		s := &ws.Statements[i]
		table, ours := tables[bare(s.Table)]
		if !ours {
			continue
		}
		if s.Cause != "" || ws.Cause != "" || len(s.Rows)+len(s.Before) == 0 {
			if s.Affected > 0 || s.Cause != "" || ws.Cause != "" {
				n.unread(at, ws.Order)
			}
			continue
		}
		n.rows(now, side, at, ws.Order, table, s)
	}
}

// rows feeds the images of one statement: Before and Rows of an update stand in pairs.
func (n *Comparer) rows(now time.Time, side window.Side, at time.Time, order string, table ledger.Table, s *shadow.Statement) {
	paired := len(s.Before) == len(s.Rows)
	for i := range s.Rows {
		ev := window.Event{Side: side, Time: at, Record: n.record(at, order, table, s.Rows[i])}
		if paired {
			ev.Old = n.record(at, order, table, s.Before[i])
		}
		if ev.Record != nil && (!paired || ev.Old != nil) {
			n.feed(now, ev)
		}
	}
	if paired {
		return
	}
	for _, row := range s.Before {
		if old := n.record(at, order, table, row); old != nil {
			n.feed(now, window.Event{Side: side, Time: at, Old: old})
		}
	}
}

// record reads a row, or notes that it cannot be read.
func (n *Comparer) record(at time.Time, order string, table ledger.Table, row shadow.Row) *recon.Record {
	values := make([][]byte, len(row.Values))
	for i, v := range row.Values {
		if !v.Null {
			values[i] = []byte(v.Text)
		}
	}
	r, err := table.Record(row.Columns, values)
	if err != nil {
		n.unread(at, order)
		return nil
	}
	return &r
}

func (n *Comparer) feed(now time.Time, ev window.Event) {
	key := ev.Record
	if key == nil {
		key = ev.Old
	}
	if at, bound := n.keys[key.Key]; bound {
		ev.Time = at
	} else {
		n.keys[key.Key] = ev.Time
	}
	if err := n.windows.Feed(now, ev); err != nil {
		n.cfg.Log.Warn("record not in any near-line window", keyError, err)
		n.unread(ev.Time, key.Order)
		return
	}
	n.write(now, ev)
}

// unread notes that a row of the books could not be read: its window cannot agree, and its order proves nothing.
func (n *Comparer) unread(at time.Time, order string) {
	n.cfg.Metrics.missed()
	n.book(at.Truncate(n.windows.Size())).unread++
	n.blind[order] = at
}

// bare is a table's name without its schema.
func bare(name string) string {
	return strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
}

package dualwrite

import (
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// Reads takes tagged reads with what the primary answered.
type Reads interface {
	// Submit never blocks.
	Submit(r Read)
	// Skip counts a tagged read that is not compared, by a reason out of readSkips.
	Skip(reason string)
}

// Read is one tagged SELECT of one order's rows, and what the primary answered.
type Read struct {
	Order, Table string
	Masked       string // text without literals
	Text         string
	Args         []any // strings and nil, one for each placeholder
	Ordered      bool
	Answer       *wire.Collected
	Binary       bool // the rows are of an executed statement
	TimeZone     string
	Zoned        bool    // TimeZone is known; otherwise TIMESTAMP values are not compared
	SQLMode      *string // nil = the server's default
	Took         time.Duration
}

// runningRead is a read whose answer has not come.
type runningRead struct {
	order string
	since time.Time
}

// maxRead is how many bytes of one answer are copied.
const maxRead = 64 << 10

// The reasons why a tagged read is not compared.
const (
	skipUnbound     = "unbound"     // does not name exactly one order of a declared table
	skipVaries      = "varies"      // another session or moment answers otherwise, or LIMIT without ORDER BY
	skipTransaction = "transaction" // its transaction has writes that nobody else sees yet
	skipUnread      = "unread"      // its text, its parameters or its answer could not be read, or is too large
	skipNoRoom      = "no-room"
	skipMapped      = "mapped" // its table is declared otherwise on the shadow
)

func readSkips() []string {
	return []string{skipUnbound, skipVaries, skipTransaction, skipUnread, skipNoRoom, skipMapped}
}

// collect asks for a copy of what a tagged read gives, if it can be compared.
func (r *Recorder) collect(cmd *wire.Command, w *work) {
	if r.shared.cfg.Reads == nil || w.release == "" || len(w.items) != 1 {
		return
	}
	it := w.items[0]
	if it.release == "" || it.statement == nil || it.statement.Class != stmt.Read {
		return
	}
	order, reason := r.readable(it, w)
	if reason != "" {
		r.shared.cfg.Reads.Skip(reason)
		return
	}
	w.read = &runningRead{order, r.shared.cfg.Now()}
	cmd.Collect = maxRead
}

func (r *Recorder) readable(it item, w *work) (order, reason string) {
	s := it.statement
	policy, declared := r.shared.table(s.Target, r.schema)
	orders := slices.Compact(slices.Sorted(slices.Values(r.orders(s, w))))
	switch {
	case w.partial, w.spoiled, len(w.sets) > 1, !r.utf8, r.around.zone.unclear, r.around.mode.unclear:
		return "", skipUnread
	case !declared, policy.Ignore, len(orders) != 1:
		return "", skipUnbound
	case s.Varies, s.Limited && !s.Ordered:
		return "", skipVaries
	case len(r.tx.writes) > 0 || len(r.unanswered) > 0:
		return "", skipTransaction
	}
	return orders[0], ""
}

// collected hands over a read with its answer.
func (r *Recorder) collected(w *work, res *wire.Result) {
	if w.read == nil {
		return
	}
	it, answer := w.items[0], res.Collected
	switch {
	case last(res).Err != nil:
		return
	case answer == nil, answer.Over:
		r.shared.cfg.Reads.Skip(skipUnread)
		return
	}
	out := Read{
		Order: w.read.order, Table: it.statement.Target.Name, Masked: it.masked, Text: it.text, Ordered: it.statement.Ordered, Answer: answer,
		Binary: len(w.sets) > 0, TimeZone: r.around.zone.value, Zoned: r.around.zone.known, Took: r.shared.cfg.Now().Sub(w.read.since),
	}
	if r.around.mode.known {
		mode := r.around.mode.value
		out.SQLMode = &mode
	}
	for _, p := range slices.Concat(w.sets...) {
		if p.null {
			out.Args = append(out.Args, nil)
		} else {
			out.Args = append(out.Args, p.text)
		}
	}
	r.shared.cfg.Reads.Submit(out)
}

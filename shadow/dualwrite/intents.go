package dualwrite

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// Journal keeps what must survive the end of this process. A journal that fails never stops the primary.
type Journal interface {
	// Intent notes what may be about to commit; the payload is a shadow.WriteSet as JSON.
	Intent(payload []byte) (seq uint64, err error)
	// Outcome says how it ended. A payload replaces the intent's, which otherwise stands but for its outcome; what did not
	// commit is forgotten.
	Outcome(seq uint64, committed bool, payload []byte) error
}

// Shadow takes write sets on their way to the shadow database.
type Shadow interface {
	// Submit takes a sealed write set and never blocks; seq is its number in the journal, 0 = it is not there.
	Submit(seq uint64, ws shadow.WriteSet)
	// Resolve takes one whose transaction's end is not known.
	Resolve(seq uint64, ws shadow.WriteSet)
}

// Kept reads a write set back from the journal, with what the journal says of its end.
func Kept(payload []byte, committed bool) (shadow.WriteSet, error) {
	var ws shadow.WriteSet
	if err := json.Unmarshal(payload, &ws); err != nil {
		return shadow.WriteSet{}, fmt.Errorf("decode write set: %w", err)
	}
	ws.Outcome, ws.Cause = shadow.Committed, "" // only what can be applied is noted as committed
	if !committed {
		ws.Outcome, ws.Cause = shadow.CommitUnknown, shadow.CauseUnknownCommit
	}
	return ws, nil
}

// sent is a command with tagged writes that the server has not answered.
type sent struct {
	cmd    *wire.Command
	writes []write
}

// intend notes in the journal what a command that is about to be forwarded may commit.
func (r *Recorder) intend(cmd *wire.Command, w *work) {
	if r.shared.cfg.Mode != Apply || r.shared.cfg.Journal == nil {
		return
	}
	ends := false
	s := sent{cmd: cmd}
	for _, it := range w.items {
		if out := r.write(it, w, expected(it, w)); out != nil {
			s.writes = append(s.writes, *out)
		}
		ends = ends || mayEnd(it.control.Kind)
	}
	if len(s.writes) > 0 {
		r.unanswered = append(r.unanswered, s)
		ends = ends || !r.tx.explicit && r.tx.status&wire.StatusInTrans == 0
	}
	if !ends || len(r.tx.writes) == 0 && len(r.unanswered) == 0 {
		return
	}
	r.note()
}

// expected is the answer that a statement without one would have had if all went well.
func expected(it item, w *work) wire.Part {
	if it.statement == nil || it.statement.Insert == nil {
		return wire.Part{}
	}
	return wire.Part{Affected: uint64(len(it.statement.Insert.Rows) * len(w.paramSets()))}
}

func mayEnd(k stmt.ControlKind) bool {
	switch k {
	case stmt.Commit, stmt.Begin, stmt.Implicit, stmt.Opaque, stmt.XAStart, stmt.XAOther:
		return true
	}
	return false
}

// note writes the intent: everything tagged that this connection has open or on its way.
func (r *Recorder) note() {
	writes := slices.Clone(r.tx.writes)
	for _, s := range r.unanswered {
		writes = append(writes, s.writes...)
	}
	ws := r.writeSet(sealed{outcome: shadow.CommitUnknown, writes: writes, orders: r.tx.orders})
	payload, err := json.Marshal(ws)
	if err != nil {
		r.shared.metrics.unjournaled.Inc()
		return
	}
	seq, err := r.shared.cfg.Journal.Intent(payload)
	if err != nil {
		r.shared.metrics.unjournaled.Inc()
		return
	}
	r.intents = append(r.intents, intent{seq, ws.ID, ws.Order, ws.Statements})
}

// intent is one entry of the journal whose outcome is still to be told.
type intent struct {
	seq        uint64
	id         string
	order      string
	statements []shadow.Statement
}

// says tells whether the intent already says what the write set turned out to be, but for how it ended.
func (i intent) says(ws shadow.WriteSet) bool {
	return i.order == ws.Order && slices.EqualFunc(i.statements, ws.Statements, func(a, b shadow.Statement) bool {
		return a.Text == b.Text && a.Table == b.Table && a.Affected == b.Affected && a.Cause == b.Cause && slices.EqualFunc(a.Rows, b.Rows, func(x, y shadow.Row) bool {
			return slices.Equal(x.Columns, y.Columns) && slices.Equal(x.Values, y.Values)
		})
	})
}

// answeredIntent forgets a command the server has answered; when nothing is open any more, neither is any intent.
func (r *Recorder) answeredIntent(cmd *wire.Command) {
	r.unanswered = slices.DeleteFunc(r.unanswered, func(s sent) bool { return s.cmd == cmd })
	if len(r.unanswered) == 0 && len(r.tx.writes) == 0 {
		r.withdraw()
	}
}

func (r *Recorder) withdraw() {
	for _, i := range r.intents {
		r.journal(i.seq, false, nil)
	}
	r.intents = r.intents[:0]
}

// take gives the oldest intent to a write set that was sealed, so that both have one id; false = there is none.
func (r *Recorder) takeIntent() (intent, bool) {
	if len(r.intents) == 0 {
		return intent{}, false
	}
	first := r.intents[0]
	r.intents = slices.Delete(r.intents, 0, 1)
	return first, true
}

// deliver hands a sealed write set to the shadow, by way of the journal.
func (r *Recorder) deliver(ws shadow.WriteSet, i intent, noted bool) {
	cfg := r.shared.cfg
	if cfg.Mode != Apply || cfg.Shadow == nil {
		return
	}
	if ws.Outcome == shadow.CommitUnknown {
		cfg.Shadow.Resolve(i.seq, ws)
		return
	}
	if ws.Outcome != shadow.Committed || ws.Cause != "" {
		if noted {
			r.journal(i.seq, false, nil)
		}
		cfg.Shadow.Submit(0, ws)
		return
	}
	cfg.Shadow.Submit(r.commit(ws, i, noted), ws)
}

// commit notes in the journal that a write set committed, and gives its number there; 0 = it is not there.
func (r *Recorder) commit(ws shadow.WriteSet, i intent, noted bool) uint64 {
	if r.shared.cfg.Journal == nil {
		return 0
	}
	if noted && i.says(ws) {
		if !r.journal(i.seq, true, nil) {
			return 0
		}
		return i.seq
	}
	payload, err := json.Marshal(ws)
	if err != nil {
		r.shared.metrics.unjournaled.Inc()
		return 0
	}
	if !noted {
		if i.seq, err = r.shared.cfg.Journal.Intent(payload); err != nil {
			r.shared.metrics.unjournaled.Inc()
			return 0
		}
		payload = nil
	}
	if !r.journal(i.seq, true, payload) {
		return 0
	}
	return i.seq
}

func (r *Recorder) journal(seq uint64, committed bool, payload []byte) bool {
	if err := r.shared.cfg.Journal.Outcome(seq, committed, payload); err != nil {
		r.shared.metrics.unjournaled.Inc()
		return false
	}
	return true
}

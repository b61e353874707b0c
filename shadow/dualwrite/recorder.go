package dualwrite

import (
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// Recorder builds the write sets of one connection. It is a wire.Session that refuses nothing.
type Recorder struct {
	shared     *Recorders
	connection uint64
	tx         transaction
	prepared   map[uint32]*prepared
	last       *prepared // prepared last, also when its answer has not come
	schema     string    // current schema of the connection
	around     surroundings
	thread     uint32 // the server's id of the connection
	tagged     bool   // something on this connection was tagged
	unanswered []sent
	later      []outgoing // sealed, to be told once the client has its answer
	intents    []intent
	multi      bool // several statements in one text are allowed
	utf8       bool // texts of the client are UTF-8
	broken     bool // the recorder itself failed once: nothing it seals is certain
}

// Mode is how the server reads text, as far as its answers told.
func (r *Recorder) Mode() stmt.Mode {
	if r.tx.status&wire.StatusNoBackslashEscapes != 0 {
		return stmt.NoBackslashEscapes
	}
	return 0
}

// OnCommand looks at a command before it is forwarded. It never refuses.
func (r *Recorder) OnCommand(cmd *wire.Command) *wire.Refusal {
	switch cmd.Code {
	case wire.ComQuery:
		w := r.read(cmd)
		cmd.State = w
		r.intend(cmd, w)
		r.collect(cmd, w)
	case wire.ComStmtPrepare:
		cmd.State = r.prepare(cmd)
	case wire.ComStmtExecute, wire.ComStmtBulkExecute:
		if w := r.execute(cmd); w != nil {
			cmd.State = w
			r.intend(cmd, w)
			r.collect(cmd, w)
		}
	case wire.ComStmtSendLong:
		if p := r.statement(cmd.Data); p != nil {
			p.addLong(cmd.Data, cmd.Truncated)
		}
	case wire.ComStmtReset:
		if p := r.statement(cmd.Data); p != nil {
			p.resetLong()
		}
	case wire.ComStmtClose:
		r.forget(cmd.Data)
	case wire.ComLogin:
		r.multi = cmd.Multi
	case wire.ComSetOption:
		cmd.State = len(cmd.Data) > 0 && cmd.Data[0] == 0
	default:
		if !wire.Known(cmd.Code) {
			r.blind()
		}
	}
	return nil
}

// blind gives up the connection: behind a command nobody knows, its bytes are not followed any more.
func (r *Recorder) blind() {
	left := r.tx.unknown()
	if len(left) == 0 && r.tagged {
		left = []sealed{{outcome: shadow.CommitUnknown}}
	}
	r.tell(left)
	r.OnSent() // the server's answers are not followed any more
	r.broken = r.broken || r.tagged
}

func (r *Recorder) prepare(cmd *wire.Command) *work {
	w := r.read(cmd)
	p := &prepared{work: w}
	if w.release == "" && r.shared.cfg.Tagging.session() && len(cmd.Data) <= maxClassified {
		p.text = string(cmd.Data) // it may be executed when the session is tagged
	}
	if len(w.items) == 1 && w.items[0].statement != nil {
		p.count = w.items[0].statement.Params
	}
	r.last = p
	return &work{prepared: p, partial: w.partial, release: w.release}
}

func (r *Recorder) forget(data []byte) {
	if id, err := wire.StatementID(data); err == nil {
		delete(r.prepared, id)
	}
}

// OnResult takes the answer to a command.
func (r *Recorder) OnResult(cmd *wire.Command, res *wire.Result) {
	if res.Refused {
		return
	}
	failed := len(res.Parts) > 0 && res.Parts[len(res.Parts)-1].Err != nil
	switch cmd.Code {
	case wire.ComQuery, wire.ComStmtExecute, wire.ComStmtBulkExecute:
		if w, ok := cmd.State.(*work); ok {
			w.lateMark(cmd.Tail)
			r.collected(w, res)
			r.answered(w, res)
			r.answeredIntent(cmd)
		}
	case wire.ComStmtPrepare:
		r.remember(cmd, res.Prepared)
	case wire.ComLogin, wire.ComChangeUser, wire.ComResetConnection:
		if !failed {
			r.fresh(cmd, res)
		}
	case wire.ComInitDB:
		if !failed {
			r.schema = cmd.Schema
		}
	case wire.ComSetOption:
		if on, ok := cmd.State.(bool); ok && !failed {
			r.multi = on
		}
	case wire.ComCreateDB, wire.ComDropDB:
		r.step(item{control: stmt.Control{Kind: stmt.Implicit}}, &work{}, last(res))
	}
}

func last(res *wire.Result) wire.Part {
	if len(res.Parts) == 0 {
		return wire.Part{}
	}
	return res.Parts[len(res.Parts)-1]
}

// fresh starts over: the server rolled back and forgot the prepared statements.
func (r *Recorder) fresh(cmd *wire.Command, res *wire.Result) {
	r.tell(r.tx.drop())
	r.tx = transaction{rollbackOnTimeout: r.tx.rollbackOnTimeout, maxRows: r.tx.maxRows, status: last(res).Status}
	r.prepared, r.last = map[uint32]*prepared{}, nil
	r.withdraw()
	if cmd.Code == wire.ComLogin {
		r.thread = cmd.Thread
	}
	if cmd.Code != wire.ComResetConnection {
		r.around.login = r.shared.cfg.Tagging.ofLogin(cmd.User)
	}
	r.around = surroundings{login: r.around.login, release: r.around.login}
	if cmd.Code != wire.ComResetConnection {
		r.schema, r.utf8 = cmd.Schema, isUTF8(cmd.Collation)
	}
}

// isUTF8 tells whether a collation id is of UTF-8, or of ASCII or binary, which hold nothing else that would be text.
func isUTF8(id uint16) bool {
	switch {
	case id == 0, id == 11, id == 65, id == 63, id == 33, id == 83, id == 76, id == 45, id == 46:
		return true
	case id >= 192 && id <= 247, id >= 255 && id <= 323, id >= 576 && id <= 640, id >= 2048 && id < 2560:
		return true
	}
	return false
}

func (r *Recorder) remember(cmd *wire.Command, answer *wire.Prepared) {
	w, ok := cmd.State.(*work)
	if !ok || answer == nil {
		return
	}
	w.lateMark(cmd.Tail)
	if p := w.prepared.work; p.release == "" && w.release != "" {
		p.lateMark(cmd.Tail)
	}
	w.prepared.count = answer.Params
	r.prepared[answer.ID] = w.prepared
}

// answered matches the results of a text to its statements.
func (r *Recorder) answered(w *work, res *wire.Result) {
	if r.matches(w, res) {
		for i, part := range res.Parts {
			r.step(w.items[i], w, part)
		}
		return
	}
	it := item{control: stmt.Control{Kind: stmt.Opaque}, release: w.release}
	if w.release != "" && len(w.items) > 0 {
		it.masked = w.items[0].masked
	}
	r.step(it, w, last(res))
}

// matches tells whether each result belongs to the statement of the same number.
func (r *Recorder) matches(w *work, res *wire.Result) bool {
	if res.Overflow || len(res.Parts) > len(w.items) || w.partial && r.multi {
		return false
	}
	for _, it := range w.items[:max(0, len(w.items)-1)] {
		if it.control.Kind == stmt.Opaque {
			return false
		}
	}
	return len(res.Parts) == len(w.items) || len(res.Parts) > 0 && last(res).Err != nil
}

// step takes one statement with its result.
func (r *Recorder) step(it item, w *work, part wire.Part) {
	if part.Track != nil {
		r.track(part.Track)
	}
	if part.Err != nil {
		r.tell(r.tx.failed(it.control, part.Err.Code))
		return
	}
	switch it.control.Kind {
	case stmt.UseSchema:
		r.schema = it.control.Name
	case stmt.Charset:
		name := it.control.Name
		r.utf8 = strings.HasPrefix(name, "utf8") || name == "ascii" || name == "binary"
	}
	written := r.write(it, w, part)
	if written == nil && it.statement != nil && part.Status&wire.StatusInTrans != 0 {
		r.tx.orders = append(r.tx.orders, r.orders(it.statement, w)...)
	}
	r.tell(r.tx.ok(it.control, written, part.Status))
}

// track takes what an OK packet told of the session.
func (r *Recorder) track(t *wire.Track) {
	if t.Schema != nil {
		r.schema = *t.Schema
	}
	r.around.track(t.Variables)
}

// OnPanic gives up what was collected: the order it belongs to cannot be told for certain.
func (r *Recorder) OnPanic() {
	r.broken = true
	r.shared.metrics.panics.Inc()
	left := r.tx.unknown()
	if len(left) == 0 {
		left = []sealed{{outcome: shadow.CommitUnknown}}
	}
	r.tell(left)
	r.OnSent()
}

// OnClose ends the connection. What was sent and got no answer may have happened.
func (r *Recorder) OnClose(unanswered []*wire.Command) {
	for _, cmd := range unanswered {
		w, ok := cmd.State.(*work)
		if !ok || w.prepared != nil {
			continue
		}
		w.lateMark(cmd.Tail)
		for _, it := range w.items {
			r.tell(r.tx.lost(it.control, r.write(it, w, expected(it, w))))
		}
	}
	if r.tx.doubt {
		r.tell(r.tx.unknown())
	}
	r.OnSent()
	r.unanswered = nil
	r.withdraw() // what was open, the server rolls back
}

// OnSent tells of what the last answer sealed.
func (r *Recorder) OnSent() {
	for _, o := range r.later {
		r.observe(o)
	}
	r.later = r.later[:0]
}

// tell seals write sets and gives them to the observer, whose panics stay here.
func (r *Recorder) tell(all []sealed) {
	for _, s := range all {
		if r.shared.cfg.Mode == Follow && s.logged() {
			continue
		}
		ws := r.writeSet(s)
		if r.shared.cfg.Mode == Follow {
			ws.Outcome, ws.Cause = shadow.CommitUnknown, shadow.CauseUnclassified
		}
		i, noted := r.takeIntent()
		if noted {
			ws.ID = i.id
		}
		r.shared.metrics.observed.Inc()
		if ws.Outcome == shadow.CommitUnknown {
			r.shared.metrics.unknown.Inc()
		}
		r.later = append(r.later, outgoing{ws, i, noted})
	}
	if !r.shared.cfg.late() {
		r.OnSent()
	}
}

// outgoing is a sealed write set on its way, with the intent that was noted for it.
type outgoing struct {
	set    shadow.WriteSet
	intent intent
	noted  bool
}

func (r *Recorder) observe(o outgoing) {
	defer func() {
		if recover() != nil {
			r.shared.metrics.panics.Inc()
			r.shared.cfg.Log.Error("observer panicked", logPort, r.shared.cfg.Port, logConnection, r.connection)
		}
	}()
	r.shared.cfg.Observer.WriteSet(o.set)
	r.deliver(o.set, o.intent, o.noted)
}

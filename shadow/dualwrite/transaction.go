package dualwrite

import (
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// write is one tagged write that the server confirmed.
type write struct {
	statement shadow.Statement
	release   string
	orders    []string // values of the order column, one for each row that tells it
	logged    bool     // the row log shows its tag
}

// sealed is what a transaction left when it ended.
type sealed struct {
	outcome  shadow.CommitOutcome
	writes   []write
	orders   []string // that statements other than writes yielded
	overflow bool     // not all writes were kept
}

// logged tells whether the row log shows every tag of what was sealed.
func (s sealed) logged() bool {
	for _, w := range s.writes {
		if !w.logged {
			return false
		}
	}
	return len(s.writes) > 0
}

const maxSavepoints = 1000

type savepoint struct {
	name string
	at   int // writes before it
}

// transaction follows a connection's transactions and keeps the tagged writes of the one that runs.
//
//	autocommit ── BEGIN ──► explicit ── COMMIT ──► sealed      error 1213: dropped, the server has rolled back
//	     │                     │ └───── ROLLBACK ─► dropped    BEGIN, DDL: sealed (they commit by themselves)
//	     └─ write ─► sealed    └─ ROLLBACK TO ─► trimmed       what may have done either: unknown
type transaction struct {
	rollbackOnTimeout bool
	maxRows           int

	writes   []write
	orders   []string // that its statements other than writes yielded
	rows     int
	marks    []savepoint
	explicit bool   // BEGIN was seen
	reports  bool   // and the server's status flags told of it
	doubt    bool   // something may have ended the transaction unseen
	overflow bool   // more rows than are kept
	xa       bool   // a distributed transaction runs
	status   uint16 // last seen
}

// ok takes the success of one statement, with the tagged write it was or nil, and gives what that ended.
func (t *transaction) ok(c stmt.Control, w *write, status uint16) []sealed {
	t.status = status
	in := status&wire.StatusInTrans != 0
	switch c.Kind {
	case stmt.Begin:
		out := t.seal()
		t.explicit, t.reports = true, in
		return out
	case stmt.Commit:
		out := t.seal()
		t.explicit = in
		return out
	case stmt.Rollback:
		out := t.drop()
		t.explicit = in
		return out
	case stmt.Savepoint, stmt.RollbackTo, stmt.Release:
		t.savepoint(c)
		return nil
	case stmt.Implicit:
		return t.implicit(w, in)
	case stmt.Opaque, stmt.XAStart, stmt.XAOther:
		return t.opaque(c, w, in)
	}
	return t.plain(w, in)
}

// plain handles what is no transaction control. A transaction that is suddenly over ended in a way nobody saw.
func (t *transaction) plain(w *write, in bool) []sealed {
	if w != nil {
		t.add(*w)
	}
	autocommit := t.status&wire.StatusAutocommit != 0
	switch {
	case t.xa:
		return t.unknown()
	case in:
		return nil
	case len(t.writes) == 0:
		t.explicit = t.explicit && !t.reports
		return nil
	case t.explicit && t.reports, !t.explicit && autocommit && w == nil:
		t.explicit = false
		return t.unknown()
	case !t.explicit && autocommit:
		return t.seal()
	}
	return nil
}

// implicit handles what commits by itself, unless the server says that the transaction goes on.
func (t *transaction) implicit(w *write, in bool) []sealed {
	var out []sealed
	if !in {
		out = t.seal()
		t.explicit = false
	}
	if w != nil {
		t.add(*w)
		if !in {
			out = append(out, t.seal()...)
		}
	}
	return out
}

func (t *transaction) opaque(c stmt.Control, w *write, in bool) []sealed {
	if w != nil {
		t.add(*w)
	}
	switch c.Kind {
	case stmt.XAStart:
		t.xa = true
	case stmt.XAOther:
		t.xa = in
	}
	out := t.unknown()
	t.explicit = t.explicit && in
	return out
}

func (t *transaction) savepoint(c stmt.Control) {
	at := -1
	for i, m := range t.marks {
		if m.name == c.Name {
			at = i
		}
	}
	switch {
	case c.Kind == stmt.Savepoint && at < 0 && len(t.marks) == maxSavepoints:
		t.doubt = true
	case c.Kind == stmt.Savepoint:
		if at >= 0 {
			t.marks = append(t.marks[:at], t.marks[at+1:]...)
		}
		t.marks = append(t.marks, savepoint{c.Name, len(t.writes)})
	case at < 0:
		t.doubt = len(t.writes) > 0
	case c.Kind == stmt.RollbackTo:
		t.writes, t.marks = t.writes[:t.marks[at].at], t.marks[:at+1]
	default:
		t.marks = t.marks[:at]
	}
}

// Errors of the server that say more than "this statement did nothing".
const (
	errSyntax      = 1064
	errCheckRead   = 1020 // some MariaDB versions roll the transaction back with it
	errLockTimeout = 1205
	errLockTable   = 1206
	errDeadlock    = 1213
)

// failed takes the failure of one statement.
func (t *transaction) failed(c stmt.Control, code uint16) []sealed {
	whole := code == errDeadlock || code == errLockTable || code == errLockTimeout && t.rollbackOnTimeout
	switch {
	case whole:
		t.explicit = false
		t.status &^= wire.StatusInTrans
		return t.drop()
	case code == errSyntax:
	case c.Kind == stmt.Commit:
		t.explicit = false
		return t.unknown()
	case code == errCheckRead, c.Kind == stmt.Begin, c.Kind == stmt.Implicit, c.Kind == stmt.Opaque, c.Kind == stmt.XAOther:
		t.doubt = t.doubt || len(t.writes) > 0
	}
	return nil
}

// lost takes a statement that was sent and got no answer, w being the tagged write it was.
func (t *transaction) lost(c stmt.Control, w *write) []sealed {
	switch c.Kind {
	case stmt.Commit, stmt.Begin, stmt.Implicit, stmt.Opaque, stmt.XAStart, stmt.XAOther:
		if w != nil {
			t.add(*w)
		}
		return t.unknown()
	}
	if w == nil {
		return nil
	}
	t.add(*w)
	if t.explicit || t.status&wire.StatusInTrans != 0 || t.status&wire.StatusAutocommit == 0 {
		return nil
	}
	return t.unknown()
}

func (t *transaction) add(w write) {
	t.rows += max(1, len(w.statement.Rows))
	if t.rows > t.maxRows {
		t.overflow = true
		w.statement.Rows = nil
		if len(t.writes) > t.maxRows {
			return
		}
	}
	t.writes = append(t.writes, w)
}

// seal ends the transaction as committed, or as unknown if that is in doubt.
func (t *transaction) seal() []sealed {
	if t.doubt {
		return t.unknown()
	}
	return t.end(shadow.Committed)
}

func (t *transaction) unknown() []sealed { return t.end(shadow.CommitUnknown) }

// drop ends the transaction as rolled back: nothing is left, unless an earlier commit cannot be ruled out.
func (t *transaction) drop() []sealed {
	if t.doubt {
		return t.unknown()
	}
	t.end(shadow.Committed)
	return nil
}

func (t *transaction) end(outcome shadow.CommitOutcome) []sealed {
	s := sealed{outcome, t.writes, t.orders, t.overflow}
	t.writes, t.orders, t.marks, t.rows, t.doubt, t.overflow = nil, nil, nil, 0, false, false
	if len(s.writes) == 0 {
		return nil
	}
	return []sealed{s}
}

package rowlog

import (
	"slices"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
)

// transaction is one group of the log while it is read.
type transaction struct {
	gtid       string
	at         time.Time
	release    string // of the first mark in a statement's text; "" = untagged so far
	text       string // of the statement whose rows follow
	statements []shadow.Statement
	orders     []string
	rows       int
	overflow   bool
	begun      bool // BEGIN was seen, or is implied
	prepared   bool // by XA: its end is elsewhere
	marks      []savepoint
	nameless   bool // rows of a declared table were written in a way that names no order
}

type savepoint struct {
	name           string
	statements, at int
}

// comment takes the text of the statement whose rows follow.
func (t *transaction) comment(text []byte) {
	t.text = string(text)
	t.mark(text)
}

func (t *transaction) mark(text []byte) {
	if t.release != "" {
		return
	}
	if release, ok := stmt.Mark(text, 0); ok {
		t.release = release
	}
}

// add takes the rows of one event.
func (r *Reader) add(t *transaction, e *replication.RowsEvent) {
	policy, declared := r.table(string(e.Table.Schema), string(e.Table.Table))
	s := shadow.Statement{Verb: e.Type().String(), Table: string(e.Table.Table), Text: stmt.Mask(t.text, 0), Affected: 1}
	switch {
	case !declared && r.foreignSchema(e):
		return
	case !declared:
		s.Cause = shadow.CauseUnkeyedTable
	case policy.Policy == Ignore:
		return
	default:
		r.images(t, e, policy, &s)
	}
	t.statements = append(t.statements, s)
}

// foreignSchema tells that a table is in a schema nobody asked for: an XA or server table, or another service's.
func (r *Reader) foreignSchema(e *replication.RowsEvent) bool {
	return strings.EqualFold(string(e.Table.Schema), "mysql")
}

// images reads the rows of a declared table, or the cause why they cannot be told.
func (r *Reader) images(t *transaction, e *replication.RowsEvent, policy Table, s *shadow.Statement) {
	columns, ok := layoutOf(e.Table)
	if !ok || partial(e) || r.odd.has(s.Table, columns.names) {
		s.Cause, t.nameless = shadow.CauseUnclassified, true
		return
	}
	if s.Key = policy.Key; len(s.Key) == 0 {
		s.Key = columns.key
	}
	update := e.Type() == replication.EnumRowsEventTypeUpdate
	for i, values := range e.Rows {
		if t.rows++; t.rows > r.cfg.MaxRows {
			t.overflow = true
		}
		row, ok := columns.row(values, r.charsets)
		if !ok {
			s.Cause, t.nameless = shadow.CauseUnclassified, true
			break
		}
		t.order(row, policy.OrderColumn)
		if e.Type() == replication.EnumRowsEventTypeDelete || update && i%2 == 0 {
			s.Before = append(s.Before, row)
		} else {
			s.Rows = append(s.Rows, row)
		}
	}
	s.Affected = uint64(max(len(s.Rows), len(s.Before)))
	switch {
	case s.Cause != "":
	case len(s.Key) == 0:
		s.Cause = shadow.CauseUnkeyedTable
	case policy.Policy == InsertOnly && e.Type() != replication.EnumRowsEventTypeInsert:
		s.Cause = shadow.CauseNotInsert
	}
	if t.overflow {
		s.Rows, s.Before = nil, nil
	}
}

// partial tells that an event does not hold every column of every row.
func partial(e *replication.RowsEvent) bool {
	if slices.ContainsFunc(e.SkippedColumns, func(skipped []int) bool { return len(skipped) > 0 }) {
		return true
	}
	return e.Type() == replication.EnumRowsEventTypeUnknown
}

func (t *transaction) order(row shadow.Row, column string) {
	if column == "" {
		return
	}
	at := slices.IndexFunc(row.Columns, func(c string) bool { return strings.EqualFold(c, column) })
	if at < 0 {
		t.nameless = true
		return
	}
	if v := row.Values[at]; !v.Null && !slices.Contains(t.orders, v.Text) {
		t.orders = append(t.orders, v.Text)
	}
}

// savepoint, back and behind do what a statement says inside a transaction that wrote to tables without transactions too;
// in any other the server itself leaves out what was rolled back.
func (t *transaction) savepoint(name string) {
	t.marks = append(t.marks, savepoint{name, len(t.statements), len(t.orders)})
}

func (t *transaction) back(name string) {
	for i := len(t.marks) - 1; i >= 0; i-- {
		if m := t.marks[i]; m.name == name {
			t.statements, t.orders, t.marks = t.statements[:m.statements], t.orders[:m.at], t.marks[:i+1]
			return
		}
	}
	t.statements = append(t.statements, shadow.Statement{Verb: "unknown", Cause: shadow.CauseUnclassified})
}

// written takes a statement that stands in the log as text: what it did to rows is not told. Outside of BEGIN it is a
// definition, or a TRUNCATE.
func (r *Reader) written(t *transaction, schema, text string) {
	t.mark([]byte(text))
	all, err := stmt.New().Classify(text, 0)
	s := shadow.Statement{Verb: "unknown", Text: stmt.Mask(text, 0), Affected: 1, Cause: shadow.CauseUnclassified}
	if err != nil || len(all) != 1 {
		t.statements = append(t.statements, s)
		t.nameless = t.nameless || t.begun && strings.EqualFold(schema, r.cfg.Schema)
		return
	}
	s.Verb, s.Table = all[0].Verb, all[0].Target.Name
	if all[0].Class == stmt.DDL {
		s.Cause = shadow.CauseNotInsert
	}
	concerned := all[0].Target.Name == "" && len(all[0].Tables) == 0
	for _, table := range all[0].Tables {
		if table.Schema == "" {
			table.Schema = schema
		}
		policy, declared := r.table(table.Schema, table.Name)
		concerned = concerned || declared && policy.Policy != Ignore
	}
	t.nameless = t.nameless || concerned && (all[0].Writes() || strings.HasPrefix(strings.ToUpper(s.Text), "TRUNCATE"))
	t.statements = append(t.statements, s)
}

// writeSet makes the noun of a tagged transaction.
func (t *transaction) writeSet() shadow.WriteSet {
	ws := shadow.WriteSet{
		ID: "binlog:" + t.gtid, Side: shadow.Primary, Release: t.release, Outcome: shadow.Committed, Statements: t.statements,
		Sealed: t.at, Position: t.gtid, TimeZone: "+00:00",
	}
	if len(t.orders) == 1 {
		ws.Order = t.orders[0]
	}
	ws.Cause = t.cause()
	if t.prepared {
		ws.Outcome, ws.Cause = shadow.CommitUnknown, shadow.CauseUnknownCommit
	}
	return ws
}

func (t *transaction) cause() string {
	if t.overflow || len(t.orders) > 1 {
		return shadow.CauseUnclassified
	}
	for _, s := range t.statements {
		if s.Cause != "" {
			return s.Cause
		}
	}
	if len(t.orders) == 0 {
		return shadow.CauseNoKey
	}
	return ""
}

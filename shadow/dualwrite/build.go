package dualwrite

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// write gives the tagged write that a confirmed statement was; nil if it wrote nothing or is untagged.
func (r *Recorder) write(it item, w *work, part wire.Part) *write {
	if it.release == "" {
		return nil
	}
	out := &write{release: it.release, logged: it.logged && it.control.Kind != stmt.Opaque, statement: shadow.Statement{
		Verb: "unknown", Text: it.masked, Affected: part.Affected, LastInsertID: part.LastInsertID, Cause: shadow.CauseUnclassified,
	}}
	s := it.statement
	switch {
	case s == nil && controls(it.control.Kind):
		return nil
	case s == nil:
		return out
	case s.Writes():
		if policy, declared := r.shared.table(s.Target, r.schema); declared && policy.Ignore {
			return nil
		}
		r.fill(out, s, w, part)
		return out
	case s.Class == stmt.DDL:
		out.statement.Verb, out.statement.Cause = s.Verb, shadow.CauseNotInsert
		return out
	case s.Class == stmt.Admin, s.Class == stmt.CallingRead && !locksOnly(s.Functions):
		out.statement.Verb = s.Verb
		out.logged = out.logged && s.Class != stmt.Admin
		return out
	}
	return nil
}

// controls tells whether a kind is read well enough to know that it writes no row itself.
func controls(k stmt.ControlKind) bool {
	switch k {
	case stmt.NoControl, stmt.Opaque, stmt.Implicit:
		return false
	}
	return true
}

func locksOnly(functions []string) bool {
	return !slices.ContainsFunc(functions, func(f string) bool { return !stmt.IsLockFunction(f) })
}

// fill tells what a write did, as far as its text and parameters say.
func (r *Recorder) fill(out *write, s *stmt.Statement, w *work, part wire.Part) {
	st := &out.statement
	st.Verb, st.Table, st.Cause = s.Verb, s.Target.Name, ""
	policy, declared := r.shared.table(s.Target, r.schema)
	switch {
	case !declared:
		st.Cause = shadow.CauseUnkeyedTable
		return
	case w.spoiled:
		st.Cause = shadow.CauseUnclassified
		return
	}
	out.orders = r.orders(s, w)
	if len(policy.Shared) > 0 {
		st.Deltas, st.Cause = r.deltas(s, policy, w, part)
		return
	}
	if s.Class != stmt.Insert {
		st.Cause = shadow.CauseNotInsert
		return
	}
	st.Rows, st.Cause = r.insertRows(s.Insert, policy, w.paramSets(), part)
}

// orders gives the order keys that a statement yields, one for each row that tells it.
func (r *Recorder) orders(s *stmt.Statement, w *work) []string {
	if w.order != "" {
		return []string{w.order}
	}
	policy, declared := r.shared.table(s.Target, r.schema)
	if !declared || w.spoiled {
		return nil
	}
	var orders []string
	for _, params := range w.paramSets() {
		v := values{params: params, utf8: r.utf8}
		if s.Insert != nil {
			orders = append(orders, insertOrders(s.Insert, policy, v)...)
		} else {
			orders = append(orders, whereOrders(s.Where, policy, v)...)
		}
	}
	return orders
}

// paramSets gives at least one set of parameters.
func (w *work) paramSets() [][]paramValue {
	if len(w.sets) == 0 {
		return [][]paramValue{nil}
	}
	return w.sets
}

// values resolves values of a text with the parameters of an execution.
type values struct {
	params []paramValue
	utf8   bool
}

// resolve gives a value, or the cause why it cannot be told.
func (v values) resolve(in stmt.Value) (shadow.Value, string) {
	switch in.Kind {
	case stmt.Null:
		return shadow.Value{Null: true}, ""
	case stmt.Literal:
		if _, err := strconv.ParseFloat(in.Text, 64); in.Hex && err == nil {
			return shadow.Value{}, shadow.CauseUnclassified // the column's type decides between number and digits
		}
		return v.text(in.Text, in.Binary)
	case stmt.Param:
		if in.Index >= len(v.params) {
			return shadow.Value{}, shadow.CauseUnclassified
		}
		p := v.params[in.Index]
		if p.null {
			return shadow.Value{Null: true}, ""
		}
		return v.text(p.text, false)
	}
	return shadow.Value{}, shadow.CauseNondeterministic
}

func (v values) text(s string, binary bool) (shadow.Value, string) {
	if !v.utf8 && !isASCII(s) {
		return shadow.Value{}, shadow.CauseUnclassified
	}
	return shadow.Value{Text: s, Binary: binary || !utf8.ValidString(s)}, ""
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}

func insertOrders(in *stmt.InsertValues, policy Table, v values) []string {
	at := column(in.Columns, policy.OrderColumn)
	if at < 0 {
		return nil
	}
	var orders []string
	for _, row := range in.Rows {
		if at >= len(row) {
			continue
		}
		if value, cause := v.resolve(row[at]); cause == "" && !value.Null {
			orders = append(orders, value.Text)
		}
	}
	return orders
}

func whereOrders(where []stmt.Equal, policy Table, v values) []string {
	var orders []string
	for _, eq := range where {
		if policy.OrderColumn == "" || !strings.EqualFold(eq.Column, policy.OrderColumn) {
			continue
		}
		if value, cause := v.resolve(eq.Value); cause == "" && !value.Null {
			orders = append(orders, value.Text)
		}
	}
	return orders
}

func column(columns []string, name string) int {
	return slices.IndexFunc(columns, func(c string) bool { return name != "" && strings.EqualFold(c, name) })
}

// insertRows gives the rows an INSERT left in the table, or the cause why they cannot be told.
func (r *Recorder) insertRows(in *stmt.InsertValues, policy Table, sets [][]paramValue, part wire.Part) ([]shadow.Row, string) {
	total := len(in.Rows) * len(sets)
	switch {
	case in.OnDuplicate:
		return nil, shadow.CauseNotInsert
	case in.Select, in.Ignore && part.Affected > 0 && part.Affected < uint64(total):
		return nil, shadow.CauseNondeterministic
	case part.Affected == 0:
		return nil, ""
	case len(in.Columns) == 0, part.Affected != uint64(total):
		return nil, shadow.CauseUnclassified
	}
	var rows []shadow.Row
	for _, params := range sets {
		for _, from := range in.Rows {
			row, cause := r.insertRow(in, from, policy, values{params, r.utf8}, part, total)
			if cause != "" {
				return nil, cause
			}
			rows = append(rows, row)
		}
	}
	return rows, ""
}

func (r *Recorder) insertRow(in *stmt.InsertValues, from []stmt.Value, policy Table, v values, part wire.Part, total int) (shadow.Row, string) {
	if len(from) != len(in.Columns) {
		return shadow.Row{}, shadow.CauseUnclassified
	}
	var row shadow.Row
	numbered := policy.AutoIncrement == ""
	for i, name := range in.Columns {
		if from[i].Kind == stmt.ByDefault {
			continue
		}
		value, cause := v.resolve(from[i])
		if cause != "" {
			return shadow.Row{}, cause
		}
		if strings.EqualFold(name, policy.AutoIncrement) {
			if value.Text == "0" && r.around.numbersZero() {
				return shadow.Row{}, shadow.CauseNondeterministic
			}
			if value.Null || value.Text == "0" {
				continue
			}
			numbered = true
		}
		row.Columns, row.Values = append(row.Columns, name), append(row.Values, value)
	}
	if !numbered {
		if total != 1 || in.Ignore || part.LastInsertID == 0 {
			return shadow.Row{}, shadow.CauseNondeterministic
		}
		row.Columns = append(row.Columns, policy.AutoIncrement)
		row.Values = append(row.Values, shadow.Value{Text: strconv.FormatUint(part.LastInsertID, 10)})
	}
	for _, key := range policy.Key {
		if column(row.Columns, key) < 0 {
			return shadow.Row{}, shadow.CauseNondeterministic
		}
	}
	return row, ""
}

// writeSet makes the noun of a sealed transaction.
func (r *Recorder) writeSet(s sealed) shadow.WriteSet {
	cfg := r.shared.cfg
	ws := shadow.WriteSet{ID: cfg.NewID(), Side: cfg.Side, Outcome: s.outcome, Sealed: cfg.Now(), Thread: r.thread, TimeZone: r.around.zone.value}
	if r.around.mode.known {
		mode := r.around.mode.value // a copy: the session goes on
		ws.SQLMode = &mode
	}
	changed := s.outcome != shadow.Committed
	orders := slices.Clone(s.orders)
	for _, w := range s.writes {
		if ws.Release == "" {
			ws.Release = w.release
		}
		ws.Statements = append(ws.Statements, w.statement)
		orders = append(orders, w.orders...)
		changed = changed || w.statement.Affected > 0 || w.statement.Cause == shadow.CauseUnclassified
	}
	if !changed {
		ws.Outcome = shadow.NothingWritten
	}
	slices.Sort(orders)
	orders = slices.Compact(orders)
	if len(orders) == 1 {
		ws.Order = orders[0]
	}
	ws.Cause = r.cause(s, ws, len(orders), changed)
	if r.broken {
		ws.Outcome, ws.Cause = shadow.CommitUnknown, shadow.CauseUnclassified
	}
	return ws
}

// cause says what spoils a write set as a whole; "" = nothing.
func (r *Recorder) cause(s sealed, ws shadow.WriteSet, orders int, changed bool) string {
	if ws.Outcome == shadow.CommitUnknown {
		return shadow.CauseUnknownCommit
	}
	if s.overflow || orders > 1 || r.around.zone.unclear || r.around.mode.unclear {
		return shadow.CauseUnclassified
	}
	for _, st := range ws.Statements {
		spoils := st.Cause == shadow.CauseUnkeyedTable || st.Cause == shadow.CauseUnclassified || r.shared.cfg.Mode == Apply
		if st.Cause != "" && spoils && (st.Affected > 0 || st.Cause == shadow.CauseUnclassified) {
			return st.Cause
		}
	}
	if changed && orders == 0 {
		return shadow.CauseNoKey
	}
	return ""
}

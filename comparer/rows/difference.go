package rows

import (
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// absent is how a side prints that it lacks a row.
const absent = "absent"

// looked is what one look at an order found.
type looked struct {
	Result
	compared, mismatched []int // rows, by table of the plan
}

// findings compares the joined rows of an order.
type findings struct {
	join  *join
	limit int
	out   looked
}

func (c *Comparer) judge(p *plan, primary, shadowed *orderRows, known []shadow.Binding) looked {
	j := newJoin(p, primary, shadowed, known)
	j.run()
	f := &findings{join: j, limit: c.config.MaxMismatches}
	f.out.compared, f.out.mismatched = make([]int, len(p.tables)), make([]int, len(p.tables))
	for t := range p.tables {
		f.table(t)
	}
	if primary != nil && primary.over || shadowed != nil && shadowed.over {
		f.tooMany()
	}
	f.out.Bindings = j.ids.learned
	return f.out
}

// tooMany takes back what was found: a row that seems missing may be among those that were not kept.
func (f *findings) tooMany() {
	f.out.Cause = shadow.CauseTruncated
	f.out.Mismatches, f.out.Where, f.out.More = nil, nil, 0
	clear(f.out.mismatched)
}

func (f *findings) table(t int) {
	j := f.join
	if !j.plan.tables[t].keyed {
		if len(j.rows[atPrimary][t])+len(j.rows[atShadow][t]) > 0 {
			f.out.Cause = shadow.CauseUnkeyedTable
		}
		return
	}
	for p, s := range j.mate[atPrimary][t] {
		differs := s == none
		if differs {
			f.oneSided(t, atPrimary, p)
		} else {
			differs = f.pair(t, p, s)
		}
		f.count(t, differs)
	}
	for s, p := range j.mate[atShadow][t] {
		if p == none {
			f.oneSided(t, atShadow, s)
			f.count(t, true)
		}
	}
}

func (f *findings) count(t int, differs bool) {
	f.out.Rows++
	f.out.compared[t]++
	if differs {
		f.out.mismatched[t]++
	}
}

// pair compares two joined rows and tells whether they differ.
func (f *findings) pair(t, p, s int) bool {
	differs := false
	table := &f.join.plan.tables[t]
	a, b := f.join.rows[atPrimary][t][p], f.join.rows[atShadow][t][s]
	for i, c := range table.columns {
		if f.join.equal(c, a[i], b[i]) {
			f.bind(c, a[i], b[i])
			continue
		}
		differs = true
		expected := show(c, a[i])
		if c.alias != "" {
			expected = f.expectedID(c, a[i])
		}
		f.add(table, a, shadow.Mismatch{Field: c.name, Kind: shadow.KindValue, Class: c.class, Expected: expected, Actual: show(c, b[i])})
	}
	return differs
}

func (f *findings) bind(c column, p, s cell) {
	if c.alias != "" && p.canon != "" && s.canon != "" {
		f.join.ids.bind(c.alias, p.canon, s.canon) // they fit: equal said so
	}
}

// expectedID says which id the shadow should show for the primary's.
func (f *findings) expectedID(c column, p cell) string {
	if p.null || p.canon == "" {
		return show(c, p)
	}
	if id, ok := f.join.ids.other(atPrimary, c.alias, p.canon); ok {
		return clip(id)
	}
	return clip("an id of its own for " + show(c, p))
}

// oneSided is a row that the other side lacks; it weighs as much as the worst column it holds.
func (f *findings) oneSided(t, side, i int) {
	table := &f.join.plan.tables[t]
	r := f.join.rows[side][t][i]
	m := shadow.Mismatch{Kind: shadow.KindMissing, Class: table.worst(), Expected: table.describe(r), Actual: absent}
	if side == atShadow {
		m.Kind, m.Expected, m.Actual = shadow.KindExtra, m.Actual, m.Expected
	}
	f.add(table, r, m)
}

func (f *findings) add(t *tablePlan, r row, m shadow.Mismatch) {
	if len(f.out.Mismatches) == f.limit {
		f.out.More++
		return
	}
	m.Place, m.Name = shadow.InRow, t.name
	f.out.Mismatches = append(f.out.Mismatches, m)
	f.out.Where = append(f.out.Where, recon.Origin{Table: t.name, Row: t.keyOf(r)}.String())
}

// worst is the class of the column that weighs most.
func (t *tablePlan) worst() shadow.FieldClass {
	for _, class := range []shadow.FieldClass{
		shadow.ClassMoney, shadow.ClassCurrency, shadow.ClassAccount, shadow.ClassDirection, shadow.ClassOrder, shadow.ClassAlias,
	} {
		for _, c := range t.columns {
			if c.class == class {
				return class
			}
		}
	}
	return shadow.ClassPlain
}

// keyOf prints a row's natural key: "refund_no=R1,line=2".
func (t *tablePlan) keyOf(r row) string {
	parts := make([]string, len(t.key))
	for i, k := range t.key {
		parts[i] = t.columns[k].name + "=" + show(t.columns[k], r[k])
	}
	return clip(strings.Join(parts, ","))
}

// describe prints a row's key and its money.
func (t *tablePlan) describe(r row) string {
	text := t.keyOf(r)
	for i, c := range t.columns {
		if c.class == shadow.ClassMoney && !c.key {
			text += " " + c.name + "=" + show(c, r[i])
		}
	}
	return clip(text)
}

package rows

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// none is the mate of a row that has none.
const none = -1

// maxCompared bounds the pairs of rows that are held against each other to find the fewest differences; a larger group is
// joined in its order.
const maxCompared = 10_000

// join finds for each row of an order on one side its row on the other.
type join struct {
	plan *plan
	rows [2][][]row // side, table
	mate [2][][]int // side, table: place of the other side's row
	left [2][]int   // side, table: rows without a mate
	ids  *mapping
	seen [2]map[aliasValue]int // place of the row that a generated id names; none = several
}

func newJoin(p *plan, primary, shadowed *orderRows, known []shadow.Binding) *join {
	j := &join{plan: p, ids: newMapping(known)}
	for side, rows := range []*orderRows{primary, shadowed} {
		if rows == nil {
			rows = &orderRows{tables: make([][]row, len(p.tables))}
		}
		j.rows[side] = rows.tables
		j.mate[side], j.left[side] = make([][]int, len(p.tables)), make([]int, len(p.tables))
		for t, list := range rows.tables {
			if len(list) > 1 {
				slices.SortFunc(list, p.tables[t].compare)
			}
			j.left[side][t] = len(list)
			j.mate[side][t] = slices.Repeat([]int{none}, len(list))
		}
	}
	return j
}

// compare orders rows so that the result depends neither on the server's order nor on its ids, where it can be helped.
func (t *tablePlan) compare(a, b row) int {
	for rank := range 3 {
		for i, c := range t.columns {
			if c.sortRank() != rank {
				continue
			}
			if d := compareCells(c, a[i], b[i]); d != 0 {
				return d
			}
		}
	}
	return 0
}

// sortRank puts generated ids last, and times that may differ before them.
func (c column) sortRank() int {
	switch {
	case c.alias != "":
		return 2
	case c.tolerance > 0:
		return 1
	}
	return 0
}

// compareCells orders ids by length first, which is the order in which a server counted them.
func compareCells(c column, a, b cell) int {
	if a.null != b.null {
		if a.null {
			return -1
		}
		return 1
	}
	if c.alias != "" && len(a.canon) != len(b.canon) {
		return cmp.Compare(len(a.canon), len(b.canon))
	}
	return strings.Compare(a.canon, b.canon)
}

// run joins until nothing more can be joined. Each step that joined something may have decided what came before it.
func (j *join) run() {
	for j.open() {
		if j.all(j.decided) || j.hinted() || j.first(j.undecided) || j.first(j.differing) || j.first(j.rebound) {
			continue
		}
		return
	}
}

func (j *join) open() bool {
	return slices.ContainsFunc(j.tables(), j.openIn)
}

func (j *join) openIn(t int) bool { return j.left[atPrimary][t] > 0 && j.left[atShadow][t] > 0 }

func (j *join) tables() []int {
	out := make([]int, 0, len(j.plan.tables))
	for t := range j.plan.tables {
		if j.plan.tables[t].keyed {
			out = append(out, t)
		}
	}
	return out
}

func (j *join) all(step func(t int) bool) bool {
	joined := false
	for _, t := range j.tables() {
		if j.openIn(t) && step(t) {
			joined = true
		}
	}
	return joined
}

func (j *join) first(step func(t int) bool) bool {
	return slices.ContainsFunc(j.tables(), func(t int) bool { return j.openIn(t) && step(t) })
}

// decided joins what its natural key decides, or what is equal and the only one of its kind. Rows without ids that are
// equal are interchangeable: they are joined one to one, in their order.
func (j *join) decided(t int) bool {
	joined := false
	for _, g := range j.groups(t, ofKey) {
		if !g.open && len(g.primary) == 1 && len(g.shadow) == 1 {
			j.pair(t, g.primary[0], g.shadow[0])
			joined = true
		}
	}
	for _, g := range j.groups(t, ofRow) {
		if !g.open || len(g.primary) == 1 && len(g.shadow) == 1 {
			joined = j.pairEqual(t, g) || joined
		}
	}
	return joined
}

// undecided joins, in their order, rows that are equal but for ids which nothing has bound.
func (j *join) undecided(t int) bool {
	joined := false
	for _, g := range j.groups(t, ofRow) {
		joined = j.pairEqual(t, g) || joined
	}
	return joined
}

// differing joins rows of the same key that differ otherwise, those with the fewest differences first.
func (j *join) differing(t int) bool {
	joined := false
	for _, g := range j.groups(t, ofKey) {
		if len(g.primary)*len(g.shadow) > maxCompared {
			for i := range min(len(g.primary), len(g.shadow)) {
				j.pair(t, g.primary[i], g.shadow[i])
				joined = true
			}
			continue
		}
		joined = j.pairNearest(t, g) || joined
	}
	return joined
}

func (j *join) pairNearest(t int, g *group) bool {
	type candidate struct{ p, s, differences int }
	var all []candidate
	for _, p := range g.primary {
		for _, s := range g.shadow {
			all = append(all, candidate{p, s, j.differences(t, p, s)})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.differences, b.differences) })
	for _, c := range all {
		if j.mate[atPrimary][t][c.p] == none && j.mate[atShadow][t][c.s] == none {
			j.pair(t, c.p, c.s)
		}
	}
	return len(all) > 0
}

// rebound joins rows that are equal but for an id of the key which is bound to another one. The id stays a difference.
func (j *join) rebound(t int) bool {
	joined := false
	for _, g := range j.groups(t, ofRowButIDs) {
		joined = j.pairEqual(t, g) || joined
	}
	return joined
}

// hinted joins rows that are equal but for their ids where a foreign key of rows joined already says which is which.
func (j *join) hinted() bool {
	joined := false
	for _, t := range j.tables() {
		for p, s := range j.mate[atPrimary][t] {
			if s == none {
				continue
			}
			for i, c := range j.plan.tables[t].columns {
				if c.alias != "" && !c.owner {
					joined = j.follow(c.alias, j.rows[atPrimary][t][p][i], j.rows[atShadow][t][s][i]) || joined
				}
			}
		}
	}
	return joined
}

// follow joins the two rows that a foreign key names on either side, if they are equal but for their ids.
func (j *join) follow(alias string, primary, shadowed cell) bool {
	if primary.null || shadowed.null {
		return false
	}
	t, p, s := j.named(alias, primary.canon, shadowed.canon)
	if p == none || s == none || j.mate[atPrimary][t][p] != none || j.mate[atShadow][t][s] != none {
		return false
	}
	a, _ := j.token(atPrimary, t, p, ofRow)
	b, _ := j.token(atShadow, t, s, ofRow)
	if a != b || !j.timesNear(t, p, s) {
		return false
	}
	j.pair(t, p, s)
	return true
}

// named finds the rows that an id names on each side.
func (j *join) named(alias, primary, shadowed string) (t, p, s int) {
	for t := range j.plan.tables {
		for i, c := range j.plan.tables[t].columns {
			if c.owner && c.alias == alias {
				return t, j.place(atPrimary, t, i, aliasValue{alias, primary}), j.place(atShadow, t, i, aliasValue{alias, shadowed})
			}
		}
	}
	return 0, none, none
}

func (j *join) place(side, t, column int, id aliasValue) int {
	if j.seen[side] == nil {
		j.seen[side] = map[aliasValue]int{}
	}
	if i, ok := j.seen[side][id]; ok {
		return i
	}
	found := none
	for i, r := range j.rows[side][t] {
		if r[column].null || r[column].canon != id.value {
			continue
		}
		if found != none {
			found = none
			break
		}
		found = i
	}
	j.seen[side][id] = found
	return found
}

// pair joins two rows and binds the ids that name them.
func (j *join) pair(t, p, s int) {
	j.mate[atPrimary][t][p], j.mate[atShadow][t][s] = s, p
	j.left[atPrimary][t]--
	j.left[atShadow][t]--
	for i, c := range j.plan.tables[t].columns {
		a, b := j.rows[atPrimary][t][p][i], j.rows[atShadow][t][s][i]
		if c.owner && a.canon != "" && b.canon != "" {
			j.ids.bind(c.alias, a.canon, b.canon) // what does not fit becomes a difference when the rows are compared
		}
	}
}

// pairEqual joins rows of a group one to one, those whose times are near.
func (j *join) pairEqual(t int, g *group) bool {
	joined := false
	for _, p := range g.primary {
		for _, s := range g.shadow {
			if j.mate[atShadow][t][s] == none && j.timesNear(t, p, s) {
				j.pair(t, p, s)
				joined = true
				break
			}
		}
	}
	return joined
}

func (j *join) timesNear(t, p, s int) bool {
	for i, c := range j.plan.tables[t].columns {
		if c.tolerance > 0 && !near(j.rows[atPrimary][t][p][i], j.rows[atShadow][t][s][i], c.tolerance) {
			return false
		}
	}
	return true
}

func (j *join) differences(t, p, s int) int {
	n := 0
	for i, c := range j.plan.tables[t].columns {
		if !j.equal(c, j.rows[atPrimary][t][p][i], j.rows[atShadow][t][s][i]) {
			n++
		}
	}
	return n
}

// equal holds two cells of a column against each other without binding anything.
func (j *join) equal(c column, p, s cell) bool {
	switch {
	case p.null || s.null:
		return p.null == s.null
	case c.alias != "" && p.canon != "" && s.canon != "":
		return j.ids.fits(c.alias, p.canon, s.canon)
	case c.tolerance > 0:
		return near(p, s, c.tolerance)
	}
	return p.canon == s.canon && p.fault == "" && s.fault == ""
}

package recongen

import (
	"fmt"
	"math"
)

// The sides, as files. A third side says what the first says in every other group, and what the second says in the rest.
const (
	Ours   = 0
	Theirs = 1
	Third  = 2
)

// plan numbers the rows of every side without holding them: first the regular bookings, which all sides share, then the
// planted groups, class by class. A row's place in its file is a permutation of its number.
type plan struct {
	regular uint64
	planted []planted
	rows    [3]uint64 // of each side
}

// planted are the groups of one class.
type planted struct {
	shape
	groups uint64
	first  uint64    // booking number of its first row, two for each group
	from   [3]uint64 // row number of its first row on each side
}

// place names a row: its class ("" for a regular booking), its group, and which of the group's rows it is.
type place struct {
	class Class
	group uint64
	part  uint64
	uid   uint64 // of the booking; both rows of a group have their own
}

func newPlan(c Config) (plan, error) {
	p := plan{}
	var ours uint64
	for _, s := range shapes() {
		groups := uint64(math.Round(c.Rates[s.class] * float64(c.Records)))
		if groups == 0 && c.Rates[s.class] > 0 {
			groups = 1
		}
		if groups > 0 {
			p.planted = append(p.planted, planted{shape: s, groups: groups})
		}
		ours += groups * s.rows[Ours]
	}
	if ours > uint64(c.Records) {
		return plan{}, fmt.Errorf("rates: the planted faults need %d rows, there are %d records; lower the rates", ours, c.Records)
	}
	p.regular = uint64(c.Records) - ours
	at, uid := [3]uint64{p.regular, p.regular, p.regular}, p.regular
	for i := range p.planted {
		g := &p.planted[i]
		g.first, g.from = uid, at
		uid += 2 * g.groups
		for side := range at {
			at[side] += g.count(side)
		}
	}
	p.rows = at
	return p, nil
}

// count is the number of rows of the class on one side.
func (g *planted) count(side int) uint64 {
	if side != Third {
		return g.groups * g.rows[side]
	}
	return g.groups/2*(g.rows[Ours]+g.rows[Theirs]) + g.groups%2*g.rows[Ours]
}

// like tells which of the first two sides a side repeats in a group.
func like(side int, group uint64) int {
	if side != Third {
		return side
	}
	return int(group % 2)
}

// row says what stands in row number r of a side.
func (p *plan) row(side int, r uint64) place {
	if r < p.regular {
		return place{uid: r}
	}
	for i := len(p.planted) - 1; ; i-- {
		if g := &p.planted[i]; r >= g.from[side] {
			return g.row(side, r-g.from[side])
		}
	}
}

func (g *planted) row(side int, i uint64) place {
	a, b := g.rows[Ours], g.rows[Theirs]
	at := place{class: g.class}
	switch {
	case side != Third:
		at.group, at.part = i/g.rows[side], i%g.rows[side]
	case i%(a+b) < a:
		at.group, at.part = i/(a+b)*2, i%(a+b)
	default:
		at.group, at.part = i/(a+b)*2+1, i%(a+b)-a
	}
	at.uid = g.first + 2*at.group + at.part
	return at
}

// numbers gives the row numbers of a group on one side.
func (g *planted) numbers(side int, group uint64) []uint64 {
	have := g.rows[like(side, group)]
	start := g.from[side] + group*have
	if side == Third {
		start = g.from[side] + group/2*(g.rows[Ours]+g.rows[Theirs]) + group%2*g.rows[Ours]
	}
	var found []uint64
	for i := range have {
		found = append(found, start+i)
	}
	return found
}

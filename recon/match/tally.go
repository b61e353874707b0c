package match

import (
	"fmt"
	"math"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// tally adds up what a worker found.
type tally struct {
	matched Totals
	breaks  map[recon.Break]*BreakTotals
	classes map[recon.Class]int64
	counted []counted // what is not in breaks yet
	has     []bool    // sides, of one booking
	sides   int
	err     error
}

// counted are bookings with one break, by their entries.
type counted struct {
	name  recon.Break
	count int64
	sides []sums
}

// BreakTotals says how many bookings have one break, and what each side has of them.
type BreakTotals struct {
	Break recon.Break
	Count int64
	Sides []Totals
}

func newTally(sides int) *tally {
	return &tally{breaks: map[recon.Break]*BreakTotals{}, classes: map[recon.Class]int64{}, sides: sides}
}

func (t *tally) of(b recon.Break) *BreakTotals {
	if t.breaks[b] == nil {
		t.breaks[b] = &BreakTotals{Break: b, Sides: make([]Totals, t.sides)}
	}
	return t.breaks[b]
}

// agree counts a booking that every side has.
func (t *tally) agree(e *entry.Entry) {
	if err := t.matched.add(totalOf(e)); err != nil && t.err == nil {
		t.err = err
	}
}

func totalOf(e *entry.Entry) Total {
	label := e.At.Label()
	return Total{Kind: label.Kind(), Currency: label.Currency(), Count: 1, Minor: e.Amount}
}

// difference counts one difference by its records.
func (t *tally) difference(d *Difference) error {
	b := t.of(d.Break)
	b.Count++
	if d.Class != "" {
		t.classes[d.Class]++
	}
	for i, r := range d.Records {
		if r != nil {
			if err := b.Sides[i].Add(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// entries counts one booking by its entries, whose keys are the same: at most one a side, and not all equal.
func (t *tally) entries(c *Config, g []sided) {
	to := t.countedAs(t.brokenAs(c, g))
	to.count++
	for i := range g {
		to.sides[g[i].side].count(&g[i].Entry)
	}
}

// brokenAs names the break.
func (t *tally) brokenAs(c *Config, g []sided) recon.Break {
	if len(g) < t.sides {
		t.has = append(t.has[:0], make([]bool, t.sides)...)
		for i := range g {
			t.has[g[i].side] = true
		}
		return c.missing(t.has)
	}
	broken := recon.FieldMismatch
	for i := range g {
		a, b := g[0].At.Label(), g[i].At.Label()
		switch {
		case g[0].Amount != g[i].Amount || (a != b && a.Currency() != b.Currency()):
			return recon.AmountMismatch
		case a != b && a.Status() != b.Status():
			broken = recon.StatusMismatch
		}
	}
	return broken
}

func (t *tally) countedAs(name recon.Break) *counted {
	for i := range t.counted {
		if t.counted[i].name == name {
			return &t.counted[i]
		}
	}
	t.counted = append(t.counted, counted{name: name, sides: make([]sums, t.sides)})
	return &t.counted[len(t.counted)-1]
}

// settle takes in what was counted by entries.
func (t *tally) settle() error {
	for _, c := range t.counted {
		to := t.of(c.name)
		to.Count += c.count
		for side := range c.sides {
			for _, s := range c.sides[side].all {
				if err := s.addTo(&to.Sides[side], 1); err != nil {
					return err
				}
			}
		}
	}
	t.counted = nil
	return nil
}

// sums takes in what the probe counted.
func (t *tally) sums(all []sum) error {
	for _, s := range all {
		if err := s.addTo(&t.matched, 1); err != nil {
			return err
		}
	}
	return nil
}

// addTo adds a sum to totals, or takes it away.
func (s *sum) addTo(t *Totals, sign int64) error {
	if s.hi != 0 || s.lo > math.MaxInt64 {
		return fmt.Errorf("total of %s: %w", s.label.Kind(), recon.ErrAmountOverflow)
	}
	return t.add(Total{Kind: s.label.Kind(), Currency: s.label.Currency(), Count: sign * s.count, Minor: sign * int64(s.lo)})
}

// merge adds another worker's tally.
func (t *tally) merge(o *tally) error {
	if o.err != nil {
		return o.err
	}
	if err := t.matched.Merge(o.matched); err != nil {
		return err
	}
	for class, n := range o.classes {
		t.classes[class] += n
	}
	for name, b := range o.breaks {
		to := t.of(name)
		to.Count += b.Count
		for i := range b.Sides {
			if err := to.Sides[i].Merge(b.Sides[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// list gives the breaks in the order reports print them.
func (t *tally) list() []BreakTotals {
	var out []BreakTotals
	for _, name := range Breaks() {
		if b := t.breaks[name]; b != nil {
			out = append(out, *b)
		}
	}
	return out
}

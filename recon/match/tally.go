package match

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// tally adds up what a worker found.
type tally struct {
	matched Totals
	breaks  map[recon.Break]*BreakTotals
	sides   int
	err     error
}

// BreakTotals says how many bookings have one break, and what each side has of them.
type BreakTotals struct {
	Break recon.Break
	Count int64
	Sides []Totals
}

func newTally(sides int) *tally {
	return &tally{breaks: map[recon.Break]*BreakTotals{}, sides: sides}
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
func (t *tally) entries(c *Config, g []sided) error {
	has := make([]bool, t.sides)
	broken := recon.FieldMismatch
	for i := range g {
		has[g[i].side] = true
		a, b := &g[0], &g[i]
		switch la, lb := a.At.Label(), b.At.Label(); {
		case a.Amount != b.Amount || la.Currency() != lb.Currency():
			broken = recon.AmountMismatch
		case la.Status() != lb.Status() && broken != recon.AmountMismatch:
			broken = recon.StatusMismatch
		}
	}
	if slices.Contains(has, false) {
		broken = c.missing(has)
	}
	to := t.of(broken)
	to.Count++
	for i := range g {
		if err := to.Sides[g[i].side].add(totalOf(&g[i].Entry)); err != nil {
			return err
		}
	}
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

package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// FateTotals says how many bookings had one fate by one rule, and what each side has of them.
type FateTotals struct {
	Fate  Fate            `json:"fate"`
	Rule  Rule            `json:"rule,omitempty"`
	Break recon.Break     `json:"break,omitempty"`
	Count int64           `json:"count"` // outcomes
	Sides [2]match.Totals `json:"-"`     // records
}

// DaySettled is the number of records that a day first had and this day brought to an end: settled, explained, netted or
// tolerated.
type DaySettled struct {
	Since   Day   `json:"since"`
	Records int64 `json:"records"`
}

// Share says how many differences of one rule or break were handled without anybody.
type Share struct {
	Rule    Rule        `json:"rule,omitempty"`
	Break   recon.Break `json:"break,omitempty"`
	Handled int64       `json:"handled"`
	Open    int64       `json:"open"` // carried: not over yet
	Broken  int64       `json:"broken"`
}

// PerMille is the share of what is over that was handled, in tenths of a percent, rounded down; 1000 where nothing is over.
func (s Share) PerMille() int64 {
	if s.Handled+s.Broken == 0 {
		return 1000
	}
	return s.Handled * 1000 / (s.Handled + s.Broken)
}

// SharesByRule adds up outcomes by the rule that decided, in the order of Rules.
func (o *Out) SharesByRule() []Share {
	var out []Share
	for _, rule := range Rules() {
		out = appendShare(out, o.Fates, Share{Rule: rule}, func(f *FateTotals) bool { return f.Rule == rule })
	}
	return out
}

// SharesByBreak adds up outcomes by what they are, or would be without the rules, in the order of match.Breaks.
func (o *Out) SharesByBreak() []Share {
	var out []Share
	for _, b := range match.Breaks() {
		out = appendShare(out, o.Fates, Share{Break: b}, func(f *FateTotals) bool { return f.Break == b })
	}
	return out
}

func appendShare(out []Share, fates []FateTotals, s Share, belongs func(*FateTotals) bool) []Share {
	for i := range fates {
		switch f := &fates[i]; {
		case !belongs(f):
		case f.Fate == Broken:
			s.Broken += f.Count
		case f.Fate == Carried:
			s.Open += f.Count
		case f.Fate == Overdue: // it counted as broken on its own day
		default:
			s.Handled += f.Count
		}
	}
	if s.Handled+s.Open+s.Broken == 0 {
		return out
	}
	return append(out, s)
}

type fateKey struct {
	fate Fate
	rule Rule
	brk  recon.Break
}

// fateSums adds up the outcomes of one fate, rule and break.
type fateSums struct {
	key   fateKey
	count int64
	sides [2]summed
}

func (s *fateSums) done() (f FateTotals, err error) {
	f = FateTotals{Fate: s.key.fate, Rule: s.key.rule, Break: s.key.brk, Count: s.count}
	for side := range f.Sides {
		if f.Sides[side], err = s.sides[side].done(); err != nil {
			return f, err
		}
	}
	return f, nil
}

// tally adds up outcomes.
type tally struct {
	fates    map[fateKey]*fateSums
	ended    map[Day]int64
	balance  balance
	lines    map[recon.Currency]int64 // debits of write-offs
	last     *fateSums
	outcomes int64
}

func newTally() tally {
	return tally{fates: map[fateKey]*fateSums{}, ended: map[Day]int64{}, balance: balance{}, lines: map[recon.Currency]int64{}}
}

func (t *tally) add(o *Outcome, day Day) error {
	key := fateKey{o.Fate, o.Rule, o.Break}
	if t.last == nil || key != t.last.key {
		if t.fates[key] == nil {
			t.fates[key] = &fateSums{key: key}
		}
		t.last = t.fates[key]
	}
	t.last.count++
	t.outcomes++
	for side, record := range o.Records {
		if record == nil {
			continue
		}
		if err := t.last.sides[side].add(record); err != nil {
			return err
		}
		if o.Since[side] < day && o.Fate != Carried && o.Fate != Overdue && o.Fate != Broken {
			t.ended[o.Since[side]]++
		}
	}
	for i := range o.WriteOff {
		if l := &o.WriteOff[i]; l.Debit {
			t.lines[l.Amount.Currency] += l.Amount.Minor
		}
	}
	return t.balance.add(o.WriteOff)
}

// list gives the totals in the order of fates, rules and breaks.
func (t *tally) list() (out []FateTotals, err error) {
	for _, fate := range Fates() {
		for _, rule := range Rules() {
			for _, b := range append([]recon.Break{""}, match.Breaks()...) {
				sums := t.fates[fateKey{fate, rule, b}]
				if sums == nil {
					continue
				}
				f, err := sums.done()
				if err != nil {
					return nil, err
				}
				out = append(out, f)
			}
		}
	}
	return out, nil
}

func (t *tally) history() []DaySettled {
	var out []DaySettled
	for _, day := range slices.Sorted(maps.Keys(t.ended)) {
		out = append(out, DaySettled{Since: day, Records: t.ended[day]})
	}
	return out
}

// conserved asserts, on every run, that what came in is what came out, on each side, in number and in money by kind and
// currency; that what is called carried is what was written; and that write-offs balance and are what was tolerated.
func (r *run) conserved(out *Out) error {
	listed := int64(0)
	carried := int64(0)
	var sum [2]match.Totals
	for _, f := range out.Fates {
		listed += f.Count
		if f.Fate == Carried {
			carried += f.Count
		}
		for side := range sum {
			if err := sum[side].Merge(f.Sides[side]); err != nil {
				return err
			}
		}
	}
	for side := range sum {
		if !sum[side].Equal(out.In[side]) {
			return fmt.Errorf("conservation broken on side %d: in %s, out %s", side, out.In[side], sum[side])
		}
	}
	if listed != r.out.outcomes || carried+r.kept != out.Carried.Items {
		return fmt.Errorf("conservation broken: %d outcomes and %d of them carried, %d listed and %d written", r.out.outcomes, carried+r.kept, listed, out.Carried.Items)
	}
	if err := r.out.balance.check(); err != nil {
		return err
	}
	used := map[recon.Currency]int64{}
	for _, c := range out.Caps {
		used[c.Used.Currency] += c.Used.Minor
		if c.Used.Minor > c.Cap.Minor {
			return fmt.Errorf("tolerance %s: %s of a cap of %s", c.Tolerance, c.Used, c.Cap)
		}
	}
	for currency, minor := range r.out.lines {
		if used[currency] != minor {
			return fmt.Errorf("conservation broken: %d minor units of %s tolerated, %d booked", used[currency], currency, minor)
		}
	}
	return nil
}

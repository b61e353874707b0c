package rules

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

var (
	seeds = flag.Int("seeds", 12, "simulated stretches of days")
	seed  = flag.Uint64("seed", 0, "first seed; 0 = any")
)

func simConfig(t *testing.T, limit int64) Config {
	t.Helper()
	holidays, err := ParseCalendar("sim.txt", []byte(simHolidays()))
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Compared: entry.CompareOrder, Calendar: holidays,
		Terms:      []Term{{Days: 2, Calendar: true}, {Kind: recon.KindPayment, Days: 1}, {Kind: recon.KindRefund, Days: 3}},
		Tolerances: []Tolerance{{Name: "rounding", Field: recon.FieldAmount, Row: cny(rowLimit), Cap: cny(limit), Until: monday + 365}},
		Reversals:  true, Refunds: true, Split: &Split{}, Settlement: &Settlement{By: ColumnLink("settlement")}, MaxLinked: 500,
	}
}

// TestSimulatedDays holds every record of every day against what was planted: its fate, its day, and that it was carried on
// each day before and told of on none after.
func TestSimulatedDays(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64()
	}
	shares := map[string]*Share{}
	for i := range *seeds {
		at := first + uint64(i)
		limit := int64(10_000)
		if i%3 == 0 {
			limit = 9 // spent on most days
		}
		t.Run(fmt.Sprint("seed ", at), func(t *testing.T) {
			p := newPlan(at)
			p.plant(900)
			p.caps(limit)
			told := simulate(t, p, simConfig(t, limit))
			if limit > 9 {
				count(shares, p, told)
			}
			compare(t, p, told)
		})
	}
	report(t, shares)
}

// simulate runs all days and gives what was told of each record: day and fate, in order.
func simulate(t *testing.T, p *plan, cfg Config) map[string][]string {
	t.Helper()
	b := &books{t: t, cfg: cfg}
	told := map[string][]string{}
	for _, day := range p.days {
		booked := p.bookedOn(day)
		joined, err := match.Join(context.Background(), side("ours", booked[internal]), side("theirs", booked[channel]))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range b.run(day, named(&cfg, joined.Groups)...) {
			for _, r := range o.Records {
				if r != nil {
					told[r.Origin.Row] = append(told[r.Origin.Row], fmt.Sprint(day, " ", o.Fate))
				}
			}
		}
	}
	return told
}

func side(name string, records []recon.Record) match.Side {
	return match.Side{Name: name, Records: func(yield func(recon.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}}
}

// compare wants just what was planted.
func compare(t *testing.T, p *plan, told map[string][]string) {
	t.Helper()
	wrong := 0
	for _, one := range copies(p) {
		var want []string
		if one.fate != "" {
			for day := one.day; day < one.end; day++ {
				want = append(want, fmt.Sprint(day, " ", Carried))
			}
			want = append(want, fmt.Sprint(one.end, " ", one.fate))
		}
		if got := told[one.record.Origin.Row]; !slices.Equal(got, want) {
			if wrong++; wrong <= 5 {
				t.Errorf("%s (side %d): got %s, want %s", one.record.Origin.Row, one.side, strings.Join(got, ", "), strings.Join(want, ", "))
			}
		}
		delete(told, one.record.Origin.Row)
	}
	if len(told) > 0 || wrong > 5 {
		t.Errorf("%d records wrong, %d told of that nobody planted", wrong, len(told))
	}
}

// copies gives the planted records with the copies of one line in the order in which match numbers them: by origin.
func copies(p *plan) []*planted {
	byKey := map[string][]*planted{}
	for _, one := range p.all {
		if one.class == "twice" {
			k := fmt.Sprint(one.side, one.record.Key)
			byKey[k] = append(byKey[k], one)
		}
	}
	for _, same := range byKey {
		if len(same) == 2 && same[0].record.Origin.Row > same[1].record.Origin.Row {
			same[0].record, same[1].record = same[1].record, same[0].record
		}
	}
	return p.all
}

// count adds up the last that was told of each record, by class.
func count(shares map[string]*Share, p *plan, told map[string][]string) {
	for _, one := range p.all {
		lines := told[one.record.Origin.Row]
		if len(lines) == 0 {
			continue
		}
		s := shares[one.class]
		if s == nil {
			s = &Share{}
			shares[one.class] = s
		}
		_, fate, _ := strings.Cut(lines[len(lines)-1], " ")
		switch Fate(fate) {
		case Broken:
			s.Broken++
		case Carried:
			s.Open++
		default:
			s.Handled++
		}
	}
}

// report prints the share of records of each class that nobody has to look at.
func report(t *testing.T, shares map[string]*Share) {
	t.Helper()
	for class, least := range map[string]int64{"late file": 1000, "late": 1000, "reversed": 1000, "split": 1000, "paid out": 1000, "rounding": 920} {
		s := shares[class]
		if s == nil || s.Handled == 0 {
			t.Errorf("%s: none was handled", class)
			continue
		}
		t.Logf("%-10s handled %5d, broken %4d, still carried %4d: %d.%d %%", class, s.Handled, s.Broken, s.Open, s.PerMille()/10, s.PerMille()%10)
		if s.PerMille() < least {
			t.Errorf("%s: %d per mille handled, at least %d", class, s.PerMille(), least)
		}
	}
}

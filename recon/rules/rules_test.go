package rules

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

func TestADayWithoutAnything(t *testing.T) {
	out, err := Apply(monday, &Config{}, In{Batch: batch(), Carry: &bytes.Buffer{}})
	if err != nil || len(out.Fates) != 0 || out.Carried.Items != 0 || len(out.Carried.Digest) != 64 {
		t.Errorf("%+v %v", out, err)
	}
}

func TestWhatMatchDoesNotGiveIsRefused(t *testing.T) {
	p1, p2 := ours(payment("P1", 100)), ours(payment("P2", 100))
	three := ours(payment("P1", 100))
	three.Records = append(three.Records, nil)
	none := ours(payment("P1", 100))
	none.Records = []*recon.Record{nil, nil}
	other := ours(payment("P1", 100))
	other.Key.ID = "P9"
	broken := errors.New("the disk is gone")
	for name, c := range map[string]struct {
		all  iter.Seq2[*match.Difference, error]
		want string
	}{
		"three sides":   {stream([]*match.Difference{three}), "difference payment P1: of 3 sides, not of two"},
		"no side":       {stream([]*match.Difference{none}), "difference payment P1: no side has it"},
		"order":         {stream([]*match.Difference{p2, p1}), "difference payment P1 copy 1 comes behind payment P2 copy 1; try: the order of match"},
		"twice":         {stream([]*match.Difference{p1, p1}), "difference payment P1 copy 1 comes behind payment P1 copy 1"},
		"another key":   {stream([]*match.Difference{other}), "difference payment P9: has a record of payment P1"},
		"a broken read": {func(yield func(*match.Difference, error) bool) { yield(nil, broken) }, "read differences: the disk is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Apply(monday, &Config{}, In{Batch: batch(), Differences: c.all, Carry: &bytes.Buffer{}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// full is a disk with no room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no room") }

func TestWhoListensMayFail(t *testing.T) {
	all := stream([]*match.Difference{ours(payment("P1", 100))})
	stop := errors.New("stop")
	if _, err := Apply(monday, &Config{}, In{Differences: all, Carry: &bytes.Buffer{}, Each: func(*Outcome) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
	if _, err := Apply(monday, &Config{Terms: everyDay(1)}, In{Differences: all, Carry: full{}}); err == nil || !strings.Contains(err.Error(), "write carried out: no room") {
		t.Errorf("got %v", err)
	}
	if _, err := Apply(monday, &Config{}, In{Differences: all}); err == nil {
		t.Error("nobody takes what is carried out")
	}
}

// TestConservationCanFail shows that each assertion of a run sees what it is there for.
func TestConservationCanFail(t *testing.T) {
	fresh := func() (*run, *Out) {
		r, err := newRun(monday, &Config{Terms: everyDay(1), Tolerances: []Tolerance{rounding(2, 5)}}, In{Batch: batch(), Carry: &bytes.Buffer{}, Differences: stream(sorted([]*match.Difference{
			ours(payment("P1", 100)), both("P2", 100, 99),
		}))})
		if err != nil {
			t.Fatal(err)
		}
		out, err := r.run()
		if err != nil {
			t.Fatal(err)
		}
		return r, out
	}
	for name, c := range map[string]struct {
		harm func(*run, *Out)
		want string
	}{
		"nothing":            {func(*run, *Out) {}, ""},
		"a fate is lost":     {func(_ *run, o *Out) { o.Fates = o.Fates[1:] }, "conservation broken on side 0"},
		"a fate is doubled":  {func(_ *run, o *Out) { o.Fates = append(o.Fates, o.Fates[0]) }, "conservation broken on side 0"},
		"a record came more": {func(_ *run, o *Out) { _ = o.In[channel].Add(payment("P3", 1)) }, "conservation broken on side 1"},
		"a cent came less": {func(_ *run, o *Out) {
			_ = o.In[internal].AddTotal(match.Total{Kind: recon.KindPayment, Currency: "CNY", Minor: -1})
		}, "conservation broken on side 0"},
		"nothing is written": {func(_ *run, o *Out) { o.Carried.Items = 0 }, "1 of them carried, 2 listed and 0 written"},
		"a line is lost":     {func(r *run, _ *Out) { r.out.balance["CNY"]++ }, "write-offs do not balance by 0.01 CNY"},
		"a cent is unbooked": {func(_ *run, o *Out) { o.Caps[0].Used.Minor++ }, "2 minor units of CNY tolerated, 1 booked"},
		"a cap is exceeded":  {func(_ *run, o *Out) { o.Caps[0].Cap.Minor = 0 }, "0.01 CNY of a cap of 0.00 CNY"},
	} {
		t.Run(name, func(t *testing.T) {
			r, out := fresh()
			c.harm(r, out)
			err := r.conserved(out)
			if (c.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestShares(t *testing.T) {
	b := &books{t: t, cfg: Config{Terms: everyDay(1), Tolerances: []Tolerance{rounding(2, 5)}}}
	b.run(monday, ours(payment("P1", 100)), both("P2", 100, 99), both("P3", 100, 50))
	b.run(monday+1, ours(payment("P4", 100)), both("P5", 100, 99), both("P6", 100, 50))
	got := fmt.Sprint(b.out.SharesByRule(), b.out.SharesByBreak())
	want := fmt.Sprint(
		[]Share{{Rule: RuleCarry, Open: 1, Broken: 1}, {Rule: RuleTolerance, Handled: 1}, {Broken: 1}},
		[]Share{{Break: recon.MissingAtChannel, Open: 1, Broken: 1}, {Break: recon.AmountMismatch, Handled: 1, Broken: 1}})
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := (Share{Handled: 999, Broken: 1}).PerMille(); n != 999 {
		t.Errorf("%d per mille", n)
	}
	if n := (Share{Open: 1}).PerMille(); n != 1000 {
		t.Errorf("%d per mille of nothing", n)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := &books{t: t, cfg: Config{Terms: everyDay(1), Tolerances: []Tolerance{rounding(1, 1)}, Metrics: NewMetrics(reg)}}
	if _, _, _, err := b.apply(monday, []*match.Difference{ours(payment("P1", 100)), both("P2", 100, 99), both("P3", 100, 99)}); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got += f.GetName()
			for _, l := range m.GetLabel() {
				got += " " + l.GetValue()
			}
			got += fmt.Sprintln("", m.GetCounter().GetValue())
		}
	}
	want := "touchstone_rules_outcomes_total break tolerance 1\ntouchstone_rules_outcomes_total carried carry 1\n" +
		"touchstone_rules_outcomes_total tolerated tolerance 1\ntouchstone_rules_tolerance_refused_total 1\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestCalendars(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":        {"# empty\n", "cn.txt:1:1: covers: is missing; try: covers 2026-01-01 2026-12-31"},
		"no day":         {"covers 2026-01-01 2026-12-31\n\n  1.1.2026 holiday\n", `cn.txt:3:3: day: is not a day (got "1.1.2026"); try: 2026-10-01`},
		"no kind":        {"covers 2026-01-01 2026-12-31\n2026-01-01\n", "cn.txt:2:11: kind: is missing; try: holiday or workday"},
		"another kind":   {"covers 2026-01-01 2026-12-31\r\n2026-01-01\toff\r\n", `cn.txt:2:12: kind: is neither holiday nor workday (got "off"); try: holiday or workday`},
		"twice":          {"covers 2026-01-01 2026-12-31\n2026-01-01 holiday\n2026-01-01 workday\n", `cn.txt:3:1: day: stands here a second time, first on line 2 (got "2026-01-01"); try: keep one of them`},
		"outside":        {"covers 2026-01-01 2026-12-31\n2027-01-01 holiday\n", `cn.txt:2:1: day: is not covered (got "2027-01-01"); try: a day from 2026-01-01 to 2026-12-31`},
		"too early":      {"2026-01-01 holiday\ncovers 2026-01-01 2026-12-31\n", `cn.txt:1:1: day: comes before the line that says what is covered (got "2026-01-01"); try: covers 2026-01-01 2026-12-31, first`},
		"covers nothing": {"covers 2026-01-01\n2026-01-01 holiday\n", "cn.txt:1:1: covers: does not name a first and a last day; try: covers 2026-01-01 2026-12-31"},
		"backwards":      {"covers 2026-12-31 2026-01-01\n2026-01-01 holiday\n", `cn.txt:1:19: covers: is not a last day (got "2026-01-01"); try: covers 2026-01-01 2026-12-31`},
		"covers twice":   {"covers 2026-01-01 2026-12-31\ncovers 2026-01-01 2026-12-31\n", "cn.txt:2:1: covers: stands here a second time; try: one line for all days"},
		"all at once":    {"covers 2026-01-01 2026-12-31\nx holiday\n2026-01-01 y\n", "cn.txt:2:1: day: is not a day (got \"x\"); try: 2026-10-01\ncn.txt:3:12: kind: is neither holiday nor workday (got \"y\"); try: holiday or workday"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseCalendar("cn.txt", []byte(c.text)); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestDays(t *testing.T) {
	for _, text := range []string{"2026-02-30", "26-01-01", "", "2026-01-01T00:00:00Z"} {
		if d, err := ParseDay(text); err == nil {
			t.Errorf("%q is %s", text, d)
		}
	}
	for day := DayOf(2023, time.December, 30); day < DayOf(2024, time.March, 3); day++ {
		if again, err := ParseDay(day.String()); err != nil || again != day {
			t.Errorf("%s is %d, then %d, %v", day, day, again, err)
		}
	}
	var d Day
	if text, err := monday.MarshalText(); err != nil || d.UnmarshalText(text) != nil || d != monday || monday.Weekday() != time.Monday {
		t.Errorf("%s %s", text, d)
	}
}

// FuzzCarried looks for bytes that do harm: only what a day has written is read.
func FuzzCarried(f *testing.F) {
	var carry bytes.Buffer
	_, err := Apply(monday, &Config{Terms: everyDay(9)}, In{Batch: batch(), Carry: &carry, Differences: stream(sorted([]*match.Difference{
		ours(payment("P1", 100, fee(3), further("a", "b"))), theirs(payment("P2", 100, at("2026-11-23T10:00:00Z"))),
	}))})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(carry.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := openCarried(CarriedIn{Open: opener(data)}, batch(), monday+1, &bytes.Buffer{})
		if err != nil {
			return
		}
		w := newCarryWriter(&bytes.Buffer{}, batch(), r.day)
		for {
			item, err := r.next()
			if err != nil {
				return
			}
			if item == nil {
				break
			}
			if err := w.item(item); err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
		out, err := w.end(slices.Clone(r.nets))
		if err != nil || out.Items != r.items {
			t.Fatalf("%d items read, %d written, %v", r.items, out.Items, err)
		}
	})
}

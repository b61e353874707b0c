package rules

import (
	"fmt"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

func rounding(row, limit int64) Tolerance {
	return Tolerance{Name: "rounding", Field: recon.FieldAmount, Row: cny(row), Cap: cny(limit), Until: monday + 1}
}

func both(id string, a, b int64) *match.Difference {
	return differ(0, payment(id, a), payment(id, b))
}

func TestToleratesUpToTheCapInTheOrderOfKeys(t *testing.T) {
	b := &books{t: t, cfg: Config{Tolerances: []Tolerance{rounding(2, 5)}}}
	got := b.run(monday, both("P5", 100, 99), both("P1", 100, 102), both("P2", 100, 98), both("P3", 100, 103), both("P4", 100, 98))
	expect(t, got,
		"tolerated tolerance amount-mismatch payment P1 ours since 2026-11-23 theirs since 2026-11-23",
		"tolerated tolerance amount-mismatch payment P2 ours since 2026-11-23 theirs since 2026-11-23",
		"break amount-mismatch payment P3 ours since 2026-11-23 theirs since 2026-11-23",
		"break tolerance amount-mismatch payment P4 ours since 2026-11-23 theirs since 2026-11-23 (tolerance rounding has 0.01 CNY left of 0.05 CNY)",
		"tolerated tolerance amount-mismatch payment P5 ours since 2026-11-23 theirs since 2026-11-23")
	if c := b.out.Caps[0]; c != (CapUse{Tolerance: "rounding", Rows: 3, Used: cny(5), Cap: cny(5), Refused: 1}) {
		t.Errorf("cap %+v", c)
	}
	if got[0].Delta.Minor != 2 || got[1].Delta.Minor != -2 {
		t.Errorf("gain %v, loss %v", got[0].Delta, got[1].Delta)
	}
}

func TestATolerancesEnd(t *testing.T) {
	b := &books{t: t, cfg: Config{Tolerances: []Tolerance{rounding(2, 5)}}}
	expect(t, b.run(monday+1, both("P1", 100, 99)), "tolerated tolerance amount-mismatch payment P1 ours since 2026-11-24 theirs since 2026-11-24")
	b.carried = CarriedIn{}
	expect(t, b.run(monday+2, both("P1", 100, 99)),
		"break tolerance amount-mismatch payment P1 ours since 2026-11-25 theirs since 2026-11-25 (tolerance rounding ended on 2026-11-24)")
	if b.out.Caps[0].Expired != 1 {
		t.Errorf("caps %+v", b.out.Caps)
	}
}

func TestEveryToleratedCentIsBooked(t *testing.T) {
	refund := func(a, b int64) *match.Difference {
		return differ(0, booking(recon.KindRefund, "R", a), booking(recon.KindRefund, "R", b))
	}
	settlement := func(a, b int64) *match.Difference {
		return differ(0, booking(recon.KindSettlement, "S", a), booking(recon.KindSettlement, "S", b))
	}
	for name, c := range map[string]struct {
		difference    *match.Difference
		debit, credit string
	}{
		"the channel paid less":              {both("P", 100, 99), "write-off", "suspense"},
		"the channel paid more":              {both("P", 100, 101), "suspense", "write-off"},
		"the channel took more for a refund": {refund(100, 101), "write-off", "suspense"},
		"the channel took less for a refund": {refund(100, 99), "suspense", "write-off"},
		"the bank got less":                  {settlement(100, 99), "write-off", "suspense"},
		"a higher fee":                       {differ(entry.CompareFee, payment("P", 100, fee(1)), payment("P", 100, fee(2))), "write-off", "suspense"},
		"a lower fee":                        {differ(entry.CompareFee, payment("P", 100, fee(2)), payment("P", 100, fee(1))), "suspense", "write-off"},
	} {
		t.Run(name, func(t *testing.T) {
			ofFee := rounding(1, 10)
			ofFee.Name, ofFee.Field = "fees", recon.FieldFee
			b := &books{t: t, cfg: Config{Compared: entry.CompareFee, Tolerances: []Tolerance{rounding(1, 10), ofFee}}}
			lines := b.run(monday, c.difference)[0].WriteOff
			if len(lines) != 2 || lines[0].Account != c.debit || !lines[0].Debit || lines[1].Account != c.credit || lines[1].Debit || lines[0].Amount != cny(1) || lines[1].Amount != cny(1) {
				t.Errorf("lines %+v", lines)
			}
		})
	}
}

func TestLinesAreBookedOnce(t *testing.T) {
	b := &books{t: t, cfg: Config{Tolerances: []Tolerance{rounding(2, 5)}}}
	first := b.run(monday, both("P1", 100, 99), both("P2", 100, 99))
	again := b.run(monday+1, both("P1", 100, 99))
	ids := map[string]bool{}
	for _, o := range append(first, again...) {
		for _, l := range o.WriteOff {
			ids[l.ID] = true
		}
	}
	if len(ids) != 6 {
		t.Errorf("%d ids of 6 lines", len(ids))
	}
	b.carried = CarriedIn{}
	corrected := b.run(monday, both("P1", 100, 98))
	if a, b := first[0].WriteOff[0], corrected[0].WriteOff[0]; a.ID != b.ID || a.Amount == b.Amount {
		t.Errorf("a corrected amount stands beside the first: %+v %+v", a, b)
	}
}

func TestOnlyOneFieldIsTolerated(t *testing.T) {
	cfg := Config{Compared: entry.CompareOrder, Tolerances: []Tolerance{rounding(2, 5)}}
	usd := payment("P2", 100)
	usd.Amount.Currency = "USD"
	for name, d := range map[string]*match.Difference{
		"state too":        differ(0, payment("P1", 100), payment("P1", 99, status(recon.StatusFailed))),
		"order too":        differ(entry.CompareOrder, payment("P1", 100), payment("P1", 99, order("else"))),
		"another currency": differ(0, payment("P2", 100), usd),
		"one side":         ours(payment("P1", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			b := &books{t: t, cfg: cfg}
			if got := b.run(monday, d)[0]; got.Fate != Broken {
				t.Errorf("%s", tell(&got))
			}
		})
	}
}

func TestWhatIsSettledLateIsToleratedToo(t *testing.T) {
	b := &books{t: t, cfg: Config{Terms: everyDay(1), Tolerances: []Tolerance{rounding(2, 5)}}}
	b.run(monday, ours(payment("P1", 100)))
	got := b.run(monday+1, theirs(payment("P1", 99)))
	expect(t, got, "tolerated tolerance amount-mismatch payment P1 ours since 2026-11-23 theirs since 2026-11-24")
	if len(b.out.History) != 1 || len(got[0].WriteOff) != 2 {
		t.Errorf("history %v, lines %v", b.out.History, got[0].WriteOff)
	}
}

func TestWhichRowsAreToleratedDependsOnKeysAlone(t *testing.T) {
	fates := func(all []*match.Difference) string {
		b := &books{t: t, cfg: Config{Tolerances: []Tolerance{rounding(3, 40)}}}
		text := ""
		for _, o := range b.run(monday, all...) {
			text += fmt.Sprintln(tell(&o))
		}
		return text
	}
	var up, down []*match.Difference
	for i := range 40 {
		up = append(up, both(fmt.Sprintf("P%02d", i), 100, 100+int64(i%3)+1))
		down = append(down, both(fmt.Sprintf("P%02d", 39-i), 100, 100+int64((39-i)%3)+1))
	}
	if a, b := fates(up), fates(down); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}

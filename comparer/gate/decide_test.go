package gate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

func clean(n int) *comparer.Judgement {
	j := &comparer.Judgement{
		Counts:  comparer.Counts{Sampled: n, Outcomes: map[shadow.Outcome]int{shadow.Match: n}},
		Classes: map[comparer.Class]int{comparer.Agree: n},
		Strata:  []comparer.Stratum{{StratumKey: comparer.StratumKey{Check: comparer.CheckBooks, Channel: "wechat", Operation: "payment"}, Judged: n, Merchants: 2}},
	}
	for i := range n {
		j.Orders = append(j.Orders, comparer.JudgedOrder{ID: fmt.Sprint(i), Class: comparer.Agree})
	}
	return j
}

func policyOf(bound float64) Policy { return Policy{Test: testOf(bound)} }

// change spoils a judgement, a policy or the facts.
type change func(*comparer.Judgement, *Policy, *Facts)

func differ(n int, m shadow.Mismatch) change {
	return func(j *comparer.Judgement, _ *Policy, _ *Facts) {
		j.Counts.Outcomes[shadow.Mismatched] += n
		for i := range n {
			j.Orders[i].Mismatches = []shadow.Mismatch{m}
		}
	}
}

func booked(c comparer.Class) change {
	return func(j *comparer.Judgement, _ *Policy, _ *Facts) {
		j.Orders[0].Class = c
		j.Classes[c]++
		if c != comparer.Inconclusive {
			j.Findings = append(j.Findings, comparer.Finding{Order: "0", Class: c, Field: recon.FieldAmount})
		}
	}
}

func outcome(o shadow.Outcome, n int) change {
	return func(j *comparer.Judgement, _ *Policy, _ *Facts) { j.Counts.Outcomes[o] += n }
}

func both(a, b change) change {
	return func(j *comparer.Judgement, p *Policy, f *Facts) { a(j, p, f); b(j, p, f) }
}

func TestDecide(t *testing.T) {
	cent := shadow.Mismatch{Place: shadow.InResponse, Class: shadow.ClassMoney, Field: "amount", Kind: shadow.KindValue}
	plain := shadow.Mismatch{Place: shadow.InResponse, Class: shadow.ClassPlain, Field: "note", Kind: shadow.KindValue}
	broke := shadow.Mismatch{Place: shadow.InResponse, Class: shadow.ClassMoney, Kind: shadow.KindError}
	nothing := func(*comparer.Judgement, *Policy, *Facts) {}
	for name, c := range map[string]struct {
		change change
		bound  float64
		want   Verdict
		reason string
	}{
		"clean":                 {nothing, 0.02, Pass, "300 orders judged"},
		"regression":            {booked(comparer.Regression), 0.02, Rollback, "1 order of class regression"},
		"conflict":              {booked(comparer.Conflict), 0.02, Rollback, "conflict"},
		"common":                {booked(comparer.Common), 0.02, Pass, ""},
		"fix":                   {booked(comparer.Fix), 0.02, Pass, ""},
		"a cent in a response":  {differ(1, cent), 0.02, Rollback, "amount"},
		"a cent, but a fix":     {both(differ(1, cent), booked(comparer.Fix)), 0.02, Pass, ""},
		"a cent, then a taint":  {both(differ(1, cent), booked(comparer.Inconclusive)), 0.02, Rollback, "amount"},
		"extra money call":      {differ(1, shadow.Mismatch{Place: shadow.InCall, Call: shadow.CallMoney, Kind: shadow.KindExtra}), 0.02, Rollback, "money-moving"},
		"missing money call":    {differ(1, shadow.Mismatch{Place: shadow.InCall, Call: shadow.CallMoney, Kind: shadow.KindMissing}), 0.02, Rollback, "money-moving"},
		"extra query":           {differ(1, shadow.Mismatch{Place: shadow.InCall, Call: shadow.CallQuery, Kind: shadow.KindExtra}), 0.04, Pass, "1 with a difference"},
		"missing row":           {differ(1, shadow.Mismatch{Place: shadow.InRow, Kind: shadow.KindMissing}), 0.04, Rollback, "rows"},
		"plain difference":      {differ(1, plain), 0.012, Hold, "above max_bound"},
		"plain, many of them":   {differ(40, plain), 0.02, Rollback, "above 0.0"},
		"errors, many of them":  {both(differ(40, broke), booked(comparer.Inconclusive)), 0.02, Rollback, "all orders: 40 of 300"},
		"pending":               {outcome(shadow.Pending, 1), 0.02, Hold, "pending"},
		"pending, live":         {both(outcome(shadow.Pending, 1), func(_ *comparer.Judgement, _ *Policy, f *Facts) { f.Live = true }), 0.02, Pass, ""},
		"dropped":               {outcome(shadow.Dropped, 1), 0.02, Hold, "dropped"},
		"inconclusive requests": {outcome(shadow.Inconclusive, 1), 0.02, Hold, "inconclusive"},
		"few of them":           {both(outcome(shadow.Inconclusive, 2), func(_ *comparer.Judgement, p *Policy, _ *Facts) { p.MaxInconclusive = 0.01 }), 0.02, Pass, ""},
		"too many of them":      {both(outcome(shadow.Inconclusive, 4), func(_ *comparer.Judgement, p *Policy, _ *Facts) { p.MaxInconclusive = 0.01 }), 0.02, Hold, "4 of 300"},
		"inconclusive orders":   {booked(comparer.Inconclusive), 0.02, Hold, "could not be judged"},
		"excluded":              {outcome(shadow.Excluded, 9), 0.02, Pass, ""},
		"unbalanced":            {func(j *comparer.Judgement, _ *Policy, _ *Facts) { j.Counts.Problems = []string{"lost one"} }, 0.02, Hold, "lost one"},
		"unreadable record":     {func(j *comparer.Judgement, _ *Policy, _ *Facts) { j.Rejects = []recon.Reject{{Reason: "broken"}} }, 0.02, Hold, "broken"},
		"stale":                 {func(_ *comparer.Judgement, _ *Policy, f *Facts) { f.Problems = []string{"stale: no word"} }, 0.02, Hold, "stale"},
		"blind":                 {func(_ *comparer.Judgement, _ *Policy, f *Facts) { f.Invalid = []string{"a cent"} }, 0.02, Hold, "gate-invalid: a cent"},
		"not enough":            {nothing, 0.001, Hold, "above max_bound"},
		"time to go":            {func(_ *comparer.Judgement, _ *Policy, f *Facts) { f.PerSecond = 10 }, 0.001, Hold, "at the present rate"},
		"rare stratum": {func(j *comparer.Judgement, p *Policy, _ *Facts) {
			p.MinOrders = 50
			j.Strata = append(j.Strata, rare())
		}, 0.02, Hold, "books wechat refund: 3 orders"},
		"few merchants": {func(_ *comparer.Judgement, p *Policy, _ *Facts) { p.MinMerchants = 3 }, 0.02, Hold, "2 merchants"},
		"a stratum never came": {func(_ *comparer.Judgement, p *Policy, _ *Facts) {
			p.Require = []Requirement{{StratumKey: rare().StratumKey}}
		}, 0.02, Hold, "refund: 0 orders"},
		"a required one came": {func(j *comparer.Judgement, p *Policy, _ *Facts) {
			p.Require = []Requirement{{StratumKey: comparer.StratumKey{Check: comparer.CheckBooks}, MinOrders: 300}}
		}, 0.02, Pass, ""},
		"bad in one stratum": {func(j *comparer.Judgement, _ *Policy, _ *Facts) {
			s := rare()
			s.Judged, s.Bad = 20, 9
			j.Strata = append(j.Strata, s)
		}, 0.02, Rollback, "books wechat refund: 9 of 20"},
		"worse first": {both(booked(comparer.Regression), outcome(shadow.Dropped, 1)), 0.02, Rollback, "regression"},
	} {
		t.Run(name, func(t *testing.T) {
			j, policy, facts := clean(300), policyOf(c.bound), Facts{}
			c.change(j, &policy, &facts)
			d := Decide(j, policy, facts)
			if d.Verdict != c.want || !strings.Contains(strings.Join(d.Reasons, "; "), c.reason) {
				t.Errorf("got %s %q, want %s %q", d.Verdict, d.Reasons, c.want, c.reason)
			}
		})
	}
}

func rare() comparer.Stratum {
	return comparer.Stratum{StratumKey: comparer.StratumKey{Check: comparer.CheckBooks, Channel: "wechat", Operation: "refund"}, Judged: 3, Merchants: 2}
}

func TestNoDataIsNeverAPass(t *testing.T) {
	if d := Decide(clean(0), policyOf(0.9), Facts{Live: true}); d.Verdict != Hold || d.Bound != 1 {
		t.Fatalf("got %+v", d)
	}
	j := clean(500)
	for i := range j.Orders {
		j.Orders[i].Class = comparer.Unbooked
	}
	if d := Decide(j, policyOf(0.9), Facts{}); d.Verdict != Hold {
		t.Fatalf("orders without a booking passed: %+v", d)
	}
}

func TestWhatIsNeededIsSaid(t *testing.T) {
	d := Decide(clean(1000), policyOf(1e-4), Facts{PerSecond: 10})
	if d.Needed != policyOf(1e-4).Needed(0, 1000) || d.Wait != time.Duration(float64(d.Needed)/10*float64(time.Second)).Round(time.Second) {
		t.Errorf("needed %d, wait %s", d.Needed, d.Wait)
	}
	if d.Lower != 0 || d.Bound <= 1e-4 || d.Bound > 0.01 {
		t.Errorf("bounds %g to %g", d.Lower, d.Bound)
	}
}

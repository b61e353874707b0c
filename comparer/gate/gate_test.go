package gate

import (
	"math"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

func clean(n int) *comparer.Judgement {
	j := &comparer.Judgement{
		Counts:  comparer.Counts{Sampled: n, Outcomes: map[shadow.Outcome]int{shadow.Match: n}},
		Classes: map[comparer.Class]int{comparer.Agree: n},
	}
	for range n {
		j.Orders = append(j.Orders, comparer.JudgedOrder{Class: comparer.Agree})
	}
	return j
}

func TestDecide(t *testing.T) {
	mismatch := func(m shadow.Mismatch) func(*comparer.Judgement) {
		return func(j *comparer.Judgement) {
			j.Counts.Outcomes[shadow.Mismatched]++
			j.Orders[0].Mismatches = []shadow.Mismatch{m}
		}
	}
	class := func(c comparer.Class) func(*comparer.Judgement) {
		return func(j *comparer.Judgement) {
			j.Orders[0].Class = c
			j.Classes[c]++
		}
	}
	cent := shadow.Mismatch{Place: shadow.InResponse, Class: shadow.ClassMoney, Field: "amount", Kind: shadow.KindValue}
	for name, c := range map[string]struct {
		change func(*comparer.Judgement)
		bound  float64
		want   Verdict
		reason string
	}{
		"clean":                 {func(*comparer.Judgement) {}, 0.02, Pass, "300 orders judged"},
		"regression":            {class(comparer.Regression), 0.02, Rollback, "1 order of class regression"},
		"conflict":              {class(comparer.Conflict), 0.02, Rollback, "conflict"},
		"common":                {class(comparer.Common), 0.02, Pass, ""},
		"fix":                   {class(comparer.Fix), 0.02, Pass, ""},
		"a cent in a response":  {mismatch(cent), 0.02, Rollback, "amount"},
		"a cent, but a fix":     {func(j *comparer.Judgement) { mismatch(cent)(j); class(comparer.Fix)(j) }, 0.02, Pass, ""},
		"extra money call":      {mismatch(shadow.Mismatch{Place: shadow.InCall, Call: shadow.CallMoney, Kind: shadow.KindExtra}), 0.02, Rollback, "money-moving"},
		"missing money call":    {mismatch(shadow.Mismatch{Place: shadow.InCall, Call: shadow.CallMoney, Kind: shadow.KindMissing}), 0.02, Rollback, "money-moving"},
		"extra query":           {mismatch(shadow.Mismatch{Place: shadow.InCall, Call: shadow.CallQuery, Kind: shadow.KindExtra}), 0.02, Pass, "1 with a difference"},
		"plain difference":      {mismatch(shadow.Mismatch{Class: shadow.ClassPlain}), 0.012, Hold, "above max_bound"},
		"pending":               {func(j *comparer.Judgement) { j.Counts.Outcomes[shadow.Pending]++ }, 0.02, Hold, "pending"},
		"dropped":               {func(j *comparer.Judgement) { j.Counts.Outcomes[shadow.Dropped]++ }, 0.02, Hold, "dropped"},
		"inconclusive requests": {func(j *comparer.Judgement) { j.Counts.Outcomes[shadow.Inconclusive]++ }, 0.02, Hold, "inconclusive"},
		"inconclusive orders":   {class(comparer.Inconclusive), 0.02, Hold, "could not be judged"},
		"excluded":              {func(j *comparer.Judgement) { j.Counts.Outcomes[shadow.Excluded]++ }, 0.02, Pass, ""},
		"unbalanced":            {func(j *comparer.Judgement) { j.Counts.Problems = []string{"lost one"} }, 0.02, Hold, "lost one"},
		"unreadable record":     {func(j *comparer.Judgement) { j.Rejects = []recon.Reject{{Reason: "broken"}} }, 0.02, Hold, "broken"},
		"not enough":            {func(*comparer.Judgement) {}, 0.001, Hold, "above max_bound"},
		"worse first":           {func(j *comparer.Judgement) { class(comparer.Regression)(j); j.Counts.Outcomes[shadow.Dropped]++ }, 0.02, Rollback, "regression"},
	} {
		t.Run(name, func(t *testing.T) {
			j := clean(300)
			c.change(j)
			d := Decide(j, Policy{MaxBound: c.bound})
			if d.Verdict != c.want || !strings.Contains(strings.Join(d.Reasons, "; "), c.reason) {
				t.Errorf("got %+v, want %s %q", d, c.want, c.reason)
			}
		})
	}
}

func TestNoDataIsNeverAPass(t *testing.T) {
	if d := Decide(clean(0), Policy{MaxBound: 1}); d.Verdict != Hold || d.Bound != 1 {
		t.Fatalf("got %+v", d)
	}
	j := clean(5)
	for i := range j.Orders {
		j.Orders[i].Class = comparer.Unbooked
	}
	if d := Decide(j, Policy{MaxBound: 1}); d.Verdict != Hold {
		t.Fatalf("orders without a booking passed: %+v", d)
	}
}

// At the limit the chance of seeing so few bad ones is exactly what the confidence leaves.
func TestUpperBound(t *testing.T) {
	for _, c := range []struct{ bad, n int }{{0, 300}, {0, 29_956}, {1, 100}, {5, 50}, {17, 400}} {
		p, tail := UpperBound(c.bad, c.n), 0.0
		for k := range c.bad + 1 {
			up, _ := math.Lgamma(float64(c.n + 1))
			a, _ := math.Lgamma(float64(k + 1))
			b, _ := math.Lgamma(float64(c.n - k + 1))
			tail += math.Exp(up - a - b + float64(k)*math.Log(p) + float64(c.n-k)*math.Log1p(-p))
		}
		if math.Abs(tail-(1-Confidence)) > 1e-6 {
			t.Errorf("UpperBound(%d, %d) = %g leaves a tail of %g", c.bad, c.n, p, tail)
		}
	}
	if UpperBound(3, 3) != 1 || UpperBound(0, 0) != 1 {
		t.Error("no clean order at all must leave the bound at one")
	}
	if got := UpperBound(0, 299_573); math.Abs(got-1e-5) > 1e-8 {
		t.Errorf("299573 clean orders give %g, want 1e-5", got)
	}
}

// Package gate turns a judgement into a decision: promote, hold or roll back.
//
// In:    a comparer.Judgement and the policy's bound.
// Out:   a Decision with its reasons, the bound reached and the bound asked for.
// Never: a pass without data, over an unbalanced ledger, or over a single cent that is the candidate's fault.
package gate

import (
	"fmt"

	"gonum.org/v1/gonum/mathext"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Verdict is the printed word of a decision.
type Verdict string

// The decisions: Promote, Hold, Rollback.
const (
	Pass     Verdict = "PASS"
	Hold     Verdict = "HOLD"
	Rollback Verdict = "ROLLBACK"
)

// Confidence of the one-sided upper limit of the mismatch rate.
const Confidence = 0.95

// Policy is what a decision is held against.
type Policy struct {
	MaxBound float64 // largest mismatch rate (0..1) that the evidence must exclude
}

// Decision is the gate's answer with the evidence it rests on.
type Decision struct {
	Verdict  Verdict  `json:"verdict"`
	Reasons  []string `json:"reasons"`
	Judged   int      `json:"judged"` // orders that could be judged
	Bad      int      `json:"bad"`    // of them, orders with a difference that is the candidate's
	Bound    float64  `json:"bound"`
	MaxBound float64  `json:"max_bound"`
}

// Decide weighs a judgement. Rollback comes before hold, hold before pass.
func Decide(j *comparer.Judgement, policy Policy) Decision {
	d := Decision{MaxBound: policy.MaxBound}
	d.Judged, d.Bad = judged(j)
	d.Bound = UpperBound(d.Bad, d.Judged)
	if d.Reasons = rollbackReasons(j); len(d.Reasons) > 0 {
		d.Verdict = Rollback
		return d
	}
	if d.Reasons = holdReasons(j, d); len(d.Reasons) > 0 {
		d.Verdict = Hold
		return d
	}
	d.Verdict = Pass
	d.Reasons = []string{fmt.Sprintf("%d orders judged, %d with a difference; the mismatch rate is below %.4g with %.0f %% confidence", d.Judged, d.Bad, d.Bound, Confidence*100)}
	return d
}

// UpperBound is the one-sided 95 % Clopper-Pearson limit of a rate of which bad out of n were seen; 1 without data.
// Source: Clopper and Pearson, Biometrika 26 (1934): the 0.95 quantile of Beta(bad+1, n-bad).
func UpperBound(bad, n int) float64 {
	if n <= 0 || bad >= n {
		return 1
	}
	return mathext.InvRegIncBeta(float64(bad+1), float64(n-bad), Confidence)
}

func judged(j *comparer.Judgement) (n, bad int) {
	for _, o := range j.Orders {
		if o.Class == comparer.Inconclusive || o.Class == comparer.Unbooked {
			continue
		}
		n++
		if o.Class == comparer.Regression || o.Class == comparer.Conflict || (o.Class != comparer.Fix && len(o.Mismatches) > 0) {
			bad++
		}
	}
	return n, bad
}

// rollbackReasons names what stops a rollout by itself.
func rollbackReasons(j *comparer.Judgement) []string {
	var reasons []string
	for _, class := range []comparer.Class{comparer.Regression, comparer.Conflict} {
		if n := j.Classes[class]; n > 0 {
			reasons = append(reasons, fmt.Sprintf("%d %s of class %s", n, orders(n), class))
		}
	}
	hard, calls := 0, 0
	for _, o := range j.Orders {
		for _, m := range o.Mismatches {
			switch {
			case MoneyCall(m):
				calls++
			case m.Class.Hard() && m.Kind != shadow.KindError && o.Class != comparer.Fix:
				hard++
			}
		}
	}
	if hard > 0 {
		reasons = append(reasons, fmt.Sprintf("%d differences of amount, currency, order, account or direction in responses, outgoing requests or rows", hard))
	}
	if calls > 0 {
		reasons = append(reasons, fmt.Sprintf("%d money-moving calls that only one of the releases makes", calls))
	}
	return reasons
}

// MoneyCall tells whether a mismatch is a money-moving call that only one side makes.
func MoneyCall(m shadow.Mismatch) bool {
	return m.Place == shadow.InCall && m.Call == shadow.CallMoney && m.Field == "" && (m.Kind == shadow.KindExtra || m.Kind == shadow.KindMissing)
}

// holdReasons names what keeps the evidence from being enough.
func holdReasons(j *comparer.Judgement, d Decision) []string {
	reasons := append([]string(nil), j.Counts.Problems...)
	for _, outcome := range []shadow.Outcome{shadow.Pending, shadow.Inconclusive, shadow.Dropped} {
		if n := j.Counts.Outcomes[outcome]; n > 0 {
			reasons = append(reasons, fmt.Sprintf("%d of %d sampled requests are %s", n, j.Counts.Sampled, outcome))
		}
	}
	if n := j.Classes[comparer.Inconclusive]; n > 0 {
		reasons = append(reasons, fmt.Sprintf("%d %s could not be judged", n, orders(n)))
	}
	if n := len(j.Rejects); n > 0 {
		reasons = append(reasons, fmt.Sprintf("%d records could not be read, the first: %v", n, j.Rejects[0]))
	}
	switch {
	case d.Judged == 0:
		reasons = append(reasons, "no order was judged: no data is not a pass")
	case d.Bound > d.MaxBound:
		reasons = append(reasons, fmt.Sprintf("the bound %.4g is above max_bound %.4g: %d orders judged, %d with a difference", d.Bound, d.MaxBound, d.Judged, d.Bad))
	}
	return reasons
}

func orders(n int) string {
	if n == 1 {
		return "order"
	}
	return "orders"
}

package gate

import (
	"fmt"
	"time"

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

// Policy is what a decision is held against.
type Policy struct {
	Test
	MaxInconclusive float64 // share of the orders (and of the requests) about which nothing could be said
	MinOrders       int     // judged, in each stratum that has evidence
	MinMerchants    int     // in each stratum of books
	Require         []Requirement
}

// Requirement is a stratum that must have evidence, so that one that never came is not overlooked.
type Requirement struct {
	comparer.StratumKey     // what is empty fits all
	MinOrders           int // at least 1
}

func (r Requirement) fits(k comparer.StratumKey) bool {
	return r.Check == k.Check && (r.Route == "" || r.Route == k.Route) && (r.Channel == "" || r.Channel == k.Channel) &&
		(r.Operation == "" || r.Operation == k.Operation)
}

// Facts is what is known of a run beside its evidence.
type Facts struct {
	Live      bool     // more evidence may come: what is pending is waited for, and does not hold
	Partial   bool     // requests from before the evidence that counts are in the ledger too
	Problems  []string // what keeps the evidence from being whole: a stale comparer, a statement that is not there
	Invalid   []string // what the self-test did not find
	PerSecond float64  // orders judged at the present rate; 0 = unknown
}

// Decision is the gate's answer with the evidence it rests on.
type Decision struct {
	Verdict  Verdict       `json:"verdict"`
	Reasons  []string      `json:"reasons"`
	Judged   int           `json:"judged"` // orders that could be judged
	Bad      int           `json:"bad"`    // of them, orders with a difference that is the candidate's
	Pending  int           `json:"pending"`
	Lower    float64       `json:"lower"` // bounds of the mismatch rate
	Bound    float64       `json:"bound"`
	Budget   float64       `json:"budget"`
	MaxBound float64       `json:"max_bound"`
	Needed   int           `json:"needed"`           // clean orders until the bound is reached
	Wait     time.Duration `json:"wait,omitempty"`   // for them at the present rate, in nanoseconds; 0 = none, or the rate is unknown
	Strata   []Weighed     `json:"strata,omitempty"` // by name
}

// Weighed is a stratum with its bounds.
type Weighed struct {
	comparer.Stratum
	Lower float64 `json:"lower"`
	Bound float64 `json:"bound"`
}

// Of the error of a rollback one half is for all orders together, and the other is shared by as many strata as there can
// be: however many are looked at, the sum is not above it. A promotion asks for everything at once, and shares nothing.
const (
	halves     = 2
	mostStrata = 128
)

// Together is the test of all orders, whatever strata they are in.
func (t Test) Together() Test {
	t.RollbackError /= halves
	return t
}

func (t Test) apart() Test {
	t.RollbackError /= halves * mostStrata
	return t
}

// Decide weighs a judgement. Rollback comes before hold, hold before pass.
func Decide(j *comparer.Judgement, policy Policy, facts Facts) Decision {
	d := Decision{Budget: policy.Budget, MaxBound: policy.MaxBound, Pending: j.Pending}
	d.Judged, d.Bad = judged(j)
	all := policy.Together()
	d.Lower, d.Bound, d.Needed = all.Lower(d.Bad, d.Judged), all.Upper(d.Bad, d.Judged), all.Needed(d.Bad, d.Judged)
	if facts.PerSecond > 0 {
		d.Wait = wait(float64(d.Needed) / facts.PerSecond)
	}
	for _, s := range j.Strata {
		d.Strata = append(d.Strata, Weighed{Stratum: s, Lower: policy.apart().Lower(s.Bad, s.Judged), Bound: policy.apart().Upper(s.Bad, s.Judged)})
	}
	if d.Reasons = append(hardReasons(j), rateReasons(d, policy)...); len(d.Reasons) > 0 {
		d.Verdict = Rollback
		return d
	}
	if d.Reasons = append(wholeReasons(j, policy, facts), enoughReasons(d, policy)...); len(d.Reasons) > 0 {
		d.Verdict = Hold
		return d
	}
	d.Verdict = Pass
	d.Reasons = []string{fmt.Sprintf("%d orders judged, %d with a difference; the mismatch rate is below %.4g, and the chance to say so wrongly is at most %g", d.Judged, d.Bad, d.Bound, policy.PromoteError)}
	return d
}

// longest bounds an estimate, so that it stays a duration.
const longest = 365 * 24 * time.Hour

func wait(seconds float64) time.Duration {
	return time.Duration(min(seconds, longest.Seconds()) * float64(time.Second)).Round(time.Second)
}

// judged counts the orders of which something is known. A difference that was seen stands, also when its order could not
// be judged to its end.
func judged(j *comparer.Judgement) (n, bad int) {
	for _, o := range j.Orders {
		switch {
		case o.Class == comparer.Regression || o.Class == comparer.Conflict || (o.Class != comparer.Fix && len(o.Mismatches) > 0):
			n++
			bad++
		case o.Class != comparer.Inconclusive && o.Class != comparer.Unbooked:
			n++
		}
	}
	return n, bad
}

// hardReasons names what stops a rollout by itself: bookings that differ, money, accounts, directions.
func hardReasons(j *comparer.Judgement) []string {
	var reasons []string
	booked := map[comparer.Class]map[string]bool{comparer.Regression: {}, comparer.Conflict: {}}
	for _, f := range j.Findings {
		if orders := booked[f.Class]; orders != nil {
			orders[f.Order] = true
		}
	}
	for _, class := range []comparer.Class{comparer.Regression, comparer.Conflict} {
		if n := len(booked[class]); n > 0 {
			reasons = append(reasons, fmt.Sprintf("%d %s of class %s in the books", n, orders(n), class))
		}
	}
	hard, calls := 0, 0
	for _, o := range j.Orders {
		for _, m := range o.Mismatches {
			switch {
			case MoneyCall(m):
				calls++
			case o.Class != comparer.Fix && Hard(m):
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

// Hard tells whether a difference stops a rollout by itself, if it is the candidate's.
func Hard(m shadow.Mismatch) bool {
	wholeRow := m.Place == shadow.InRow && (m.Kind == shadow.KindMissing || m.Kind == shadow.KindExtra)
	return m.Kind != shadow.KindError && (m.Class.Hard() || wholeRow)
}

// MoneyCall tells whether a mismatch is a money-moving call that only one side makes.
func MoneyCall(m shadow.Mismatch) bool {
	return m.Place == shadow.InCall && m.Call == shadow.CallMoney && m.Field == "" && (m.Kind == shadow.KindExtra || m.Kind == shadow.KindMissing)
}

// rateReasons names where the mismatch rate is proved to be above the budget.
func rateReasons(d Decision, policy Policy) []string {
	var reasons []string
	over := func(name string, t Test, bad, n int, lower float64) {
		if t.RollsBack(bad, n) {
			reasons = append(reasons, fmt.Sprintf("%s: %d of %d orders differ; the mismatch rate is above %.4g, the budget is %.4g", name, bad, n, lower, policy.Budget))
		}
	}
	over("all orders", policy.Together(), d.Bad, d.Judged, d.Lower)
	for _, s := range d.Strata {
		over(s.String(), policy.apart(), s.Bad, s.Judged, s.Lower)
	}
	return reasons
}

// wholeReasons names what keeps the evidence from being whole, or the gate from being believed.
func wholeReasons(j *comparer.Judgement, policy Policy, facts Facts) []string {
	reasons := append([]string(nil), j.Counts.Problems...)
	reasons = append(reasons, facts.Problems...)
	for _, what := range facts.Invalid {
		reasons = append(reasons, "gate-invalid: "+what)
	}
	if n := j.Counts.Outcomes[shadow.Pending]; n > 0 && !facts.Live {
		reasons = append(reasons, fmt.Sprintf("%d of %d sampled requests are %s", n, j.Counts.Sampled, shadow.Pending))
	}
	for _, outcome := range []shadow.Outcome{shadow.Inconclusive, shadow.Dropped} {
		if n := j.Counts.Outcomes[outcome]; !facts.Partial && tooMany(n, j.Counts.Sampled, policy.MaxInconclusive) {
			reasons = append(reasons, fmt.Sprintf("%d of %d sampled requests are %s", n, j.Counts.Sampled, outcome))
		}
	}
	if n := j.Classes[comparer.Inconclusive] - j.Pending; tooMany(n, len(j.Orders)-j.Pending, policy.MaxInconclusive) {
		reasons = append(reasons, fmt.Sprintf("%d %s of %d could not be judged", n, orders(n), len(j.Orders)-j.Pending))
	}
	if n := len(j.Rejects); n > 0 {
		reasons = append(reasons, fmt.Sprintf("%d records could not be read, the first: %v", n, j.Rejects[0]))
	}
	return reasons
}

func tooMany(n, of int, share float64) bool { return n > 0 && float64(n) > share*float64(of) }

// enoughReasons names what is missing of the evidence.
func enoughReasons(d Decision, policy Policy) []string {
	var reasons []string
	for _, s := range d.Strata {
		if s.Judged < policy.MinOrders {
			reasons = append(reasons, fmt.Sprintf("%s: %d orders judged, at least %d are asked for", s, s.Judged, policy.MinOrders))
		}
		if s.Check == comparer.CheckBooks && s.Merchants < policy.MinMerchants {
			reasons = append(reasons, fmt.Sprintf("%s: orders of %d merchants, at least %d are asked for", s, s.Merchants, policy.MinMerchants))
		}
	}
	for _, r := range policy.Require {
		n := 0
		for _, s := range d.Strata {
			if r.fits(s.StratumKey) {
				n += s.Judged
			}
		}
		if n < max(r.MinOrders, 1) {
			reasons = append(reasons, fmt.Sprintf("%s: %d orders judged, at least %d are required", r.StratumKey, n, max(r.MinOrders, 1)))
		}
	}
	switch {
	case d.Judged == 0:
		reasons = append(reasons, "no order was judged: no data is not a pass")
	case !policy.Promotes(d.Bad, d.Judged):
		reasons = append(reasons, fmt.Sprintf("the bound %.4g is above max_bound %.4g: %d orders judged, %d with a difference; %s", d.Bound, d.MaxBound, d.Judged, d.Bad, d.needs()))
	}
	return reasons
}

func (d Decision) needs() string {
	text := fmt.Sprintf("%d clean orders more are needed", d.Needed)
	if d.Wait > 0 {
		text += fmt.Sprintf(", about %s at the present rate", d.Wait)
	}
	return text
}

func orders(n int) string {
	if n == 1 {
		return "order"
	}
	return "orders"
}

package gate

import (
	"math"
	"sort"
)

// Test is the sequential test of a mismatch rate. It may be looked at after every pair and as often as anybody likes.
//
// Both bounds come from likelihood ratios against every rate p that they exclude: with k mismatches in n pairs the ratio
// of a rate q is (q/p)^k ((1-q)/(1-p))^(n-k). Under p it is a martingale that begins with 1 (Wald 1945), and so is a weighted
// mean of several (Robbins 1970). Ville's inequality (1939) keeps the chance that it ever reaches 1/error at or below
// error. The rates that it has not refuted so are a confidence sequence (Howard, Ramdas, McAuliffe and Sekhon, Annals of
// Statistics 49, 2021). The mixtures look at q in proportion to p, so each ratio is monotone in p and the bounds are exact.
type Test struct {
	Budget        float64 // mismatch rate that is tolerated: rolled back when the lower bound is above it
	MaxBound      float64 // promoted when the upper bound is at or below it; at most Budget
	PromoteError  float64 // chance ever to promote a candidate whose rate is MaxBound or more
	RollbackError float64 // chance ever to roll back a candidate whose rate is Budget or less
}

// component is one alternative of a mixture: a multiple of the rate that is refuted, and its share in the mean.
type component struct{ ratio, weight float64 }

// better are the alternatives of the upper bound. Most of the weight is on a candidate without any mismatch.
func better() []component { return []component{{0, 0.7}, {0.1, 0.15}, {0.3, 0.1}, {0.6, 0.05}} }

// worse are the alternatives of the lower bound. Half of the weight is on ten times the rate.
func worse() []component { return []component{{1.5, 0.1}, {3, 0.2}, {10, 0.5}, {40, 0.2}} }

// evidence is the logarithm of the mean likelihood ratio against rate p (0 < p < 1) after bad mismatches in n pairs.
func evidence(mixture []component, bad, n int, p float64) float64 {
	terms, most := make([]float64, len(mixture)), math.Inf(-1)
	for i, c := range mixture {
		terms[i] = math.Log(c.weight) + ratio(c.ratio, float64(bad), float64(n-bad), p)
		most = max(most, terms[i])
	}
	if math.IsInf(most, -1) {
		return most
	}
	sum := 0.0
	for _, t := range terms {
		sum += math.Exp(t - most)
	}
	return most + math.Log(sum)
}

// ratio is the logarithm of the likelihood ratio of times*p, at most 1, against p.
func ratio(times, bad, good, p float64) float64 {
	q := min(times*p, 1)
	out := 0.0
	if bad > 0 {
		out += bad * (math.Log(q) - math.Log(p))
	}
	if good > 0 {
		out += good * (math.Log1p(-q) - math.Log1p(-p))
	}
	return out
}

// Promotes tells whether the upper bound is at or below MaxBound.
func (t Test) Promotes(bad, n int) bool {
	return n > bad && evidence(better(), bad, n, t.MaxBound) >= -math.Log(t.PromoteError)
}

// RollsBack tells whether the lower bound is above Budget.
func (t Test) RollsBack(bad, n int) bool {
	return bad > 0 && evidence(worse(), bad, n, t.Budget) >= -math.Log(t.RollbackError)
}

// Upper is the upper bound of the mismatch rate; 1 without data.
func (t Test) Upper(bad, n int) float64 {
	return edge(func(p float64) bool { return evidence(better(), bad, n, p) >= -math.Log(t.PromoteError) })
}

// Lower is the lower bound of the mismatch rate; 0 without data.
func (t Test) Lower(bad, n int) float64 {
	return edge(func(p float64) bool { return evidence(worse(), bad, n, p) < -math.Log(t.RollbackError) })
}

const (
	smallest = 1e-15 // rate that is told from 0
	halvings = 100   // of the way between two rates
)

// edge is where a condition on rates begins to hold; 0 when it always does, 1 when it never does.
func edge(holds func(p float64) bool) float64 {
	if holds(smallest) {
		return 0
	}
	low, high := math.Log(smallest), math.Log(1-1e-12)
	if !holds(math.Exp(high)) {
		return 1
	}
	for range halvings {
		if middle := (low + high) / 2; holds(math.Exp(middle)) {
			high = middle
		} else {
			low = middle
		}
	}
	return math.Exp(high)
}

// mostPairs bounds what is asked for; a test that needs more is out of reach.
const mostPairs = 1 << 40

// Needed is how many pairs without a mismatch are still needed to promote; 0 = none.
func (t Test) Needed(bad, n int) int { return max(t.promotesAt(bad)-n, 0) }

// promotesAt is the number of pairs, bad of them mismatches, from which on the test promotes. Each clean pair adds
// evidence, so there is one.
func (t Test) promotesAt(bad int) int {
	return sort.Search(mostPairs, func(n int) bool { return t.Promotes(bad, n) })
}

package gate

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"

	"gonum.org/v1/gonum/mathext"
)

// Simulated is what the test decided about candidates of one true rate.
type Simulated struct {
	Runs, Promoted, RolledBack int
	Pairs                      []int // until the decision, sorted; of the undecided ones the pairs they had
}

// Median is the number of pairs after which half of the runs had ended.
func (s Simulated) Median() int { return s.Quantile(0.5) }

// Quantile is the number of pairs after which a part of the runs had ended.
func (s Simulated) Quantile(part float64) int {
	if len(s.Pairs) == 0 {
		return 0
	}
	return s.Pairs[min(int(part*float64(len(s.Pairs))), len(s.Pairs)-1)]
}

// Simulate looks at the test after every pair of candidates whose true mismatch rate is rate, for at most pairs each. It
// jumps from mismatch to mismatch: only a mismatch can roll back, and between two of them the test promotes at a number
// of pairs that does not depend on chance. So nothing is approximated.
func (t Test) Simulate(rate float64, runs, pairs int, chance *rand.Rand) Simulated {
	out := Simulated{Runs: runs, Pairs: make([]int, 0, runs)}
	var promotes []int // by number of mismatches
	for range runs {
		n, bad := 0, 0
		for {
			if bad == len(promotes) {
				promotes = append(promotes, t.promotesAt(bad))
			}
			next := n + gap(rate, chance)
			if at := promotes[bad]; at < next && at <= pairs {
				n = at
				out.Promoted++
				break
			}
			if next > pairs {
				n = pairs
				break
			}
			n, bad = next, bad+1
			if t.RollsBack(bad, n) {
				out.RolledBack++
				break
			}
		}
		out.Pairs = append(out.Pairs, n)
	}
	slices.Sort(out.Pairs)
	return out
}

// gap draws how many pairs it takes to the next mismatch.
func gap(rate float64, chance *rand.Rand) int {
	switch {
	case rate <= 0:
		return mostPairs
	case rate >= 1:
		return 1
	}
	draw := math.Log(1-chance.Float64()) / math.Log1p(-rate)
	return 1 + int(min(draw, mostPairs))
}

// FixedSize is the size of the smallest sample that tells times the budget from the budget, when it is looked at once, at
// its end: with at most error chance to condemn a candidate at the budget, and at least power to condemn one at times the
// budget. Exact, from the binomial distribution.
func FixedSize(budget, times, errorLevel, power float64) int {
	for bad := 1; ; bad++ {
		n := bad + sort.Search(mostPairs, func(good int) bool { return tail(bad, bad+good, times*budget) >= power })
		if tail(bad, n, budget) <= errorLevel {
			return n
		}
	}
}

// tail is the chance of bad or more mismatches in n pairs.
func tail(bad, n int, rate float64) float64 {
	return mathext.RegIncBeta(float64(bad), float64(n-bad+1), min(rate, 1))
}

package gate

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func testOf(budget float64) Test {
	return Test{Budget: budget, MaxBound: budget, PromoteError: 0.05, RollbackError: 0.05}
}

// A test of 1 % is exact where the chances are summed over every way the run can go: no draw, no tolerance.
func TestErrorsAreAtMostWhatIsConfigured(t *testing.T) {
	for _, c := range []struct {
		test Test
		rate float64
	}{{testOf(0.01), 0.01}, {testOf(0.01), 0.02}, {testOf(0.01), 0.001}, {Test{Budget: 0.02, MaxBound: 0.01, PromoteError: 0.01, RollbackError: 0.1}, 0.01}} {
		promoted, rolledBack := chances(c.test, c.rate, 6000)
		t.Logf("budget %g, rate %g: promoted %.5f, rolled back %.5f", c.test.Budget, c.rate, promoted, rolledBack)
		if c.rate >= c.test.MaxBound && (promoted > c.test.PromoteError || promoted < c.test.PromoteError/100) {
			t.Errorf("rate %g is promoted with chance %g, allowed is %g", c.rate, promoted, c.test.PromoteError)
		}
		if c.rate <= c.test.Budget && (rolledBack > c.test.RollbackError || rolledBack == 0) {
			t.Errorf("rate %g is rolled back with chance %g, allowed is %g", c.rate, rolledBack, c.test.RollbackError)
		}
	}
}

// chances goes through every number of mismatches a run can have after each pair.
func chances(test Test, rate float64, pairs int) (promoted, rolledBack float64) {
	const most = 200
	at := make([]float64, most+1)
	at[0] = 1
	for n := 1; n <= pairs; n++ {
		for bad := min(n, most); bad >= 0; bad-- {
			p := at[bad] * (1 - rate)
			if bad > 0 {
				p += at[bad-1] * rate
			}
			switch at[bad] = p; {
			case p < 1e-18:
			case test.Promotes(bad, n):
				promoted += p
				at[bad] = 0
			case test.RollsBack(bad, n):
				rolledBack += p
				at[bad] = 0
			}
		}
	}
	return promoted, rolledBack
}

const runs = 10_000

// within tells whether a count of runs fits a chance of at most limit: three standard deviations of chance are let by.
func within(count int, limit float64) bool {
	return float64(count) <= runs*limit+3*math.Sqrt(runs*limit*(1-limit))
}

func TestSimulatedEveryPair(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 8))
	const budget = 1e-4
	limits := testOf(budget)
	test := limits.Together() // as the gate uses it
	fixed := FixedSize(budget, 10, limits.RollbackError, 0.95)
	for _, times := range []float64{0, 0.1, 1, 2, 10} {
		s := test.Simulate(times*budget, runs, 100/budget, chance)
		t.Logf("%4g x budget: promoted %5d, rolled back %5d, median %7d pairs (fixed size %d)", times, s.Promoted, s.RolledBack, s.Median(), fixed)
		switch {
		case times >= 1 && !within(s.Promoted, limits.PromoteError):
			t.Errorf("%g x budget: promoted in %d runs", times, s.Promoted)
		case times < 1 && !within(s.RolledBack, limits.RollbackError):
			t.Errorf("%g x budget: rolled back in %d runs", times, s.RolledBack)
		case times < 1 && float64(s.Promoted) < 0.9*runs:
			t.Errorf("%g x budget: promoted in only %d runs: the test could not pass", times, s.Promoted)
		case times == 10 && (float64(s.Median()) > 1.5*float64(fixed) || float64(s.RolledBack) < 0.95*runs):
			t.Errorf("%g x budget: %d rolled back, median %d pairs, fixed size %d", times, s.RolledBack, s.Median(), fixed)
		}
	}
}

// Jumping from mismatch to mismatch is the same as looking after each pair.
func TestJumpsAreExact(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	test := testOf(0.02)
	promoted, rolledBack := chances(test, 0.03, 2000)
	s := test.Simulate(0.03, runs, 2000, rand.New(rand.NewPCG(seed, 1)))
	for name, c := range map[string]struct{ got, want float64 }{
		"promoted": {float64(s.Promoted) / runs, promoted}, "rolled back": {float64(s.RolledBack) / runs, rolledBack},
	} {
		if off := 4 * math.Sqrt(c.want*(1-c.want)/runs); math.Abs(c.got-c.want) > off {
			t.Errorf("%s: simulated %.4f, exact %.4f (tolerance %.4f)", name, c.got, c.want, off)
		}
	}
}

func TestBounds(t *testing.T) {
	test := testOf(1e-4)
	for _, c := range []struct{ bad, n int }{{0, 1}, {0, 30_000}, {1, 100}, {3, 3}, {40, 1000}, {7, 2_000_000}} {
		low, high := test.Lower(c.bad, c.n), test.Upper(c.bad, c.n)
		if rate := float64(c.bad) / float64(c.n); low > rate || high < rate || low < 0 || high > 1 {
			t.Errorf("%d of %d: %g to %g does not hold %g", c.bad, c.n, low, high, rate)
		}
		for _, edge := range []float64{0.999, 1.001} {
			at := Test{Budget: low * edge, MaxBound: high * edge, PromoteError: 0.05, RollbackError: 0.05}
			if low > 0 && at.RollsBack(c.bad, c.n) != (edge < 1) {
				t.Errorf("%d of %d: the lower bound %g is not where the test turns", c.bad, c.n, low)
			}
			if high < 0.99 && at.Promotes(c.bad, c.n) != (edge > 1) {
				t.Errorf("%d of %d: the upper bound %g is not where the test turns", c.bad, c.n, high)
			}
		}
	}
	if test.Upper(0, 0) != 1 || test.Lower(0, 0) != 0 || test.Promotes(0, 0) || test.RollsBack(0, 0) || test.Upper(3, 3) != 1 {
		t.Error("no data must say nothing")
	}
}

// What is needed is needed: one pair less does not promote.
func TestNeeded(t *testing.T) {
	test := testOf(1e-4)
	for bad := range 4 {
		n := test.Needed(bad, 100) + 100
		if !test.Promotes(bad, n) || test.Promotes(bad, n-1) || test.Needed(bad, n+5) != 0 {
			t.Errorf("%d mismatches: %d pairs", bad, n)
		}
	}
	if n := test.Needed(0, 0); n < 29_956 || n > 35_000 {
		t.Errorf("a clean candidate needs %d pairs, want a little more than 29956", n)
	}
}

func TestFixedSize(t *testing.T) {
	n := FixedSize(0.01, 10, 0.05, 0.95)
	found := false
	for bad := range 20 { // no rejection rule of a smaller sample does it
		found = found || (tail(bad+1, n, 0.01) <= 0.05 && tail(bad+1, n, 0.1) >= 0.95)
		if tail(bad+1, n-1, 0.01) <= 0.05 && tail(bad+1, n-1, 0.1) >= 0.95 {
			t.Errorf("%d pairs do as well as %d", n-1, n)
		}
	}
	if !found {
		t.Errorf("%d pairs are not enough", n)
	}
}

package steer

import (
	"fmt"
	"io"
	"math/rand/v2"
	"text/tabwriter"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/gate"
)

// Simulation says what is simulated.
type Simulation struct {
	Test    gate.Test
	Rates   []float64 // true mismatch rates of candidates
	Runs    int
	Pairs   int     // orders a run has at most
	PerHour float64 // orders judged an hour, for times; 0 = no times
	Seed    uint64
}

// worseBy and power are of the fixed-size test that the sequential one is held against.
const (
	worseBy = 10
	power   = 0.95
)

// Simulate prints what a gate would have decided about candidates of known rates, and when.
func Simulate(w io.Writer, s Simulation) error {
	fmt.Fprintf(w, "budget %g, max_bound %g, promote_error %g, rollback_error %g; %d runs of at most %d orders, seed %d\n\n",
		s.Test.Budget, s.Test.MaxBound, s.Test.PromoteError, s.Test.RollbackError, s.Runs, s.Pairs, s.Seed)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "true rate\tPASS\tROLLBACK\tHOLD\torders until then: half\t95 %\t"+s.timeHead())
	chance := rand.New(rand.NewPCG(s.Seed, s.Seed))
	for _, rate := range s.Rates {
		out := s.Test.Simulate(rate, s.Runs, s.Pairs, chance)
		part := func(n int) string { return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(out.Runs)) }
		fmt.Fprintf(t, "%g\t%s\t%s\t%s\t%d\t%d\t%s\n", rate, part(out.Promoted), part(out.RolledBack), part(out.Runs-out.Promoted-out.RolledBack),
			out.Median(), out.Quantile(power), s.time(out.Median()))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fixed := gate.FixedSize(s.Test.Budget, worseBy, s.Test.RollbackError, power)
	_, err := fmt.Fprintf(w, "\na clean candidate passes after %d orders; a test of fixed size, looked at once, tells %d times the budget after %d\n",
		s.Test.Needed(0, 0), worseBy, fixed)
	return err
}

func (s Simulation) timeHead() string {
	if s.PerHour == 0 {
		return ""
	}
	return "half, in time"
}

func (s Simulation) time(orders int) string {
	if s.PerHour == 0 {
		return ""
	}
	return time.Duration(float64(orders) / s.PerHour * float64(time.Hour)).Round(time.Second).String()
}

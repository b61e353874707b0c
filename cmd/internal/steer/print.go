package steer

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/comparer/server"
)

// Status prints where the gate and its rollout stand.
func Status(w io.Writer, g server.Gate) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	age := "nothing was judged yet"
	if g.AgeSeconds >= 0 {
		age = fmt.Sprintf("judged %s ago", time.Duration(g.AgeSeconds)*time.Second)
	}
	fmt.Fprintf(t, "verdict\t%s\t%s\n", g.Verdict, age)
	fmt.Fprintf(t, "evidence\t%d orders judged\t%d with a difference, %d pending\n", g.Judged, g.Bad, g.Pending)
	fmt.Fprintf(t, "mismatch rate\t%.4g to %.4g\tbudget %.4g, asked for: below %.4g\n", g.Lower, g.Bound, g.Budget, g.MaxBound)
	if g.Needed > 0 {
		fmt.Fprintf(t, "still needed\t%d clean orders\t%s\n", g.Needed, estimate(g.Wait))
	}
	if r := g.Rollout; r != nil {
		fmt.Fprintf(t, "rollout\t%s\tstage %d of %d for %s: gray %s, serve %s, epoch %d, policy %s\n", r.Phase, r.Stage, r.Stages,
			r.Elapsed.Round(time.Second), r.Policy.Gray, r.Policy.Serve, r.Policy.Epoch, r.Hash)
		if r.Proposed != "" {
			fmt.Fprintf(t, "proposed\tpolicy %s\tby %s; try: touchstone gate approve\n", r.Proposed, r.ProposedBy)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return list(w, "  - ", reasonsOf(g))
}

func estimate(d time.Duration) string {
	if d == 0 {
		return "the present rate is not known"
	}
	return fmt.Sprintf("about %s at the present rate", d)
}

// reasonsOf gives the reasons of the verdict, of a hold or a rollback, and what the next stage waits for; each once.
func reasonsOf(g server.Gate) []string {
	all := g.Reasons
	if r := g.Rollout; r != nil {
		for _, reason := range r.Reasons {
			all = append(all, fmt.Sprintf("%s by %s: %s", r.Phase, r.By, reason))
		}
		for _, what := range r.WaitsFor {
			all = append(all, "the next stage waits: "+what)
		}
	}
	var out []string
	seen := map[string]bool{}
	for _, reason := range all {
		if !seen[reason] {
			out = append(out, reason)
		}
		seen[reason], seen["the next stage waits: "+reason] = true, true
	}
	return out
}

func list(w io.Writer, dash string, lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, dash+line); err != nil {
			return err
		}
	}
	return nil
}

// Explain prints the evidence in its strata, what the self-test found, and who has the policy in force.
func Explain(w io.Writer, g server.Gate) error {
	if err := Status(w, g); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nstratum\tpairs\torders\tbad\tfix\tinconclusive\tpending\tmerchants\tmismatch rate\tat risk")
	for _, s := range g.Strata {
		risk := ""
		for _, m := range s.AtRisk {
			risk += m.String() + " "
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.4g to %.4g\t%s\n", s, s.Pairs, s.Judged, s.Bad, s.Fix, s.Inconclusive, s.Pending, s.Merchants, s.Lower, s.Bound, risk)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return list(w, "", append(append(clusters(g.Strata), probes(g.SelfTest)...), subscribers(g.Rollout)...))
}

func clusters(strata []gate.Weighed) []string {
	var out []string
	for _, s := range strata {
		for _, c := range s.Clusters {
			out = append(out, fmt.Sprintf("%s: %s %s differs (%s, %s): %d times in %d orders%s", s, c.Name, c.Field, c.Kind, c.Class, c.Count, c.Orders, example(c)))
		}
	}
	return out
}

func example(c comparer.Cluster) string {
	if len(c.Examples) == 0 {
		return ""
	}
	return fmt.Sprintf(", as in %s; try: touchstone explain %s", c.Examples[0].Order, c.Examples[0].Order)
}

func probes(all []gate.Probe) []string {
	var out []string
	for _, p := range all {
		found := "found"
		if !p.Found {
			found = "NOT FOUND"
		}
		out = append(out, fmt.Sprintf("seeded %s: %s (%s)", p.Fault, found, p.Saw))
	}
	return out
}

func subscribers(r *rollout.Status) []string {
	if r == nil {
		return nil
	}
	var out []string
	for _, s := range r.Subscribers {
		line := fmt.Sprintf("%s: %s, epoch %d", s.Name, s.State, s.Epoch)
		if s.Reason != "" {
			line += ": " + s.Reason
		}
		out = append(out, line)
	}
	return out
}

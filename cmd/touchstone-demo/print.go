package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/load"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/comparer/server"
)

// namedAtMost bounds the table of orders; report.json has them all.
const namedAtMost = 12

// played is what became of a run.
type played struct {
	options options
	report  comparer.Report
	gate    server.Gate
	orders  []load.Order
	outcome load.Outcome
	took    time.Duration
}

func print(w io.Writer, p played) {
	r, l := p.report, p.report.Ledger
	fmt.Fprintf(w, "\nTouchstone demo: %s cutover, %s databases, fault %q, %d payments, %d refunds\n\n",
		p.options.Cutover, p.options.DB, orNone(string(p.options.Bug)), len(p.orders), load.Requests(p.orders)-len(p.orders))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "clients\t%d requests, %d failed\tp50 %s, p99 %s\n", len(p.outcome.Latencies), len(p.outcome.Failed), ms(p.outcome.Quantile(0.5)), ms(p.outcome.Quantile(0.99)))
	fmt.Fprintf(t, "sampled\t%d gray requests\tmatch %d, mismatch %d, inconclusive %d, dropped %d, excluded %d, pending %d\n",
		l.Sampled, l.Match, l.Mismatch, l.Inconclusive, l.Dropped, l.Excluded, l.Pending)
	orders := 0
	cells := []string{}
	for _, class := range comparer.Classes() {
		orders += r.Classes[class]
		cells = append(cells, fmt.Sprintf("%s %d", class, r.Classes[class]))
	}
	fmt.Fprintf(t, "three sides\t%d gray orders\t%s\n", orders, strings.Join(cells, ", "))
	for _, side := range r.Sides {
		for _, total := range side.In {
			fmt.Fprintf(t, "  %s\t%d %ss\t%s\n", side.Side, total.Count, total.Kind, moneyText(total.Minor))
		}
	}
	fmt.Fprintf(t, "bound\t%d orders judged\tmismatch rate below %.4f (asked for: %.4f)\n", r.Judged, r.Bound, r.MaxBound)
	printRollout(t, p.gate.Rollout)
	t.Flush()
	printOrders(w, p)
	for _, reason := range r.Reasons {
		fmt.Fprintf(w, "  - %s\n", reason)
	}
	fmt.Fprintf(w, "verdict: %s   (%.1f s, %s)\n", r.Verdict, p.took.Seconds(), p.options.Out+"/report.json")
}

// printRollout says how far the candidate came.
func printRollout(w io.Writer, r *rollout.Status) {
	switch {
	case r == nil:
	case r.Phase == rollout.Back:
		fmt.Fprintf(w, "rollout\trolled back in stage %d of %d\tby %s, epoch %d: %s\n", r.Stage, r.Stages, r.By, r.Policy.Epoch, strings.Join(r.Reasons, "; "))
	default:
		fmt.Fprintf(w, "rollout\t%s, stage %d of %d\tgray %s of new orders, epoch %d\n", r.Phase, r.Stage, r.Stages, r.Policy.Gray, r.Policy.Epoch)
	}
}

func printOrders(w io.Writer, p played) {
	if len(p.report.Orders) == 0 {
		fmt.Fprintln(w)
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "order\tclass\tin\tfield\texpected\tactual")
	for i, o := range p.report.Orders {
		if i == namedAtMost {
			fmt.Fprintf(t, "and %d more in report.json\n", len(p.report.Orders)-namedAtMost)
			break
		}
		fmt.Fprintf(t, "%s\t%s\t%s %s\t%s\t%s\t%s\n", o.Order, o.Class, o.Place, o.Name, o.Field, o.Expected, o.Actual)
	}
	t.Flush()
	fmt.Fprintf(w, "see one: bin/touchstone explain %s --data %s\n", p.report.Orders[0].Order, p.options.Out)
}

func orNone(bug string) string {
	if bug == "" {
		return "none"
	}
	return bug
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func moneyText(fen int64) string { return fmt.Sprintf("%d.%02d CNY", fen/100, fen%100) }

// progress is one line that is written again on a terminal, and four lines elsewhere.
type progress struct {
	w        io.Writer
	total    int
	terminal bool

	mu   sync.Mutex
	best int
}

func newProgress(f *os.File, total int) *progress {
	info, err := f.Stat()
	return &progress{w: f, total: total, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (p *progress) at(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n <= p.best {
		return
	}
	step := max(1, p.total/4)
	if p.terminal {
		fmt.Fprintf(p.w, "\rpayments and refunds: %d of %d", n, p.total)
	} else if n/step > p.best/step {
		fmt.Fprintf(p.w, "payments and refunds: %d of %d\n", n, p.total)
	}
	p.best = n
}

func (p *progress) end() {
	if p.terminal {
		fmt.Fprintln(p.w)
	}
}

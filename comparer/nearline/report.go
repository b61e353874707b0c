package nearline

import (
	"time"

	"github.com/seed-3356bd69/touchstone/recon/window"
)

// Outcome is what a window's comparison comes to.
type Outcome string

// The outcomes. A window with rows that could not be read never agrees.
const (
	Agree        Outcome = "agree"
	Differ       Outcome = "differ" // not in money
	Money        Outcome = "money"
	Inconclusive Outcome = "inconclusive"
)

// Report is the result of a window, and what it comes to.
type Report struct {
	window.Result
	Outcome Outcome `json:"outcome"`
	Unread  int     `json:"unread,omitempty"`  // rows of the books that could not be read
	Waiting int     `json:"waiting,omitempty"` // differences that may pass: the window is compared again
}

// report keeps a result. One with differences that may pass is asked for once more, after the patience.
func (n *Comparer) report(now time.Time, r window.Result) {
	out := Report{Result: r}
	for _, d := range r.Differences {
		if _, passing := n.cfg.Excuse(d.Order()); passing && d.Cause != "" {
			out.Waiting++
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if b := n.books[r.Start]; b != nil {
		out.Unread = b.unread
	}
	out.Outcome = outcomeOf(out)
	if out.Waiting > 0 && !r.Late {
		n.reopen[r.Start] = now.Add(n.windows.Patience())
	}
	n.reports = append(n.reports, out)
	if len(n.reports) > n.cfg.MaxReports {
		n.reports = n.reports[len(n.reports)-n.cfg.MaxReports:]
	}
	n.cfg.Metrics.reported(out.Outcome)
}

func outcomeOf(r Report) Outcome {
	counting := 0
	for _, d := range r.Differences {
		if d.Cause == "" {
			counting++
		}
	}
	switch {
	case r.Money():
		return Money
	case counting > 0:
		return Differ
	case r.Unread > 0 || !r.Equal():
		return Inconclusive
	}
	return Agree
}

// Reports gives the latest reports, newest first.
func (n *Comparer) Reports() []Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]Report, 0, len(n.reports))
	for i := len(n.reports) - 1; i >= 0; i-- {
		all = append(all, n.reports[i])
	}
	return all
}

package casework

import (
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// SLA says how soon cases must be closed.
type SLA struct {
	Within time.Duration // after the case was opened or its other side was due, whichever is later
	Share  int           // of ten thousand cases, how many must keep it
	Rules  []SLARule     // further demands on some cases; the strictest counts
}

// SLARule is a demand on cases from an amount on, from an age on: it has an effect where Age and Within together are less
// than what every case has.
type SLARule struct {
	Over   *recon.Money  // the gap's size, either way; nil = every amount
	Age    time.Duration // how old a case must be for the rule to begin
	Within time.Duration // from that age on
}

// DefaultSLA is 99.99 % within four hours.
func DefaultSLA() SLA { return SLA{Within: 4 * time.Hour, Share: 9999} }

// Due is when a case must be closed.
func (s SLA) Due(opened, expected time.Time, gap *recon.Money) time.Time {
	start := opened
	if expected.After(start) {
		start = expected
	}
	within := s.Within
	for _, r := range s.Rules {
		if r.covers(gap) {
			within = min(within, r.Age+r.Within)
		}
	}
	return start.Add(within)
}

func (r SLARule) covers(gap *recon.Money) bool {
	if r.Over == nil {
		return true
	}
	return gap != nil && gap.Currency == r.Over.Currency && max(gap.Minor, -gap.Minor) >= r.Over.Minor
}

// Age is how long the other side of a case is overdue; zero before that.
func Age(expected, now time.Time) time.Duration { return max(now.Sub(expected), 0) }

// Kept is how the cases of a time kept the SLA.
type Kept struct {
	Closed  int64 `json:"closed"`  // in time
	Late    int64 `json:"late"`    // closed too late
	Overdue int64 `json:"overdue"` // still open, and too late
	Open    int64 `json:"open"`    // still open, with time left
	Share   int64 `json:"share"`   // of ten thousand, of those whose time is over; 10000 where there is none
}

// share computes how many of ten thousand kept it, rounded down: 99.989 % is not 99.99 %.
func (k *Kept) share() {
	k.Share = 10_000
	if over := k.Closed + k.Late + k.Overdue; over > 0 {
		k.Share = k.Closed * 10_000 / over
	}
}

// Met tells whether enough of them kept it.
func (s SLA) Met(k Kept) bool { return k.Share >= int64(s.Share) }

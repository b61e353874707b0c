package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Change is what an audit entry is about, and a label of metrics.
type Change string

// The changes of a rollout.
const (
	Begun      Change = "begun"
	Proposed   Change = "proposed"
	Approved   Change = "approved"
	Promoted   Change = "promoted"
	Completed  Change = "completed"
	RolledBack Change = "rolled-back"
	Retreated  Change = "retreated" // a subscriber refused the policy
	Held       Change = "held"
	Cleared    Change = "cleared"
)

// Changes lists them.
func Changes() []Change {
	return []Change{Begun, Proposed, Approved, Promoted, Completed, RolledBack, Retreated, Held, Cleared}
}

// Gate acts where no person does.
const Gate = "gate"

// Entry is what the audit keeps of one change.
type Entry struct {
	Time    time.Time     `json:"time"`
	Change  Change        `json:"change"`
	By      string        `json:"by"` // a person, or Gate
	Stage   int           `json:"stage"`
	Policy  shadow.Policy `json:"policy"` // that is in force after it
	Hash    string        `json:"hash"`   // of the policy
	Before  string        `json:"before"` // hash of the policy before
	Reasons []string      `json:"reasons,omitempty"`
	Judged  int           `json:"judged"` // orders
	Bad     int           `json:"bad"`
	Bound   float64       `json:"bound"`
}

// Audit takes entries before what they tell of is done, except a rollback's, which it takes afterwards. An entry that was
// taken is never changed. One whose taking ended with an error may come again.
type Audit interface {
	Append(ctx context.Context, e Entry) error
}

// ErrOwed means that something has to wait until the audit has taken the entry of a rollback.
var ErrOwed = errors.New("the audit has not taken the rollback's entry yet")

// Settle gives the audit the entries it is owed, oldest first. Nothing waits for it but what comes after a rollback: the
// ladder goes on meanwhile. An end of ctx does not end it, or what is on its way would be written again by the next process;
// the Audit's own patience does.
func (l *Ladder) Settle(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	l.paying.Lock()
	defer l.paying.Unlock()
	for {
		e, owed := l.debt()
		if !owed {
			return nil
		}
		if err := l.deps.Audit.Append(ctx, e); err != nil {
			return fmt.Errorf("%w: %w", ErrOwed, err)
		}
		if err := l.paid(); err != nil {
			return err
		}
	}
}

func (l *Ladder) debt() (Entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.state.Owed) == 0 {
		return Entry{}, false
	}
	return l.state.Owed[0], true
}

// paid forgets the oldest debt. A process that is killed before that is kept gives the same entry a second time.
func (l *Ladder) paid() error {
	return l.disk.keep(l.pay())
}

func (l *Ladder) pay() (turn uint64, now state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Owed = l.state.Owed[1:]
	l.show()
	return l.snapshot()
}

package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Terms say how many days things stay in the store. 0 = for ever.
type Terms struct {
	Findings   int // findings, write-offs and settlements of batches, from the statement's day
	Batches    int // batches, from the statement's day; what belongs to them goes with them
	Cases      int // closed cases with their history and repairs, from their close
	Operations int // what was asked and answered of operations that came to their end, from then on
}

// details is the term of what belongs to batches.
func (t Terms) details() int { return shortest(t.Findings, t.Batches) }

// frozen is the term after which a statement is not done again.
func (t Terms) frozen() int { return shortest(t.Findings, t.Batches, t.Cases) }

func shortest(all ...int) (least int) {
	for _, days := range all {
		if days > 0 && (least == 0 || days < least) {
			least = days
		}
	}
	return least
}

// Keeper retires. Any number of them may share a store: one at a time works.
type Keeper struct {
	DB      *store.DB
	Archive batch.Archive
	Terms   Terms
	Late    int    // days for which a later file may settle a break, at most: rules.Config.Late of any statement
	Worker  string // name of this process, for the audit
	Rows    int    // of a file, about; 0 = 50,000
	Now     func() time.Time
	Log     *slog.Logger
	Metrics *Metrics // nil: nothing is counted
}

const (
	defaultRows = 50_000
	pageSize    = 500 // rows that one transaction takes
	day         = 24 * time.Hour
	runEvery    = day
	retryAfter  = time.Hour
	settling    = 31 // days after its close in which a statement is left alone, however old its day
)

// Look runs where a run is due and nobody else is at it. It tells whether it did.
func (k *Keeper) Look(ctx context.Context) (did bool, err error) { return k.run(ctx, false) }

// Run runs now. Whoever is at it is replaced.
func (k *Keeper) Run(ctx context.Context) error {
	_, err := k.run(ctx, true)
	return err
}

func (k *Keeper) run(ctx context.Context, now bool) (bool, error) {
	c, err := k.take(ctx, now)
	if err != nil || c == nil {
		return false, err
	}
	err = c.all(ctx)
	if errors.Is(err, errFenced) || ctx.Err() != nil {
		return true, err // another has it, or gets it when the claim is over
	}
	if err != nil {
		k.Metrics.failed()
		return true, errors.Join(fmt.Errorf("retire: %w", err), c.end(ctx, c.begun.Add(retryAfter)))
	}
	return true, c.end(ctx, c.begun.Add(runEvery))
}

func (c *claim) all(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.removeWritten, c.freeze, c.quiet, c.retireDetails, c.retireBatches, c.retireCases, c.retireOperations} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// before is the first day that a term keeps.
func (c *claim) before(days int) string {
	return c.begun.UTC().AddDate(0, 0, -days).Format(time.DateOnly)
}

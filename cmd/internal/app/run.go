package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/evidence"
	"github.com/seed-3356bd69/touchstone/comparer/nearline"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// EvidenceFile is the name of the evidence store in a comparer's data folder.
const EvidenceFile = "evidence.db"

// grayRun is the state of one gray run: the store and the ledger made from it. It implements server.Run.
type grayRun struct {
	store *evidence.Store
	judge judge
	log   *slog.Logger
	seen  *runMetrics
	bus   behind
	near  *nearline.Comparer // nil: it is not configured

	mu     sync.Mutex
	ledger *comparer.Ledger
}

// behind is the way the evidence comes; a judgement waits until nothing of it is under way.
type behind interface {
	CatchUp(ctx context.Context) error
}

// openRun opens the store of a data folder and rebuilds the ledger from it.
func openRun(ctx context.Context, folder string, j judge, seen *runMetrics, bus behind, log *slog.Logger) (*grayRun, error) {
	store, err := evidence.Create(ctx, filepath.Join(folder, EvidenceFile))
	if err != nil {
		return nil, err
	}
	ledger, err := store.Ledger(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("rebuild ledger: %w", err), store.Close())
	}
	return &grayRun{store: store, judge: j, log: log, seen: seen, bus: bus, ledger: ledger}, nil
}

// take stores a batch of events, then counts them. An event that makes no sense is stored, and its complaint keeps the
// ledger from balancing; it does not hold up the others.
func (r *grayRun) take(ctx context.Context, batch []shadow.Event) error {
	if err := r.store.Append(ctx, batch); err != nil {
		return err
	}
	fresh := r.apply(batch)
	if r.near == nil {
		return nil
	}
	for _, ev := range fresh {
		r.near.Take(time.Now(), ev)
	}
	return nil
}

// apply counts a batch and gives the events that are new.
func (r *grayRun) apply(batch []shadow.Event) (fresh []shadow.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, ev := range batch {
		if r.ledger.Apply(ev) {
			fresh = append(fresh, ev)
		}
	}
	return fresh
}

// countEvery is how often the ledger's metrics are refreshed.
const countEvery = 5 * time.Second

// count keeps the ledger's metrics fresh until ctx ends.
func (r *grayRun) count(ctx context.Context) error {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		r.seen.counted(r.Counts())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Counts is the ledger in numbers.
func (r *grayRun) Counts() comparer.Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Counts()
}

// catchUpBound is how long a judgement waits for evidence that is under way.
const catchUpBound = time.Minute

// Judge waits for the evidence under way, reads the three sides, decides, and stores the answer. Later events wait
// meanwhile on the bus.
func (r *grayRun) Judge(ctx context.Context) (comparer.Report, error) {
	wait, cancel := context.WithTimeout(ctx, catchUpBound)
	defer cancel()
	if err := r.bus.CatchUp(wait); err != nil {
		return comparer.Report{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := r.judge.run(ctx, r.ledger)
	if err != nil {
		return comparer.Report{}, err
	}
	if err := r.store.SaveReport(ctx, out.report, out.bookings); err != nil {
		return comparer.Report{}, err
	}
	r.seen.judged(out.report)
	r.log.Info("judged", "verdict", out.report.Verdict, "orders", out.report.Judged)
	return out.report, nil
}

// Report is the latest judgement.
func (r *grayRun) Report(ctx context.Context) (comparer.Report, error) { return r.store.Report(ctx) }

// Chain is all that is stored about an order.
func (r *grayRun) Chain(ctx context.Context, order string) (evidence.Chain, error) {
	return r.store.Chain(ctx, order)
}

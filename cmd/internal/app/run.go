package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/evidence"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/nearline"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// EvidenceFile is the name of the evidence store in a comparer's data folder.
const EvidenceFile = "evidence.db"

// grayRun is the state of one gray run: the store and the ledger made from it. It implements server.Run.
type grayRun struct {
	store    *evidence.Store
	judge    judge
	log      *slog.Logger
	seen     *runMetrics
	bus      behind
	patience time.Duration      // with sidecars that do not say anything
	near     *nearline.Comparer // nil: it is not configured

	rollout *rolloutLoop // nil: it is not configured
	latest  atomic.Pointer[looked]
	heard   atomic.Int64 // when the last event came; nanoseconds since start
	start   time.Time

	deciding sync.Mutex // one judgement of a run that is over at a time

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
	return &grayRun{store: store, judge: j, log: log, seen: seen, bus: bus, patience: hearBound, ledger: ledger, start: time.Now()}, nil
}

// take stores a batch of events, then counts them. An event that makes no sense is stored, and its complaint keeps the
// ledger from balancing; it does not hold up the others.
func (r *grayRun) take(ctx context.Context, batch []shadow.Event) error {
	var seeded *canary
	if r.rollout != nil {
		seeded = r.rollout.canary
	}
	if batch = seeded.take(batch); len(batch) == 0 {
		return nil
	}
	if err := r.store.Append(ctx, batch); err != nil {
		return err
	}
	r.heard.Store(int64(time.Since(r.start)))
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
	now := time.Now()
	for _, ev := range batch {
		if r.ledger.Apply(ev) {
			r.ledger.Arrived(ev.Instance, now)
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

// Findings are the differences so far, by what they have in common.
func (r *grayRun) Findings() []comparer.Cluster {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Clusters()
}

// catchUpBound is how long a judgement waits for evidence that is under way.
const catchUpBound = time.Minute

// Judge waits for the evidence under way, reads the three sides, decides, and stores the answer. Where there is a rollout
// it is taken a step further.
func (r *grayRun) Judge(ctx context.Context) (comparer.Report, error) {
	if r.rollout != nil {
		out, err := r.rollout.look(ctx)
		return out.report, err
	}
	out, err := r.decide(ctx, r.judge.policy())
	return out.report, err
}

// decide judges a run that is over, or that nobody adds to meanwhile: later events wait on the bus.
func (r *grayRun) decide(ctx context.Context, policy gate.Policy) (judged, error) {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	if err := r.catchUp(ctx); err != nil {
		return judged{}, err
	}
	w, err := r.weighAll(ctx, policy)
	if err != nil {
		return judged{}, err
	}
	out, err := r.judge.conclude(ctx, w, policy, gate.Facts{})
	if err != nil {
		return judged{}, err
	}
	return out, r.keep(ctx, out)
}

func (r *grayRun) weighAll(ctx context.Context, policy gate.Policy) (weighed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	read, err := r.judge.read(ctx)
	if err != nil {
		return weighed{}, err
	}
	if err := r.judge.readRows(ctx, &read, r.ledger.Orders()); err != nil {
		return weighed{}, err
	}
	return r.judge.weigh(r.ledger, read, policy)
}

// decideLive judges a run while it goes on. Orders about which there was word after scope.Settled are pending: for all
// others both sides are complete in what is read afterwards. What is bad has to be bad a second time, a while later: the word
// about an order may come late, and a database may lag behind its own answers. A second look that could not read everything
// takes nothing back.
func (r *grayRun) decideLive(ctx context.Context, policy gate.Policy, scope comparer.Scope, facts gate.Facts, again time.Duration) (judged, error) {
	first, err := r.lookOnce(ctx, policy, scope, facts)
	if err != nil || first.decision.Bad == 0 {
		return first, err
	}
	if err := pause(ctx, again); err != nil {
		return judged{}, err
	}
	second, err := r.lookOnce(ctx, policy, scope, facts)
	if err != nil {
		return judged{}, err
	}
	if one, two := first.decision, second.decision; two.Bad < one.Bad {
		if second.blind && one.Verdict == gate.Rollback && two.Verdict != gate.Rollback {
			r.log.Error("the second look could not read everything, the first stands", "reasons", two.Reasons)
			return first, nil
		}
		r.log.Warn("differences were gone at the second look", "first", one.Bad, "second", two.Bad, "reasons", one.Reasons)
	}
	return second, nil
}

// lookOnce reads and judges once. What the bus has not delivered must not be missed in what the databases say: where it
// cannot be waited for, the ledger is judged alone.
func (r *grayRun) lookOnce(ctx context.Context, policy gate.Policy, scope comparer.Scope, facts gate.Facts) (judged, error) {
	late := r.catchUp(ctx)
	over := late == nil && r.ended()
	if over {
		scope.Settled = time.Now()
	}
	read, err := r.readLive(ctx, scope, late)
	if err != nil {
		return judged{}, err
	}
	w, live, err := r.weighLive(read, policy, scope, over)
	if err != nil {
		return judged{}, err
	}
	facts.Live = live
	return r.judge.conclude(ctx, w, policy, facts)
}

func (r *grayRun) readLive(ctx context.Context, scope comparer.Scope, late error) (reading, error) {
	if late != nil {
		read, err := reading{}.alone("evidence under way could not be waited for", late)
		return read, errors.Join(err, ctx.Err())
	}
	read, err := r.judge.read(ctx)
	if err != nil {
		return read, err
	}
	if err := r.judge.readRows(ctx, &read, r.settled(scope.Settled)); err != nil {
		return read, err
	}
	silent, err := r.hear(ctx, time.Now().Add(hearMargin), scope.Settled.Add(-hearBound))
	if silent != "" {
		read.problems = append(read.problems, silent)
	}
	return read, err
}

// weighLive weighs what was read, and tells whether more may come.
func (r *grayRun) weighLive(read reading, policy gate.Policy, scope comparer.Scope, over bool) (w weighed, live bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	read.scope.Since = scope.Since
	if live = !over || !r.ledger.Ended(); live {
		read.scope.Settled, read.scope.Abandoned = scope.Settled, scope.Abandoned
	}
	w, err = r.judge.weigh(r.ledger, read, policy)
	return w, live, err
}

const (
	hearMargin = 100 * time.Millisecond // between what a sidecar sees and its way here
	hearBound  = 10 * time.Second       // sidecars say something every second
	hearEvery  = 20 * time.Millisecond
)

// hear waits until something later than at has come of every sidecar: what it saw before is known then. Those that stay
// silent, because they were killed, are told of, and hold up nothing: "" = there are none.
func (r *grayRun) hear(ctx context.Context, at, quiet time.Time) (silent string, err error) {
	end := time.Now().Add(r.patience)
	for {
		late := r.behind(at, quiet)
		if len(late) == 0 {
			return "", nil
		}
		if time.Now().After(end) {
			return fmt.Sprintf("no word from %d sidecars since the sides were read, the first is %s: what it saw last may be missing", len(late), late[0]), nil
		}
		if err := pause(ctx, hearEvery); err != nil {
			return "", err
		}
	}
}

func (r *grayRun) behind(at, quiet time.Time) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Behind(at, quiet)
}

// settled are the orders about which there was no word since.
func (r *grayRun) settled(since time.Time) []comparer.Order {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(r.ledger.Orders(), func(o comparer.Order) bool { return o.Last.After(since) || o.Running })
}

func (r *grayRun) catchUp(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, catchUpBound)
	defer cancel()
	return r.bus.CatchUp(wait)
}

// keep shows a judgement and stores it.
func (r *grayRun) keep(ctx context.Context, out judged) error {
	r.seen.judged(out)
	r.latest.Store(&looked{judged: out, at: time.Now()})
	r.log.Info("judged", "verdict", out.report.Verdict, "orders", out.report.Judged)
	return r.store.SaveReport(ctx, out.report, out.bookings)
}

// looked is the last judgement of this process.
type looked struct {
	judged
	at time.Time
}

// Report is the latest judgement.
func (r *grayRun) Report(ctx context.Context) (comparer.Report, error) { return r.store.Report(ctx) }

// Chain is all that is stored about an order.
func (r *grayRun) Chain(ctx context.Context, order string) (evidence.Chain, error) {
	return r.store.Chain(ctx, order)
}

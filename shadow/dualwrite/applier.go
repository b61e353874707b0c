package dualwrite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// ApplierConfig is how write sets get to the shadow.
type ApplierConfig struct {
	Shadow       *sql.DB            // the shadow's schema, never the primary's
	Batched      bool               // Shadow is of OpenShadow: inserts of a set go in one round trip
	Stored       Stored             // the journal in which submitted sets stand; nil = none does
	Report       func(shadow.Apply) // every state of every write set; it must not block
	Workers      int                // 0 = 4; write sets of one order or row stay in their sequence
	Queue        int                // write sets that wait in memory; 0 = 4096
	Wait         time.Duration      // that Submit waits for the shadow to take the set; 0 = it does not wait
	Mappings     map[string]Mapping // by the primary's table, lower case: what is otherwise on the shadow
	Tries        int                // of one write set, while the shadow answers; 0 = 50
	Backoff      time.Duration      // before the second try; doubles up to 20 times that; 0 = 50 ms
	TryTimeout   time.Duration      // of one try; 0 = 10 s
	DrainTimeout time.Duration      // for what waits when Run's context ends; 0 = 10 s
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

// Stored is what an applier needs of the journal.
type Stored interface {
	Payload(seq uint64) ([]byte, error)
	Done(seq uint64) error
}

func (c *ApplierConfig) defaults() {
	number := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	span := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	number(&c.Workers, 4)
	number(&c.Queue, 4096)
	number(&c.Tries, 50)
	span(&c.Backoff, 50*time.Millisecond)
	span(&c.TryTimeout, 10*time.Second)
	span(&c.DrainTimeout, 10*time.Second)
}

// Applier writes the rows of committed write sets to the shadow, each set in one transaction and at most once. What
// stands in the journal waits there for as long as the shadow is away, and comes back after a restart; what does not is
// bounded in number and tries.
//
//	Submit ──► schedule by order and row ──► one shadow transaction ──► applied
//	             │ full, and it does              │ no answer: again
//	             │ not come back                  └─► failed, or unknown if a COMMIT got no answer
//	             └─► dropped
type Applier struct {
	cfg      ApplierConfig
	schedule *schedule
	breaker  *breaker
	target   *target
	prepared atomic.Bool
	counts   counts
	metrics  *applyMetrics
}

// counts is what became of the write sets so far.
type counts struct{ applied, dropped, failed, unknown atomic.Uint64 }

// NewApplier makes an applier; Run does the work.
func NewApplier(cfg ApplierConfig) *Applier {
	cfg.defaults()
	a := &Applier{
		cfg: cfg, schedule: newSchedule(cfg.Queue), breaker: newBreaker(cfg.Backoff, 20*cfg.Backoff), target: newTarget(cfg.Shadow, cfg.Mappings, cfg.Batched),
	}
	a.metrics = newApplyMetrics(cfg.Metrics, func() float64 { return float64(a.schedule.len()) })
	return a
}

// ApplierStatus is the applier's own view.
type ApplierStatus struct {
	Depth   int    `json:"depth"` // write sets that wait
	Away    bool   `json:"away"`  // the shadow gives no answer
	Applied uint64 `json:"applied"`
	Dropped uint64 `json:"dropped"`
	Failed  uint64 `json:"failed"`
	Unknown uint64 `json:"unknown"`
}

// Status tells how the applier stands.
func (a *Applier) Status() ApplierStatus {
	return ApplierStatus{
		Depth: a.schedule.len(), Away: a.breaker.open(), Applied: a.counts.applied.Load(), Dropped: a.counts.dropped.Load(),
		Failed: a.counts.failed.Load(), Unknown: a.counts.unknown.Load(),
	}
}

// Submit takes a sealed write set; seq is its number in the journal, 0 = it is not there. It does not block, but for the
// configured wait while the shadow is there. What has nothing to apply, or cannot be applied, is reported at once.
func (a *Applier) Submit(seq uint64, ws shadow.WriteSet) {
	if a.hopeless(ws) {
		return
	}
	a.report(ws, shadow.ApplyPending, "")
	w := &waiting{seq: seq, ws: &ws}
	if a.cfg.Wait > 0 && !a.breaker.open() {
		w.ended = make(chan struct{})
	}
	ended := w.ended
	switch err := a.schedule.push(w); {
	case err == nil:
		a.await(ended)
	case seq != 0 && errors.Is(err, errQueueClosed):
	case errors.Is(err, errQueueClosed):
		a.report(ws, shadow.ApplyDropped, shadow.ReasonShutdown)
	default:
		a.report(ws, shadow.ApplyDropped, shadow.ReasonQueueFull)
	}
}

func (a *Applier) await(ended <-chan struct{}) {
	if ended == nil {
		return
	}
	timer := time.NewTimer(a.cfg.Wait)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		a.metrics.late.Inc()
	}
}

// Follow takes a write set that comes back until done was called. It waits while there is no room.
func (a *Applier) Follow(ctx context.Context, ws shadow.WriteSet, done func()) error {
	if a.hopeless(ws) {
		done()
		return nil
	}
	a.report(ws, shadow.ApplyPending, "")
	return a.schedule.pushWhenRoom(ctx, &waiting{ws: &ws, done: done})
}

// hopeless reports what cannot be applied.
func (a *Applier) hopeless(ws shadow.WriteSet) bool {
	switch {
	case ws.Outcome == shadow.NothingWritten:
	case ws.Outcome == shadow.CommitUnknown:
		a.report(ws, shadow.ApplyUnknown, shadow.CauseUnknownCommit)
	case ws.Cause != "":
		a.report(ws, shadow.ApplyFailed, ws.Cause)
	default:
		return false
	}
	return true
}

// Resolve takes a write set whose transaction's end is not known. Without another witness it stays unknown.
func (a *Applier) Resolve(seq uint64, ws shadow.WriteSet) {
	ws.Outcome = shadow.CommitUnknown
	a.report(ws, shadow.ApplyUnknown, shadow.CauseUnknownCommit)
	a.done(seq)
}

// Run applies until ctx ends, then what waits for at most the drain time. What is left by then is reported as dropped,
// unless it stands in the journal.
func (a *Applier) Run(ctx context.Context) error {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var wg sync.WaitGroup
	for range a.cfg.Workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for w, more := a.schedule.pop(); more; w, more = a.schedule.pop() {
				a.contained(hard, w)
				a.schedule.finish(w)
			}
		}()
	}
	<-ctx.Done()
	a.schedule.close()
	late := time.AfterFunc(a.cfg.DrainTimeout, cancel)
	defer late.Stop()
	wg.Wait()
	return nil
}

// contained works on one write set and keeps a panic from the ports of the same process.
func (a *Applier) contained(ctx context.Context, w *waiting) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		ws := shadow.WriteSet{ID: w.id, Order: w.order}
		if w.ws != nil {
			ws = *w.ws
		}
		a.cfg.Log.Error("applying a write set panicked", logWriteSet, ws.ID, logError, p)
		a.report(ws, shadow.ApplyUnknown, shadow.CauseInternal)
		if w.done != nil {
			w.done()
		}
	}()
	a.work(ctx, w)
}

func (a *Applier) work(ctx context.Context, w *waiting) {
	if w.kept() && ctx.Err() != nil {
		return
	}
	ws, err := a.read(w)
	if err != nil {
		a.cfg.Log.Error("write set is lost", logEntry, w.seq, logError, err)
		a.report(shadow.WriteSet{ID: w.id, Order: w.order}, shadow.ApplyFailed, shadow.CauseApply)
		a.done(w.seq)
		return
	}
	state, cause := a.deliver(ctx, w.kept(), ws)
	if w.kept() && cause == shadow.ReasonShutdown {
		return
	}
	a.report(ws, state, cause)
	a.done(w.seq)
	if w.done != nil {
		w.done()
	}
	if state == shadow.Applied {
		a.metrics.lag.Observe(time.Since(ws.Sealed).Seconds())
	}
}

// read gives the write set, from the journal if it was too much for the memory.
func (a *Applier) read(w *waiting) (shadow.WriteSet, error) {
	if w.ws != nil {
		return *w.ws, nil
	}
	payload, err := a.cfg.Stored.Payload(w.seq)
	if err != nil {
		return shadow.WriteSet{}, fmt.Errorf("read write set back: %w", err)
	}
	return Kept(payload, true)
}

// done takes a write set out of the journal. If that fails it comes back at the next start, and the shadow knows its id.
func (a *Applier) done(seq uint64) {
	if seq == 0 || a.cfg.Stored == nil {
		return
	}
	if err := a.cfg.Stored.Done(seq); err != nil {
		a.cfg.Log.Warn("journal entry stays", logEntry, seq, logError, err)
	}
}

// deliver tries until the shadow has the write set, refuses it, or the tries or the time are used up. A shadow that is
// away costs a set that comes back no tries.
func (a *Applier) deliver(ctx context.Context, kept bool, ws shadow.WriteSet) (shadow.ApplyState, string) {
	wait, unsure := a.cfg.Backoff, false
	for try := 1; ; try++ {
		if a.breaker.enter(ctx) != nil {
			return undelivered(unsure, shadow.ApplyDropped), shadow.ReasonShutdown
		}
		err := a.try(ctx, ws)
		away := errors.Is(err, errAway)
		a.breaker.leave(away)
		if err == nil {
			return shadow.Applied, ""
		}
		unsure = unsure || errors.Is(err, errCommitUnanswered)
		if kept && away {
			try--
		}
		if !errors.Is(err, errAgain) || try == a.cfg.Tries {
			a.cfg.Log.Warn("write set not applied", logWriteSet, ws.ID, logTries, try, logError, err)
			return undelivered(unsure, shadow.ApplyFailed), shadow.CauseApply
		}
		if away {
			continue // the breaker waits
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, 20*a.cfg.Backoff)
	}
}

const (
	logWriteSet = "write_set"
	logTries    = "tries"
	logError    = "error"
	logEntry    = "entry"
)

func undelivered(unsure bool, state shadow.ApplyState) shadow.ApplyState {
	if unsure {
		return shadow.ApplyUnknown
	}
	return state
}

func (a *Applier) try(ctx context.Context, ws shadow.WriteSet) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.TryTimeout)
	defer cancel()
	if !a.prepared.Load() {
		if _, err := a.cfg.Shadow.ExecContext(ctx, createApplied); err != nil {
			return fmt.Errorf("create table of applied write sets: %w", sorted(err))
		}
		a.prepared.Store(true)
	}
	return a.target.apply(ctx, ws)
}

func (a *Applier) report(ws shadow.WriteSet, state shadow.ApplyState, cause string) {
	switch state {
	case shadow.Applied:
		a.metrics.applied.Inc()
		a.counts.applied.Add(1)
	case shadow.ApplyDropped:
		a.metrics.dropped.Inc()
		a.counts.dropped.Add(1)
	case shadow.ApplyFailed:
		a.metrics.failed.Inc()
		a.counts.failed.Add(1)
	case shadow.ApplyUnknown:
		a.metrics.unknown.Inc()
		a.counts.unknown.Add(1)
	}
	a.cfg.Report(shadow.Apply{WriteSet: ws.ID, Order: ws.Order, State: state, Cause: cause})
}

type applyMetrics struct {
	applied, dropped, failed, unknown, late prometheus.Counter
	lag                                     prometheus.Histogram
}

func newApplyMetrics(reg prometheus.Registerer, depth func() float64) *applyMetrics {
	m := &applyMetrics{
		applied: counter("touchstone_dualwrite_applied_total", "Write sets the shadow has."),
		dropped: counter("touchstone_dualwrite_dropped_total", "Write sets that found no room, or no time before the end."),
		failed:  counter("touchstone_dualwrite_failed_total", "Write sets that cannot be applied or that the shadow refused."),
		unknown: counter("touchstone_dualwrite_apply_unknown_total", "Write sets of which nobody knows whether the shadow has them."),
		late:    counter("touchstone_dualwrite_wait_exceeded_total", "Commits whose client did not wait any longer for the shadow."),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "touchstone_dualwrite_lag_seconds", Help: "From the primary's commit to the shadow's.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)}),
	}
	queued := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "touchstone_dualwrite_queue_depth", Help: "Write sets that wait for the shadow."}, depth)
	reg.MustRegister(m.applied, m.dropped, m.failed, m.unknown, m.late, m.lag, queued)
	return m
}

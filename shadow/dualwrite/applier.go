package dualwrite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// ApplierConfig is how write sets get to the shadow.
type ApplierConfig struct {
	Shadow       *sql.DB            // the shadow's schema, never the primary's
	Report       func(shadow.Apply) // every state of every write set; it must not block
	Workers      int                // 0 = 4; the write sets of one order stay in their sequence
	Queue        int                // write sets that wait, over all workers; 0 = 4096
	Tries        int                // of one write set; 0 = 50
	Backoff      time.Duration      // before the second try; doubles up to 20 times that; 0 = 50 ms
	TryTimeout   time.Duration      // of one try; 0 = 10 s
	DrainTimeout time.Duration      // for what waits when Run's context ends; 0 = 10 s
	Log          *slog.Logger
	Metrics      prometheus.Registerer
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

// Applier writes the rows of committed write sets to the shadow, each set in one transaction and at most once.
//
//	WriteSet ──► queue by order ──► one shadow transaction ──► applied
//	               │ full              │ no answer: again, up to Tries
//	               └─► dropped         └─► failed, or unknown if a COMMIT got no answer
type Applier struct {
	cfg     ApplierConfig
	shards  []chan shadow.WriteSet
	metrics *applyMetrics

	mu     sync.RWMutex
	closed bool
}

// NewApplier makes an applier; Run does the work.
func NewApplier(cfg ApplierConfig) *Applier {
	cfg.defaults()
	a := &Applier{cfg: cfg}
	for range cfg.Workers {
		a.shards = append(a.shards, make(chan shadow.WriteSet, max(1, cfg.Queue/cfg.Workers)))
	}
	a.metrics = newApplyMetrics(cfg.Metrics, a.depth)
	return a
}

func (a *Applier) depth() float64 {
	n := 0
	for _, s := range a.shards {
		n += len(s)
	}
	return float64(n)
}

// WriteSet queues a write set and never blocks. What has nothing to apply, or cannot be applied, is reported at once.
func (a *Applier) WriteSet(ws shadow.WriteSet) {
	switch {
	case ws.Outcome == shadow.NothingWritten:
		return
	case ws.Outcome == shadow.CommitUnknown:
		a.report(ws, shadow.ApplyUnknown, shadow.CauseUnknownCommit)
		return
	case ws.Cause != "":
		a.report(ws, shadow.ApplyFailed, ws.Cause)
		return
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.closed {
		a.report(ws, shadow.ApplyDropped, shadow.ReasonShutdown)
		return
	}
	a.report(ws, shadow.ApplyPending, "")
	select {
	case a.shards[a.shard(ws.Order)] <- ws:
	default:
		a.report(ws, shadow.ApplyDropped, shadow.ReasonQueueFull)
	}
}

func (a *Applier) shard(order string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(order)) // never fails
	return int(h.Sum32() % uint32(len(a.shards)))
}

// Run applies until ctx ends, then what waits for at most the drain time; the rest is reported as dropped.
func (a *Applier) Run(ctx context.Context) error {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var wg sync.WaitGroup
	for _, queue := range a.shards {
		wg.Add(1)
		go func() {
			defer wg.Done()
			a.work(hard, queue)
		}()
	}
	<-ctx.Done()
	a.mu.Lock()
	a.closed = true
	for _, queue := range a.shards {
		close(queue)
	}
	a.mu.Unlock()
	late := time.AfterFunc(a.cfg.DrainTimeout, cancel)
	defer late.Stop()
	wg.Wait()
	return nil
}

func (a *Applier) work(ctx context.Context, queue <-chan shadow.WriteSet) {
	prepared := false
	for ws := range queue {
		state, cause := a.deliver(ctx, ws, &prepared)
		a.report(ws, state, cause)
		if state == shadow.Applied {
			a.metrics.lag.Observe(time.Since(ws.Sealed).Seconds())
		}
	}
}

// deliver tries until the shadow has the write set, refuses it, or the tries or the time are used up.
func (a *Applier) deliver(ctx context.Context, ws shadow.WriteSet, prepared *bool) (shadow.ApplyState, string) {
	wait, unsure := a.cfg.Backoff, false
	for try := 1; ; try++ {
		if ctx.Err() != nil {
			return undelivered(unsure, shadow.ApplyDropped), shadow.ReasonShutdown
		}
		err := a.try(ctx, ws, prepared)
		if err == nil {
			return shadow.Applied, ""
		}
		unsure = unsure || errors.Is(err, errCommitUnanswered)
		if !errors.Is(err, errAgain) || try == a.cfg.Tries {
			a.cfg.Log.Warn("write set not applied", logWriteSet, ws.ID, logTries, try, logError, err)
			return undelivered(unsure, shadow.ApplyFailed), shadow.CauseApply
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
)

func undelivered(unsure bool, state shadow.ApplyState) shadow.ApplyState {
	if unsure {
		return shadow.ApplyUnknown
	}
	return state
}

func (a *Applier) try(ctx context.Context, ws shadow.WriteSet, prepared *bool) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.TryTimeout)
	defer cancel()
	if !*prepared {
		if _, err := a.cfg.Shadow.ExecContext(ctx, createApplied); err != nil {
			return fmt.Errorf("create table of applied write sets: %w", sorted(err))
		}
		*prepared = true
	}
	return apply(ctx, a.cfg.Shadow, ws)
}

func (a *Applier) report(ws shadow.WriteSet, state shadow.ApplyState, cause string) {
	switch state {
	case shadow.Applied:
		a.metrics.applied.Inc()
	case shadow.ApplyDropped:
		a.metrics.dropped.Inc()
	case shadow.ApplyFailed:
		a.metrics.failed.Inc()
	case shadow.ApplyUnknown:
		a.metrics.unknown.Inc()
	}
	a.cfg.Report(shadow.Apply{WriteSet: ws.ID, Order: ws.Order, State: state, Cause: cause})
}

type applyMetrics struct {
	applied, dropped, failed, unknown prometheus.Counter
	lag                               prometheus.Histogram
}

func newApplyMetrics(reg prometheus.Registerer, depth func() float64) *applyMetrics {
	m := &applyMetrics{
		applied: counter("touchstone_dualwrite_applied_total", "Write sets the shadow has."),
		dropped: counter("touchstone_dualwrite_dropped_total", "Write sets that found no room, or no time before the end."),
		failed:  counter("touchstone_dualwrite_failed_total", "Write sets that cannot be applied or that the shadow refused."),
		unknown: counter("touchstone_dualwrite_apply_unknown_total", "Write sets of which nobody knows whether the shadow has them."),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "touchstone_dualwrite_lag_seconds", Help: "From the primary's commit to the shadow's.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)}),
	}
	queued := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "touchstone_dualwrite_queue_depth", Help: "Write sets that wait for the shadow."}, depth)
	reg.MustRegister(m.applied, m.dropped, m.failed, m.unknown, m.lag, queued)
	return m
}

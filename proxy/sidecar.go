package proxy

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const tracerName = "github.com/seed-3356bd69/touchstone/proxy"

// Sidecar is an HTTP handler in front of one service, and the workers that mirror behind it.
//
//	client ──► admit ──opened──► forward ──Tag(primary)──► stable ──► client, untouched
//	             │                  └─ copies, bounded           │
//	             │ untagged: forward only                        ▼ the answer has ended
//	             ▼                                     one bounded queue, FIFO for each order
//	          excluded                                           │ Run: workers
//	                                                             ▼
//	                                   Tag(shadow) ──► candidate ──► Compare ──closed──► Publisher
type Sidecar struct {
	config    Config
	deps      Deps
	slice     atomic.Pointer[Slice]
	budget    *capture.Budget
	queue     *queue
	taints    *taints
	metrics   *metrics
	tracer    trace.Tracer
	stable    http.Handler
	candidate *http.Transport

	sequence       atomic.Uint64
	opened, closed atomic.Uint64
}

// New wires a sidecar; the configuration has passed Validate.
func New(config Config, deps Deps) *Sidecar {
	config.Limits = config.Limits.withDefaults()
	if deps.Calls == nil {
		deps.Calls = noCalls{}
	}
	if deps.Members == nil {
		deps.Members = NewMembers(config.Limits.Members)
	}
	s := &Sidecar{
		config:  config,
		deps:    deps,
		budget:  capture.NewBudget(config.Limits.MaxCaptured),
		taints:  newTaints(config.Limits.Taints, deps.Members),
		metrics: newMetrics(deps.Registry),
		tracer:  deps.Tracer.Tracer(tracerName),
	}
	s.queue = newQueue(config.Limits.QueueLength, func(n int) { s.metrics.queueLength.Set(float64(n)) })
	s.stable = s.forwarder()
	s.candidate = candidateTransport(config.Limits)
	slice := config.Slice
	s.slice.Store(&slice)
	return s
}

// Server gives an HTTP server with the sidecar's limits; the caller makes the listener, serves, and shuts it down
// before the context of Run ends.
func (s *Sidecar) Server() *http.Server {
	return &http.Server{
		Handler:           s,
		MaxHeaderBytes:    s.config.Limits.MaxHeader,
		ReadHeaderTimeout: s.config.Limits.ReadHeaderTime,
		IdleTimeout:       s.config.Limits.ClientIdle,
	}
}

// SetSlice makes a decision of the policy effective for requests that come from now on.
func (s *Sidecar) SetSlice(slice Slice) error {
	if err := slice.check(); err != nil {
		return fmt.Errorf("set slice: %w", err)
	}
	s.slice.Store(&slice)
	return nil
}

// Tally is what the sidecar counted so far; what could not be delivered is the Publisher's to add.
// Closed is read first, so that it is never more than Sampled.
func (s *Sidecar) Tally() shadow.Tally {
	closed := s.closed.Load()
	return shadow.Tally{Closed: closed, Sampled: s.opened.Load()}
}

// Run mirrors until the context ends, then takes nothing more, finishes the queue within the drain timeout, and closes
// what is left as dropped(shutdown).
func (s *Sidecar) Run(ctx context.Context) error {
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var workers sync.WaitGroup
	for range s.config.Limits.Workers {
		workers.Go(func() { s.work(work) })
	}
	<-ctx.Done()
	s.queue.close()
	drained := make(chan struct{})
	go func() { workers.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-time.After(s.config.Limits.DrainTimeout):
	}
	for _, j := range s.queue.drop() {
		s.close(j.run, dropped(shadow.ReasonShutdown), nil)
	}
	cut()
	<-drained
	s.candidate.CloseIdleConnections()
	return nil
}

// safely runs code that belongs to the shadow: its panic is counted and goes no further. It tells whether f returned.
func (s *Sidecar) safely(where string, f func()) (ok bool) {
	defer func() {
		if reason := recover(); reason != nil {
			ok = false
			s.metrics.panics.WithLabelValues(where).Inc()
			s.deps.Log.Error("recovered a panic", keyWhere, where, keyReason, fmt.Sprintf("%T", reason))
		}
	}()
	f()
	return true
}

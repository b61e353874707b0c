package proxy

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/proxy/front"
	"github.com/seed-3356bd69/touchstone/proxy/privacy"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const tracerName = "github.com/seed-3356bd69/touchstone/proxy"

// Sidecar stands in front of one service, and the workers that mirror behind it.
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
	masker    *privacy.Masker
	draw      *shadow.Draw
	service   *upstream.Pool // the stable release
	stable    http.Handler   // the way to it through net/http
	serving   *upstream.Pool // the candidate where it answers clients; nil = nowhere
	serveDraw *shadow.Draw   // by it
	shadowed  *upstream.Pool // the candidate; nil in a database cutover
	candidate transports     // the way to it for gRPC
	callbacks bool           // some route is one: the ends of creations are told
	notices   *notices       // copies of callbacks

	asServer, asClient []trace.SpanStartOption

	passages       sync.Pool      // of *bytesPassage
	messages       sync.Pool      // of *message
	headers        sync.Pool      // of shadow.Header, empty
	runs           sync.Pool      // of *run, empty
	unsure         sync.WaitGroup // runs that wait for word of their order
	sequence       atomic.Uint64
	opened, closed atomic.Uint64
}

// New wires a sidecar; the configuration has passed Validate.
func New(config Config, deps Deps) *Sidecar {
	config.Limits = config.Limits.withDefaults()
	config.Routes = slices.Clone(config.Routes)
	for i := range config.Routes {
		r := &config.Routes[i]
		r.mirrored, r.counted, r.lengths = "mirror "+r.Name, &routeMetrics{}, newLengths()
	}
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
		masker:  privacy.New(config.Salt),
		draw:    shadow.NewDraw(config.Salt),

		asServer: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)},
		asClient: []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient)},
	}
	s.callbacks = config.Candidate != nil && slices.ContainsFunc(config.Routes, func(r Route) bool { return r.Callback })
	s.notices = newNotices(config.Limits, func(outcome string) { s.metrics.notices.WithLabelValues(outcome).Inc() })
	s.queue = newQueue(config.Limits.QueueLength, func(n int) { s.metrics.queueLength.Set(float64(n)) })
	s.serveDraw = shadow.NewDraw(append([]byte("serve:"), config.Salt...)) // not the gray ones first: they would go without proof
	if config.Serving != nil {
		s.serving = pool(config.Serving, config.Limits, config.Limits.UpstreamIdle)
	}
	if !config.Copies {
		s.service = pool(config.Upstream, config.Limits, config.Limits.UpstreamIdle)
		s.stable = s.forwarder()
	}
	if config.Candidate != nil {
		s.shadowed = pool(config.Candidate, config.Limits, candidateIdle)
		s.candidate = newTransports(s.shadowed, config.Limits)
	}
	s.slice.Store(config.Slice.ready())
	return s
}

// pool makes the connections to a service; its URL has passed Validate.
func pool(u *url.URL, limits Limits, idle time.Duration) *upstream.Pool {
	target, err := upstream.Parse(u, nil)
	if err != nil {
		panic(err) // New was called without Validate
	}
	return upstream.NewPool(upstream.Config{Target: target, Dial: limits.DialTimeout, Idle: idle})
}

// Serve answers the clients of a listener until ctx ends, and then finishes what is under way within the drain time.
// It has to end before the context of Run does.
func (s *Sidecar) Serve(ctx context.Context, ln net.Listener) error {
	l := s.config.Limits
	for _, p := range []*upstream.Pool{s.service, s.serving} {
		if p != nil {
			defer p.CloseIdle()
		}
	}
	return front.New(front.Config{
		Service: s.service, Handler: s, TLS: s.config.TLS, ByLibrary: s.config.ByLibrary || s.config.Copies, Log: s.deps.Log, Registry: s.deps.Registry,
		Bounds: front.Bounds{
			Connections: l.Connections, Streams: l.Streams, Head: l.MaxHeader, Body: l.PlainBody, HeadWait: l.ReadHeaderTime, Idle: l.ClientIdle,
			AnswerWait: l.HeaderTimeout, Total: l.TotalTimeout, Drain: l.DrainTimeout,
		},
	}).Serve(ctx, ln)
}

// SetSlice makes a decision of the policy effective for requests that come from now on, all of it at once.
func (s *Sidecar) SetSlice(slice Slice) error {
	if err := slice.check(); err != nil {
		return fmt.Errorf("set slice: %w", err)
	}
	if slice.Serve > 0 && s.serving == nil {
		return fmt.Errorf("set slice: %w", ErrServing)
	}
	s.slice.Store(slice.ready())
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
	for range noticeSenders {
		workers.Go(func() { s.notices.run(work, ctx.Done()) })
	}
	<-ctx.Done()
	s.unsure.Wait() // no clients are served any more: none is added
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
	if s.shadowed != nil {
		s.candidate.CloseIdleConnections()
		s.shadowed.CloseIdle()
	}
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

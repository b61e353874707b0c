package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// PublisherConfig describes a sidecar's end of the bus.
type PublisherConfig struct {
	Login       Login
	Buffer      int           // events held in memory
	BufferBytes int           // bytes held in memory; 0 = 256 MiB
	Drain       time.Duration // how long Run goes on delivering after its context ended
	Spool       *Spool        // where events wait while the bus is away; nil = in memory, and what is left at the end is lost
	Instance    string        // of the sidecar, for the note that its spool overflowed
	Logger      *slog.Logger
	Registerer  prometheus.Registerer
}

// Publisher delivers events in the order of Publish.
//
//	Publish ──► queue (bounded, never blocks) ──window──► JetStream
//	               ▲            │                    ▲
//	               │            └─the bus is away─► spool (bounded, on disk), emptied first
//	               └── dropped only once acknowledged or on disk, or counted as lost
//
// With a spool Publish returns when the kernel has the event: kill -9 does not lose it, and the next run tells it.
// One window is under way at a time. What the bus did not take is sent again, in order; an event it refused while it
// took a later one is given up, since it could only come out of order.
type Publisher struct {
	cfg     PublisherConfig
	queue   *queue
	room    room
	metrics publisherMetrics
	lost    atomic.Uint64
	conn    atomic.Pointer[nats.Conn]
}

const (
	defaultBufferBytes = 256 << 20
	windowCount        = 4096
	windowBytes        = 4 << 20
	gather             = 50 * time.Millisecond // a pack that is not full waits that long for more
	headroom           = 4 << 10               // bytes of a message that are not its data
	ackTimeout         = 5 * time.Second
	retryPause         = 100 * time.Millisecond
)

var errNotConnected = errors.New("bus is not connected")

// NewPublisher makes a publisher; events wait in memory until Run delivers them.
func NewPublisher(cfg PublisherConfig) *Publisher {
	if cfg.BufferBytes == 0 {
		cfg.BufferBytes = defaultBufferBytes
	}
	p := &Publisher{cfg: cfg, queue: newQueue(cfg.Buffer, cfg.BufferBytes, cfg.Spool.held())}
	p.metrics = newPublisherMetrics(cfg.Registerer, func() float64 { return float64(p.Pending()) })
	return p
}

// Publish takes an event and never blocks; what cannot be taken is counted by Lost. Safe for concurrent use.
func (p *Publisher) Publish(e shadow.Event) {
	m, err := p.room.encode(e, roomBytes)
	if err != nil {
		p.cfg.Logger.Error("event cannot be sent", keyError, err)
		p.lose(lostUnencodable, 1)
		return
	}
	if reason := p.queue.push(m); reason != "" {
		p.lose(reason, 1)
	}
}

// Lost is the number of events that were never delivered.
func (p *Publisher) Lost() uint64 { return p.lost.Load() }

// Pending is the number of events that are not acknowledged yet.
func (p *Publisher) Pending() int {
	n := p.queue.length()
	if p.cfg.Spool != nil {
		n += p.cfg.Spool.Events()
	}
	return n
}

// Ready tells whether the bus is connected.
func (p *Publisher) Ready() error {
	if nc := p.conn.Load(); nc == nil || !nc.IsConnected() {
		return errNotConnected
	}
	return nil
}

// Drain waits until everything published so far was acknowledged or counted as lost. Run must be running.
func (p *Publisher) Drain(ctx context.Context) error {
	select {
	case <-p.queue.empty():
	case <-ctx.Done():
	}
	for p.Pending() > 0 { // what is in the spool
		if !pause(ctx, gather) {
			return fmt.Errorf("drain bus with %d events left: %w", p.Pending(), ctx.Err())
		}
	}
	return nil
}

// Run delivers until ctx ends, and then for at most the drain time what is still there. What is left in the spool waits
// for the next run; without one, or with a full one, Run fails when events were left over, all of them counted.
func (p *Publisher) Run(ctx context.Context) error {
	nc, err := p.cfg.Login.dial(p.cfg.Logger, "touchstone-sidecar", nats.CustomInboxPrefix(sidecarInbox))
	if err != nil {
		return err
	}
	defer nc.Close()
	p.conn.Store(nc)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(ackTimeout))
	if err != nil {
		return fmt.Errorf("set up publisher: %w", err)
	}
	deliver, stop := lasting(ctx, p.cfg.Drain)
	defer stop()
	out := &sender{conn: nc, js: js}
	if p.cfg.Spool != nil {
		out.giveUp, out.recent = p.queue.tight, p.queue.recent
		p.damage()
	}
	p.deliver(ctx, deliver, out)
	if p.cfg.Spool != nil {
		p.spool(out)
	}
	if left := p.queue.close(); left > 0 {
		p.lose(lostShutdown, left)
		return fmt.Errorf("drain bus: %d events were not delivered", left)
	}
	return nil
}

// lasting gives a context that outlives ctx by the drain time.
func lasting(ctx context.Context, drain time.Duration) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		pause(longer, drain)
		cancel()
	})
	return longer, func() { unhook(); cancel() }
}

// deliver returns once ctx ended and nothing is left, or when the drain time is over, or the rest is for the spool.
func (p *Publisher) deliver(ctx, drain context.Context, s *sender) {
	for drain.Err() == nil {
		if p.cfg.Spool != nil && p.cfg.Spool.Events() > 0 {
			if !p.empty(ctx, drain, s) {
				return
			}
			continue
		}
		if p.queue.length() == 0 {
			if ctx.Err() != nil {
				return
			}
			p.idle(ctx)
			continue
		}
		if !p.queue.fills(packBytes) { // each pack costs this machine and the bus what hundreds of events do
			pause(ctx, gather)
		}
		window := p.queue.window(windowCount, windowBytes)
		settled := p.settle(s.send(drain, window))
		p.queue.drop(settled)
		if settled == 0 {
			p.metrics.retries.Inc()
			p.spool(s)
			pause(drain, retryPause)
		}
	}
}

func (p *Publisher) idle(ctx context.Context) {
	select {
	case <-p.queue.more:
	case <-ctx.Done():
	}
}

// settle tells how many messages of a window, from its start, need no further attempt.
func (p *Publisher) settle(results []error) int {
	settled := 0
	for i, err := range results {
		if err == nil || errors.Is(err, errTooLarge) {
			settled = i + 1
		}
	}
	for _, err := range results[:settled] {
		switch {
		case err == nil:
			p.metrics.published.Inc()
		case errors.Is(err, errTooLarge):
			p.lose(lostTooLarge, 1)
		default:
			p.cfg.Logger.Error("event refused by the bus", keyError, err)
			p.lose(lostRefused, 1)
		}
	}
	return settled
}

func (p *Publisher) lose(reason string, n int) {
	p.lost.Add(uint64(n))
	p.metrics.lost.WithLabelValues(reason).Add(float64(n))
}

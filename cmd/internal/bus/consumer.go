package bus

import (
	"bytes"
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

// ConsumerConfig describes the comparer's end of the bus.
type ConsumerConfig struct {
	Login      Login
	Durable    string // name under which the bus remembers what was handled
	Batch      int    // events a call of the handler gets at most; 0 = 256
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Handler takes a batch as a whole: after nil it is acknowledged and gone, after an error it comes again.
// It must be idempotent on Event.ID.
type Handler func(ctx context.Context, batch []shadow.Event) error

// Consumer hands events to one handler, in the order the bus stored them.
type Consumer struct {
	cfg     ConsumerConfig
	metrics consumerMetrics
	conn    atomic.Pointer[nats.Conn]
	stream  atomic.Pointer[jetstream.JetStream]
}

const (
	defaultBatch = 256
	fetchWait    = 2 * time.Second
	setupWait    = 5 * time.Second
	maxPause     = 5 * time.Second
	catchUpPause = 10 * time.Millisecond
)

// NewConsumer makes a consumer.
func NewConsumer(cfg ConsumerConfig) *Consumer {
	if cfg.Batch == 0 {
		cfg.Batch = defaultBatch
	}
	return &Consumer{cfg: cfg, metrics: newConsumerMetrics(cfg.Registerer)}
}

// Ready tells whether the bus is connected.
func (c *Consumer) Ready() error {
	if nc := c.conn.Load(); nc == nil || !nc.IsConnected() {
		return errNotConnected
	}
	return nil
}

// CatchUp waits until every event that the bus held at the time of the call was handled: what a sidecar saw acknowledged
// before it ended is then in the handler's hands.
func (c *Consumer) CatchUp(ctx context.Context) error {
	js := c.stream.Load()
	if js == nil {
		return errNotConnected
	}
	stream, err := (*js).Stream(ctx, streamName)
	if err != nil {
		return fmt.Errorf("look at the evidence stream: %w", err)
	}
	last := stream.CachedInfo().State.LastSeq
	for {
		info, err := stream.Info(ctx)
		if err != nil {
			return fmt.Errorf("look at the evidence stream: %w", err)
		}
		if info.State.Msgs == 0 || info.State.FirstSeq > last { // a message leaves the stream when it is acknowledged
			return nil
		}
		if !pause(ctx, catchUpPause) {
			return fmt.Errorf("catch up with the evidence, %d events behind: %w", info.State.Msgs, ctx.Err())
		}
	}
}

// Run makes the stream where it is missing and consumes it until ctx ends, through restarts of the bus.
func (c *Consumer) Run(ctx context.Context, handle Handler) error {
	nc, err := c.cfg.Login.dial(c.cfg.Logger, "touchstone-comparer")
	if err != nil {
		return err
	}
	defer closeFlushed(nc)
	c.conn.Store(nc)
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("set up consumer: %w", err)
	}
	c.stream.Store(&js)
	for ctx.Err() == nil {
		if err := c.session(ctx, js, handle); err != nil && ctx.Err() == nil {
			if nc.IsConnected() {
				c.cfg.Logger.Warn("bus consumer starts again", keyError, err)
			}
			pause(ctx, reconnectWait)
		}
	}
	return nil
}

// session consumes until the bus fails, or until it can no longer be sure of the order.
func (c *Consumer) session(ctx context.Context, js jetstream.JetStream, handle Handler) error {
	setup, cancel := context.WithTimeout(ctx, setupWait)
	defer cancel()
	consumer, err := ensure(setup, js, c.cfg.Durable)
	if err != nil {
		return err
	}
	at := &cursor{}
	for ctx.Err() == nil {
		batch, err := c.fetch(ctx, consumer, at)
		if len(batch) > 0 {
			if err := c.take(ctx, batch, handle); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fetch takes what is there, or waits for the first message. With an error it gives the good messages before it.
func (c *Consumer) fetch(ctx context.Context, consumer jetstream.Consumer, at *cursor) ([]jetstream.Msg, error) {
	there, err := consumer.FetchNoWait(c.cfg.Batch)
	if err != nil {
		return nil, fmt.Errorf("fetch events: %w", err)
	}
	if batch, err := collect(there, at); len(batch) > 0 || err != nil {
		return batch, err
	}
	wait, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	first, err := consumer.Fetch(1, jetstream.FetchContext(wait))
	if err != nil {
		return nil, fmt.Errorf("await events: %w", err)
	}
	return collect(first, at)
}

func collect(from jetstream.MessageBatch, at *cursor) (batch []jetstream.Msg, err error) {
	for m := range from.Messages() {
		if err == nil {
			err = at.advance(m)
		}
		if err == nil {
			batch = append(batch, m)
		}
	}
	if err != nil {
		return batch, err
	}
	if err = from.Error(); err == nil || waitedInVain(err) {
		return batch, nil
	}
	return batch, fmt.Errorf("receive events: %w", err)
}

func waitedInVain(err error) bool {
	return errors.Is(err, nats.ErrTimeout) || errors.Is(err, jetstream.ErrNoMessages) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// take hands a batch to the handler until it takes it, and acknowledges it then.
func (c *Consumer) take(ctx context.Context, batch []jetstream.Msg, handle Handler) error {
	good, events := c.decode(batch)
	if len(events) == 0 {
		return nil
	}
	for wait := retryPause; ; wait = min(2*wait, maxPause) {
		err := handle(ctx, events)
		if err == nil {
			return c.acknowledge(good, len(events))
		}
		c.metrics.failures.Inc()
		c.cfg.Logger.Error("events not taken", keyError, err)
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

// decode takes the packs apart and sets aside for good what is no event.
func (c *Consumer) decode(batch []jetstream.Msg) (good []jetstream.Msg, events []shadow.Event) {
	for _, m := range batch {
		if len(m.Data()) == 0 {
			c.poison(m, 0)
		}
		before := len(events)
		for line := range bytes.Lines(m.Data()) {
			e, err := decode(line)
			if err != nil {
				c.poison(m, len(line))
				continue
			}
			events = append(events, e)
		}
		if len(events) > before {
			good = append(good, m)
			continue
		}
		if err := m.TermWithReason("no event"); err != nil {
			c.cfg.Logger.Warn("message not set aside yet, it comes again", keyError, err)
		}
	}
	return good, events
}

// poison logs where a line stood and its length; what it says may be anybody's text.
func (c *Consumer) poison(m jetstream.Msg, length int) {
	c.metrics.poison.Inc()
	var seq uint64
	if meta, err := m.Metadata(); err == nil {
		seq = meta.Sequence.Stream
	}
	c.cfg.Logger.Error("message is no event", keySeq, seq, keyBytes, length)
}

func (c *Consumer) acknowledge(good []jetstream.Msg, events int) error {
	for _, m := range good {
		if err := m.Ack(); err != nil {
			return fmt.Errorf("acknowledge events: %w", err)
		}
	}
	c.metrics.received.Add(float64(events))
	return nil
}

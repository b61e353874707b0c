package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
)

// Names of the work queue.
const (
	workStream   = "TOUCHSTONE_WORK"
	workSubjects = "touchstone.work.*" // one for each name of an item
	workPrefix   = "touchstone.work."
	workConsumer = "workers"
	workerInbox  = "_INBOX_WORKER"
)

const (
	maxWorkBytes = 64 << 20         // of items that wait
	workRetry    = 10 * time.Second // before an item whose handler failed comes again
	lookEvery    = 2 * time.Second  // at the queue's length
)

// WorkConfig describes a worker's end of the work queue.
type WorkConfig struct {
	Login      Login
	Lease      time.Duration // an item whose worker gives no sign of life for so long goes to another
	Slots      int           // items at a time; 0 = 1
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Work is a queue of small items that workers anywhere take, one worker an item. An item is handled at least once: what a
// handler does must be fenced where it is written, since a worker that slept through its lease does not know it.
type Work struct {
	cfg     WorkConfig
	metrics *workMetrics
	stream  atomic.Pointer[jetstream.JetStream]
}

// NewWork makes a worker's end. Nothing happens before Run.
func NewWork(cfg WorkConfig) *Work {
	cfg.Slots = max(1, cfg.Slots)
	return &Work{cfg: cfg, metrics: newWorkMetrics(cfg.Registerer, cfg.Slots)}
}

// Ready tells whether the queue is connected.
func (w *Work) Ready() error {
	js := w.stream.Load()
	if js == nil || !(*js).Conn().IsConnected() {
		return errNotConnected
	}
	return nil
}

// Put adds an item and returns when the queue has it on disk. An item whose name waits already, or is under way, is not
// added: any number of schedulers may put what is due, again and again.
func (w *Work) Put(ctx context.Context, name string, item []byte) error {
	js := w.stream.Load()
	if js == nil {
		return errNotConnected
	}
	sum := sha256.Sum256([]byte(name)) // names are anybody's text, subjects are not
	_, err := (*js).Publish(ctx, workPrefix+hex.EncodeToString(sum[:16]), item)
	switch {
	case thereAlready(err):
		return nil
	case err != nil:
		return fmt.Errorf("put work item: %w", err)
	}
	w.metrics.put.Inc()
	return nil
}

// thereAlready tells that the stream holds the one item a subject may have.
func thereAlready(err error) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && refused.ErrorCode == storeFailed && strings.Contains(refused.Description, "per subject")
}

// storeFailed is the code for all reasons why a stream did not store a message; the description tells them apart.
const storeFailed = 10077

// WorkHandler does one item. After nil the item is gone, after an error it comes again, here or elsewhere.
type WorkHandler func(ctx context.Context, item []byte) error

// Run makes the queue where it is missing and takes items until ctx ends, through restarts of the bus. An item under way
// when ctx ends is left to another worker.
func (w *Work) Run(ctx context.Context, handle WorkHandler) error {
	nc, err := w.cfg.Login.dial(w.cfg.Logger, "touchstone-worker", nats.CustomInboxPrefix(workerInbox))
	if err != nil {
		return err
	}
	defer closeFlushed(nc)
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("set up work queue: %w", err)
	}
	for ctx.Err() == nil {
		if err := w.session(ctx, js, handle); err != nil && ctx.Err() == nil {
			if nc.IsConnected() {
				w.cfg.Logger.Warn("work queue starts again", keyError, err)
			}
			pause(ctx, reconnectWait)
		}
	}
	return nil
}

// session takes items until the bus fails.
func (w *Work) session(ctx context.Context, js jetstream.JetStream, handle WorkHandler) error {
	setup, cancel := context.WithTimeout(ctx, setupWait)
	defer cancel()
	consumer, err := ensureWork(setup, js, w.cfg.Lease)
	if err != nil {
		return err
	}
	w.stream.Store(&js)
	group, ctx := errgroup.WithContext(ctx)
	for range w.cfg.Slots {
		group.Go(func() error {
			for ctx.Err() == nil {
				if err := w.one(ctx, consumer, handle); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error { return w.look(ctx, consumer) })
	return group.Wait()
}

func ensureWork(ctx context.Context, js jetstream.JetStream, lease time.Duration) (jetstream.Consumer, error) {
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: workStream, Subjects: []string{workSubjects}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, MaxBytes: maxWorkBytes, MaxMsgsPerSubject: 1, DiscardNewPerSubject: true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up work queue: %w", err)
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: workConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: lease, MaxAckPending: maxUnacked})
	if err != nil {
		return nil, fmt.Errorf("set up workers: %w", err)
	}
	return consumer, nil
}

// one waits for an item and does it.
func (w *Work) one(ctx context.Context, consumer jetstream.Consumer, handle WorkHandler) error {
	wait, cancel := context.WithTimeout(ctx, fetchWait)
	defer cancel()
	got, err := consumer.Fetch(1, jetstream.FetchContext(wait))
	if err != nil {
		return fmt.Errorf("take work item: %w", err)
	}
	for m := range got.Messages() {
		if err := w.do(ctx, m, handle); err != nil {
			return err
		}
	}
	if err := got.Error(); err != nil && !waitedInVain(err) {
		return fmt.Errorf("take work item: %w", err)
	}
	return nil
}

// do handles an item, and tells the queue meanwhile that it is alive.
func (w *Work) do(ctx context.Context, m jetstream.Msg, handle WorkHandler) error {
	defer w.metrics.busy.begin(time.Now())()
	done := make(chan struct{})
	beats := make(chan struct{})
	go func() {
		defer close(beats)
		w.beat(m, done)
	}()
	err := handle(ctx, m.Data())
	close(done)
	<-beats
	switch {
	case ctx.Err() != nil:
		return m.Nak() // this worker ends: another may begin at once
	case err != nil:
		w.metrics.failures.Inc()
		w.cfg.Logger.Warn("work item failed and comes again", keyError, err)
		return m.NakWithDelay(workRetry)
	}
	acked, cancel := context.WithTimeout(ctx, setupWait)
	defer cancel()
	return m.DoubleAck(acked)
}

// beat renews the lease until the item is done.
func (w *Work) beat(m jetstream.Msg, done <-chan struct{}) {
	tick := time.NewTicker(w.cfg.Lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			_ = m.InProgress() // one that does not arrive is followed by others; at worst another worker takes the item
		}
	}
}

// look keeps the length of the queue fresh.
func (w *Work) look(ctx context.Context, consumer jetstream.Consumer) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		info, err := consumer.Info(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("look at work queue: %w", err)
		case err == nil:
			w.metrics.length.Set(float64(info.NumPending) + float64(info.NumAckPending))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// workerSubjects are what a worker may publish to.
func workerSubjects() []string {
	return []string{
		workSubjects, "$JS.API.STREAM.CREATE." + workStream, "$JS.API.STREAM.UPDATE." + workStream, "$JS.API.STREAM.INFO." + workStream,
		"$JS.API.CONSUMER.CREATE." + workStream + ".>", "$JS.API.CONSUMER.INFO." + workStream + "." + workConsumer,
		"$JS.API.CONSUMER.MSG.NEXT." + workStream + "." + workConsumer, "$JS.ACK." + workStream + ".>",
	}
}

package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Names on the bus, and the keys of this package's log lines.
const (
	streamName   = "TOUCHSTONE_EVIDENCE"
	subjects     = "touchstone.evidence.>"
	subject      = "touchstone.evidence.events"
	sidecarInbox = "_INBOX_SIDECAR"

	keyDetail = "detail"
	keyError  = "error"
	keySeq    = "stream_seq"
	keyBytes  = "bytes"
)

const (
	maxStreamBytes = 2 << 30          // refused beyond it: an event is never thrown away in silence
	dedupeWindow   = 10 * time.Minute // a message id that comes again within it is stored once
	reconnectWait  = 200 * time.Millisecond
	ackWait        = time.Minute
	maxUnacked     = 4096
)

// Login is a place on the bus.
type Login struct {
	URL      string
	User     string
	Password string
}

// dial never waits for the server: the connection comes up in the background and comes back for ever.
func (l Login) dial(log *slog.Logger, name string, more ...nats.Option) (*nats.Conn, error) {
	all := append([]nats.Option{
		nats.Name(name), nats.UserInfo(l.User, l.Password), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait),
		nats.IgnoreAuthErrorAbort(), nats.ReconnectBufSize(-1), nats.Timeout(2 * time.Second),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("bus connection", keyError, err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("bus connection lost", keyError, err)
			}
		}),
	}, more...)
	nc, err := nats.Connect(l.URL, all...)
	if err != nil {
		return nil, fmt.Errorf("connect to bus: %w", err)
	}
	return nc, nil
}

// ensure makes the stream and the buckets, and the stream's one consumer anew: a message leaves the stream when it is acknowledged, so a new
// consumer begins with the oldest that is not, whatever the one before it had under way.
func ensure(ctx context.Context, js jetstream.JetStream, name string) (jetstream.Consumer, error) {
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{subjects}, Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, MaxBytes: maxStreamBytes, Duplicates: dedupeWindow,
	})
	if err != nil {
		return nil, fmt.Errorf("set up evidence stream: %w", err)
	}
	if err := ensureBuckets(ctx, js); err != nil {
		return nil, err
	}
	if err := stream.DeleteConsumer(ctx, name); err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil, fmt.Errorf("remove earlier evidence consumer: %w", err)
	}
	consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: maxUnacked, DeliverPolicy: jetstream.DeliverAllPolicy,
	})
	if err != nil {
		return nil, fmt.Errorf("set up evidence consumer: %w", err)
	}
	return consumer, nil
}

// closeFlushed closes a connection after what was written to it left.
func closeFlushed(nc *nats.Conn) {
	if nc.IsConnected() {
		_ = nc.FlushTimeout(time.Second) // what does not leave in time is acknowledged anew after redelivery
	}
	nc.Close()
}

// pause waits, or tells that ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

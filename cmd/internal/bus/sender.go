package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// sender puts windows of messages on the wire.
type sender struct {
	conn *nats.Conn
	js   jetstream.JetStream

	found bool // the stream was there once: the comparer makes it
}

var errTooLarge = errors.New("event is too large for the bus")

// send gives one result for each message: nil means the bus has it on disk. It stops at the first message that could
// not be handed over, so a later one never overtakes it; for the same reason the first message of all goes alone until a
// stream has taken it.
func (s *sender) send(ctx context.Context, window []message) []error {
	if !s.conn.IsConnected() {
		return []error{errNotConnected}
	}
	if !s.found {
		window = window[:min(1, len(window))]
	}
	results := make([]error, len(window))
	futures := make([]jetstream.PubAckFuture, len(window))
	for i, m := range window {
		if futures[i], results[i] = s.start(m); results[i] != nil && !errors.Is(results[i], errTooLarge) {
			results = results[:i+1]
			break
		}
	}
	for i := range results {
		if results[i] == nil {
			results[i] = await(ctx, futures[i])
		}
		s.found = s.found || results[i] == nil
	}
	return results
}

// start hands one message over. Its id makes the bus store a repeated message once.
func (s *sender) start(m message) (jetstream.PubAckFuture, error) {
	small, ok := shrink(m, int(s.conn.MaxPayload())-headroom)
	if !ok {
		return nil, errTooLarge
	}
	return s.js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: small.data}, jetstream.WithMsgID(small.id), jetstream.WithRetryAttempts(0))
}

func await(ctx context.Context, f jetstream.PubAckFuture) error {
	select {
	case <-f.Ok():
		return nil
	case err := <-f.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

package bus

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

var errGap = errors.New("events were delivered and did not arrive, or came again")

// cursor holds a new consumer's deliveries against their numbers: every one of them, in the order of the stream.
type cursor struct {
	delivery uint64 // number of the last delivery
	stream   uint64 // place of the last message in the stream
}

// advance accepts the next message only.
func (c *cursor) advance(m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("read place of event: %w", err)
	}
	if meta.Sequence.Consumer != c.delivery+1 || meta.Sequence.Stream <= c.stream {
		return fmt.Errorf("%w: delivery %d after %d", errGap, meta.Sequence.Consumer, c.delivery)
	}
	c.delivery, c.stream = meta.Sequence.Consumer, meta.Sequence.Stream
	return nil
}

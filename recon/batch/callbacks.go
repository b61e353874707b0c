package batch

import (
	"context"
	"errors"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Callbacks says what a provisional close may do beside reading the books. Events of the statement's account are in the
// store; who puts them there is no part of this.
type Callbacks struct {
	Asker    Asker         // nil: nobody can be asked
	Queries  int           // questions of one close, at most
	Parallel int           // of them at a time
	Rate     float64       // questions a second
	Within   time.Duration // for one close, whatever it does
}

// Asker asks the channel about one booking.
type Asker interface {
	// Ask gives the channel's answer about a booking that the books have. ErrCannotAsk means that the channel cannot be asked
	// about such bookings at all.
	Ask(ctx context.Context, id ID, r *recon.Record) (ChannelAnswer, error)
}

// ChannelAnswer is what a channel answered.
type ChannelAnswer struct {
	Record *recon.Record // nil: it never heard of it
	SHA256 string        // of the answer, hex
}

// ErrCannotAsk means that a channel cannot be asked about a booking.
var ErrCannotAsk = errors.New("the channel cannot be asked about it")

// within is how long a close may take when so much time is left.
func (c *Callbacks) within(left time.Duration) time.Duration {
	if c == nil || c.Within <= 0 {
		return left
	}
	return min(left, c.Within)
}

// most is how many questions there may be.
func (c *Callbacks) most() int {
	if c.Asker == nil {
		return 0
	}
	return c.Queries
}

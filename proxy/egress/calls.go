package egress

import (
	"context"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// calls is what a guard knows of the calls of samples: a book of its own, or one that it shares with other guards.
// What concerns the stable run never waits; what concerns the candidate's may.
type calls interface {
	open(sample string)
	begin(sample string, op Operation) *recording // nil = it is not recorded
	end(rec *recording, x shadow.Exchange)
	take(sample string) (primary, shadowed []shadow.Call)

	claim(ctx context.Context, sample string, op Operation) claimed
	await(ctx context.Context, c claimed, patience time.Duration) (shadow.Exchange, bool)
	note(ctx context.Context, c claimed, call shadow.Call) error
	fetch(ctx context.Context, sample string) (primary, shadowed []shadow.Call, err error)
}

// found says what is known of a shadow call.
type found int

const (
	foundRecording found = iota
	foundNothing         // the stable run made no such call
	foundGone            // the recordings of the sample, or some of them, are not there any more
	foundAway            // the store is out of reach
)

// claimed is the place of one shadow call, and the stable call it answers to: same operation, same ordinal.
type claimed struct {
	found   found
	ordinal int
	rec     *recording // of a book of its own
	id      string     // in a shared one
	sample  string
	op      string
}

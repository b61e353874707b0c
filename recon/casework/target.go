package casework

import (
	"context"
	"errors"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Standing is what a target knows about a repair.
type Standing string

// The standings.
const (
	StandingReady   Standing = "ready"   // not applied, and its precondition holds
	StandingApplied Standing = "applied" //
	StandingRefused Standing = "refused" // not applied, and its precondition does not hold
)

// ErrRefused means that a target did not apply a repair, and never will: its precondition does not hold.
var ErrRefused = errors.New("its precondition does not hold")

// ErrUnderWay means that a target took a repair and has not come to its end: Look tells when it has.
var ErrUnderWay = errors.New("it is under way")

// Target is where repairs are applied.
type Target interface {
	// Look tells how a repair stands, and what it saw.
	Look(ctx context.Context, r *Repair) (Standing, string, error)
	// Apply applies a repair, or finds that it is applied: at most once for each ID, however often and from wherever it is
	// called. After an error that is not ErrRefused only Look knows whether it was.
	Apply(ctx context.Context, r *Repair) error
}

// Answer is what a channel says about one transaction.
type Answer struct {
	Found      bool         `json:"found"`
	Status     recon.Status `json:"status,omitempty"`
	Amount     recon.Money  `json:"amount,omitzero"`
	ChannelTxn string       `json:"channel_txn,omitempty"`
}

// Question is what a channel is asked.
type Question struct {
	Channel string
	Account string
	Key     recon.Key
	Order   string
	Time    time.Time // of the transaction, where it is known
}

// Querier asks channels for their state of one transaction.
type Querier interface {
	Query(ctx context.Context, q Question) (Answer, error)
}

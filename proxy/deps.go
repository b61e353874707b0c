package proxy

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Publisher takes events. It must not block and must not keep a client waiting: it owns its buffering.
type Publisher interface {
	Publish(shadow.Event)
}

// Comparer judges the two sides of a sample. It gives the generated ids it learned.
type Comparer interface {
	Compare(shadow.Pair) (shadow.Verdict, []shadow.Binding)
}

// CallBook holds the outgoing calls of both runs of a sample, which is opened before anything of it reaches a release.
// Take gives them once and forgets them, and does not wait; Fetch is for a shadow run that has ended, may wait, and fails
// when it cannot tell.
type CallBook interface {
	Open(sample string)
	Take(sample string) (primary, shadowed []shadow.Call)
	Fetch(ctx context.Context, sample string) (primary, shadowed []shadow.Call, err error)
}

// Membership remembers the orders that were born gray, by their member names. Forgetting one is safe: it is then not
// born gray. Implementations are safe for concurrent use and do not block.
type Membership interface {
	Add(member, order string)
	Has(member string) bool
	Remove(member string)
	Created(member string, how Creation) // the shadow run that creates the order has ended
	Creation(member string) Creation
}

// Creation is what came of the shadow run that creates an order.
type Creation int

// The ends of a creation.
const (
	CreationOpen Creation = iota // it has not ended, or nobody remembers
	CreationDone
	CreationFailed // the candidate does not have the order as the stable release has it
)

// Deps is what a sidecar works with. Calls and Members may be nil: no outgoing calls, members in memory.
type Deps struct {
	Signer     *shadow.Signer
	Publisher  Publisher
	Comparer   Comparer
	Calls      CallBook
	Members    Membership
	Registry   prometheus.Registerer
	Tracer     trace.TracerProvider
	Propagator propagation.TextMapPropagator
	Began      func(order string, side shadow.Side, span trace.SpanContext) // a recorded span of an order began; nil = nobody asks
	Log        *slog.Logger
	Now        func() time.Time
	NewSample  func() (string, error) // unique ids; NewSampleID in production
}

// NewSampleID gives a UUID of version 7: unique, and ordered by time. Nobody has to be unable to guess it: tags are signed.
func NewSampleID() (string, error) {
	id, err := uuid.NewV7FromReader(chance{})
	return id.String(), err
}

// chance is random bytes without a system call.
type chance struct{}

// Read fills p.
func (chance) Read(p []byte) (int, error) {
	for i := 0; i < len(p); i += 8 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], rand.Uint64())
		copy(p[i:], word[:])
	}
	return len(p), nil
}

type noCalls struct{}

// Open keeps nothing.
func (noCalls) Open(string) {}

// Take gives nothing.
func (noCalls) Take(string) (primary, shadowed []shadow.Call) { return nil, nil }

// Fetch gives nothing.
func (noCalls) Fetch(context.Context, string) (primary, shadowed []shadow.Call, err error) {
	return nil, nil, nil
}

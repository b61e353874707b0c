package egress

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Deps is what a guard works with. Without a store its recordings are its own.
type Deps struct {
	Signer   *shadow.Signer
	Registry prometheus.Registerer
	Now      func() time.Time
	Store    Store
	Secret   []byte              // seals what is in the store
	Lost     func(sample string) // the store did not get all recordings of a sample: nothing said of its calls holds
}

// Guard stands between both releases and one channel.
//
//	stable ────► Primary() ──verify, strip──► channel
//	                 └──record──► calls ◄──look up, compare─┐
//	candidate ──► Shadow() ─────────────────────────────────┘ replay or refuse; it has nothing to send with
//
// A call is found by (sample, operation, ordinal), and replayed only to an equal request.
type Guard struct {
	calls   calls
	shared  *sharedBook // nil = the recordings are the guard's own
	primary http.Handler
	shadow  *shadowSide
}

// New wires a guard; the configuration has passed Validate.
func New(config Config, deps Deps) *Guard {
	config.Limits = config.Limits.withDefaults()
	m := newMetrics(deps.Registry)
	g := &Guard{}
	if deps.Store != nil {
		g.shared = newSharedBook(config.Limits, deps, m)
		g.calls = g.shared
	} else {
		g.calls = newBook(config.Limits, deps.Now, func() { m.gone.Inc() })
	}
	g.primary = newPrimarySide(config, deps, g.calls, m)
	g.shadow = &shadowSide{
		operation: config.operation, calls: g.calls, metrics: m, signer: deps.Signer, now: deps.Now,
		maxBody: config.Limits.MaxBody, wait: config.Limits.Timeout, fence: &atomic.Uint64{},
	}
	return g
}

// Run takes recordings to the shared store until ctx ends and none is left; a guard without a store has nothing to do.
func (g *Guard) Run(ctx context.Context) error {
	if g.shared == nil {
		<-ctx.Done()
		return nil
	}
	return g.shared.run(ctx)
}

// Primary is the handler of the stable release's port.
func (g *Guard) Primary() http.Handler { return g.primary }

// Shadow is the handler of the candidate's port.
func (g *Guard) Shadow() http.Handler { return g.shadow }

// Fence refuses, from now on, shadow calls of policy epochs below the given one. It is never lowered.
func (g *Guard) Fence(epoch uint64) {
	for {
		old := g.shadow.fence.Load()
		if old >= epoch || g.shadow.fence.CompareAndSwap(old, epoch) {
			return
		}
	}
}

// Open says that a request was sampled, before anything of it reaches a release. It never waits.
func (g *Guard) Open(sample string) { g.calls.open(sample) }

// Take gives the calls of both runs of a sample and forgets them. It never waits: shared calls are only forgotten.
func (g *Guard) Take(sample string) (primary, shadowed []shadow.Call) { return g.calls.take(sample) }

// Fetch is Take for a shadow run that has ended: it may wait for the store, and fails when that cannot tell.
func (g *Guard) Fetch(ctx context.Context, sample string) (primary, shadowed []shadow.Call, err error) {
	return g.calls.fetch(ctx, sample)
}

// refuse answers a call that goes nowhere.
func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The peer may be gone already; there is nobody else to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "touchstone refused this channel call", "reason": reason})
}

package egress

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Deps is what a guard works with.
type Deps struct {
	Signer   *shadow.Signer
	Registry prometheus.Registerer
	Now      func() time.Time
}

// Guard stands between both releases and one channel.
//
//	stable ────► Primary() ──verify, strip──► channel
//	                 └──record──► book ◄──look up, compare──┐
//	candidate ──► Shadow() ─────────────────────────────────┘ replay or refuse; it has nothing to send with
//
// A call is found by (sample, operation, ordinal), and replayed only to an equal request.
type Guard struct {
	book    *book
	primary http.Handler
	shadow  *shadowSide
}

// New wires a guard; the configuration has passed Validate.
func New(config Config, deps Deps) *Guard {
	config.Limits = config.Limits.withDefaults()
	m := newMetrics(deps.Registry)
	b := newBook(config.Limits, deps.Now, func() { m.gone.Inc() })
	return &Guard{
		book:    b,
		primary: newPrimarySide(config, deps, b, m),
		shadow: &shadowSide{
			operation: config.operation, book: b, metrics: m, signer: deps.Signer, now: deps.Now,
			maxBody: config.Limits.MaxBody, wait: config.Limits.Timeout, fence: &atomic.Uint64{},
		},
	}
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

// Take gives the calls of both runs of a sample and forgets them.
func (g *Guard) Take(sample string) (primary, shadowed []shadow.Call) { return g.book.take(sample) }

// refuse answers a call that goes nowhere.
func refuse(w http.ResponseWriter, status int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The peer may be gone already; there is nobody else to tell.
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "touchstone refused this channel call", "reason": reason})
}

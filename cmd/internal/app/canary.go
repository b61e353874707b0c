package app

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// canaryInstance begins the instance of events that the comparer itself tells. They are no evidence.
const canaryInstance = "touchstone-canary:"

// canary sends a response with a cent too much the way that evidence comes, and looks whether it is found. It has a ledger
// of its own for it, so that it never counts.
//
//	prove ──► bus ──► take ──► ledger of its own ──► Judge ──► Decide: ROLLBACK?
type canary struct {
	tell    publisher
	release string
	policy  gate.Policy

	mu    sync.Mutex
	round *round // nil = none is under way
}

// round is one canary under way.
type round struct {
	instance string
	ledger   *comparer.Ledger
	found    chan struct{} // closed when it is
}

func newCanary(tell publisher, release string, policy gate.Policy) *canary {
	return &canary{tell: tell, release: release, policy: policy}
}

// prove sends a canary and waits until it was found; "" = it was, in time.
func (c *canary) prove(ctx context.Context, within time.Duration) string {
	r := &round{instance: canaryInstance + uuid.NewString(), ledger: comparer.NewLedger(), found: make(chan struct{})}
	c.mu.Lock()
	c.round = r
	c.mu.Unlock()
	for _, ev := range c.events(r.instance, time.Now()) {
		c.tell.Publish(ev)
	}
	bound := time.NewTimer(within)
	defer bound.Stop()
	select {
	case <-r.found:
		return ""
	case <-ctx.Done():
		return "the seeded response was not waited for"
	case <-bound.C:
		return fmt.Sprintf("a response with a cent too much was seeded, and not found within %s", within)
	}
}

// events are those of a sidecar that saw one request.
func (c *canary) events(instance string, at time.Time) []shadow.Event {
	e := shadow.Evidence{Sample: instance, Order: instance, Release: c.release, Route: "canary", Creates: true, Verdict: shadow.Verdict{Outcome: shadow.Pending}}
	closed := e
	closed.Verdict = shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{
		Place: shadow.InResponse, Name: "canary", Field: "amount", Kind: shadow.KindValue, Class: shadow.ClassMoney, Expected: "1.00", Actual: "1.01",
	}}}
	return []shadow.Event{
		{ID: instance + ":opened", Kind: shadow.EventOpened, Instance: instance, Time: at, Evidence: &e},
		{ID: instance + ":closed", Kind: shadow.EventClosed, Instance: instance, Time: at, Evidence: &closed},
		{ID: instance + ":tally", Kind: shadow.EventTally, Instance: instance, Time: at, Tally: &shadow.Tally{Sampled: 1, Closed: 1, Final: true}},
	}
}

// take gives the events that are evidence, and counts the others where they belong. Without a canary (nil) they belong
// nowhere: an earlier process, which had one, left them on the bus.
func (c *canary) take(batch []shadow.Event) []shadow.Event {
	var evidence []shadow.Event
	for _, ev := range batch {
		switch {
		case !strings.HasPrefix(ev.Instance, canaryInstance):
			evidence = append(evidence, ev)
		case c != nil:
			c.count(ev)
		}
	}
	return evidence
}

func (c *canary) count(ev shadow.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.round
	if r == nil || r.instance != ev.Instance { // of an earlier round, or of an earlier process
		return
	}
	r.ledger.Apply(ev)
	if ev.Kind == shadow.EventTally && c.seen(r.ledger) {
		close(r.found)
		c.round = nil
	}
}

// seen tells whether the gate rolls back over what is in a canary's ledger.
func (c *canary) seen(l *comparer.Ledger) bool {
	joined, err := match.Join(context.Background(), match.Side{Name: "primary", Records: none}, match.Side{Name: "shadow", Records: none}, match.Side{Name: "channel", Records: none})
	if err != nil {
		return false
	}
	j, err := comparer.Judge(l, joined, comparer.Scope{})
	return err == nil && gate.Decide(j, c.policy, gate.Facts{}).Verdict == gate.Rollback
}

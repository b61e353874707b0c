//go:build envoy

package envoy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/xds"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const percent = shadow.Whole / 100

func policy(epoch uint64, gray, serve shadow.Share) shadow.Policy {
	return shadow.Policy{Service: "pay", Stable: "v1", Candidate: "v2", Epoch: epoch, Gray: gray, Serve: serve}
}

func rolledBack(epoch uint64) shadow.Policy {
	p := policy(epoch, 0, 0)
	p.RolledBack = true
	return p
}

func TestEnvoyFollowsThePolicy(t *testing.T) {
	for name, api := range map[string]string{"delta": "DELTA_GRPC", "state of the world": "GRPC"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, api, nil)
			r.settle(t, 0)
			r.nothingIsCopied(t, "before the first policy")
			r.grayIsCopied(t)
			r.someIsServed(t)
			r.rollsBack(t)
		})
	}
}

// nothingIsCopied: all goes to the stable release, and what a client forges does not get through.
func (r *rig) nothingIsCopied(t *testing.T, when string) {
	t.Helper()
	stable, copies := len(r.stable.asked()), len(r.candidate.asked())
	for i := range 50 {
		if got := r.pay(t, fmt.Sprint(when, i), shadow.HeaderTag, "v2", shadow.HeaderEpoch, "99", "X-Beta", "1"); got != "stable" {
			t.Fatalf("%s: answered by %s", when, got)
		}
	}
	time.Sleep(100 * time.Millisecond)
	asked := r.stable.asked()[stable:]
	if n := len(r.candidate.asked()) - copies; n > 0 || len(asked) != 50 {
		t.Errorf("%s: %d copies, %d requests at the stable release", when, n, len(asked))
	}
	for _, a := range asked {
		if a.header.Get(shadow.HeaderTag) != "" || a.header.Get(shadow.HeaderEpoch) != "" {
			t.Fatalf("%s: a forged stamp came through: %v", when, a.header)
		}
	}
}

// grayIsCopied: each request has a copy at the candidate under proof, stamped by Envoy and tagged by the sidecar; the
// request itself is not.
func (r *rig) grayIsCopied(t *testing.T) {
	t.Helper()
	const requests = 40
	r.put(t, policy(1, shadow.Whole, 0))
	stable := len(r.stable.asked())
	for i := range requests {
		if got := r.pay(t, fmt.Sprintf("gray-%d", i), shadow.HeaderTag, "v2;forged"); got != "stable" {
			t.Fatalf("answered by %s", got)
		}
	}
	eventually(t, "every copy is captured", func() bool { return len(r.evidence.closed()) == requests })
	for _, a := range r.stable.asked()[stable:] {
		if a.header.Get(shadow.HeaderTag) != "" || a.header.Get(shadow.HeaderEpoch) != "" || a.host != "pay.example" {
			t.Fatalf("the request was changed: %+v", a)
		}
	}
	for _, a := range r.candidate.asked() {
		tag, err := r.signer.Verify(a.header.Get(shadow.HeaderTag), time.Now())
		if err != nil || tag.Side != shadow.Shadow || tag.Epoch != 1 || a.host != "pay.example" || !strings.HasPrefix(a.body, `{"order":"gray-`) {
			t.Fatalf("copy %+v: tag %+v, %v", a, tag, err)
		}
	}
	for _, e := range r.evidence.closed() {
		if e.Verdict.Outcome != shadow.Excluded || e.Verdict.Cause != shadow.RuleUnpaired || e.Shadow == nil || string(e.Shadow.Response.Bytes) != "shadow" {
			t.Fatalf("evidence %+v", e)
		}
		if len(e.Calls) != 1 || e.Calls[0].Exchange.Side != shadow.Shadow {
			t.Fatalf("calls %+v", e.Calls)
		}
	}
	if n := len(r.channel.asked()); n > 0 {
		t.Errorf("%d calls of the candidate reached the channel", n)
	}
}

// someIsServed: a quarter of the orders, each always by the same release, and those that ask for it.
func (r *rig) someIsServed(t *testing.T) {
	t.Helper()
	const orders = 400
	r.put(t, policy(2, percent, 25*percent))
	served := 0
	for i := range orders {
		order := fmt.Sprintf("order-%d", i)
		first := r.pay(t, order)
		if again := r.pay(t, order); again != first {
			t.Fatalf("%s was answered by %s and by %s", order, first, again)
		}
		if first == "candidate" {
			served++
		}
		if got := r.pay(t, order, "X-Beta", "1"); got != "candidate" {
			t.Fatalf("a request that asks for the candidate was answered by %s", got)
		}
	}
	t.Logf("%d of %d orders are served by the candidate", served, orders)
	if served < 57 || served > 143 { // five standard deviations about 100
		t.Errorf("%d of %d orders are served by the candidate", served, orders)
	}
}

func (r *rig) rollsBack(t *testing.T) {
	t.Helper()
	r.put(t, rolledBack(3))
	if s := r.Status(); s.InForce.Fence != 3 {
		t.Errorf("status %+v", s)
	}
	before := len(r.serving.asked())
	r.nothingIsCopied(t, "after the rollback")
	if n := len(r.serving.asked()) - before; n > 0 {
		t.Errorf("%d requests at the candidate after the rollback", n)
	}
	if err := r.Publish(t.Context(), policy(2, percent, 25*percent)); !errors.Is(err, xds.ErrStale) {
		t.Errorf("the promotion once more: %v", err)
	}
	r.put(t, policy(4, shadow.Whole, 0)) // a person cleared it
	copies := len(r.candidate.asked())
	r.pay(t, "after")
	eventually(t, "copies come again", func() bool { return len(r.candidate.asked()) == copies+1 })
}

// TestEnvoyGoesOnWithoutTheControlPlane kills it while Envoy serves, and starts it again with a rollback.
func TestEnvoyGoesOnWithoutTheControlPlane(t *testing.T) {
	r := newRig(t, "DELTA_GRPC", nil)
	r.settle(t, 0)
	r.put(t, policy(1, 0, shadow.Whole))
	r.kill()
	for i := range 50 {
		if got := r.pay(t, fmt.Sprint(i)); got != "candidate" {
			t.Fatalf("answered by %s", got)
		}
	}
	r.control(t, r.addr)
	r.settle(t, 1)
	r.put(t, rolledBack(2))
	for i := range 50 {
		if got := r.pay(t, fmt.Sprint(i)); got != "stable" {
			t.Fatalf("answered by %s", got)
		}
	}
}

// TestEnvoySaysWhyItRefuses: it cannot listen there, nothing is promoted over that, and it is not asked again and again.
func TestEnvoySaysWhyItRefuses(t *testing.T) {
	r := newRig(t, "GRPC", func(c *xds.Config) { c.Routing.Listen = "192.0.2.1:80" })
	eventually(t, "Envoy refuses", func() bool { return r.Subscribers()[0].State == xds.Nacked })
	reason := r.Subscribers()[0].Reason
	t.Logf("its words: %s", reason)
	if !strings.Contains(reason, "192.0.2.1:80") {
		t.Errorf("reason %q", reason)
	}
	if err := r.Publish(t.Context(), policy(1, percent, 0)); !errors.Is(err, xds.ErrUnsettled) || !strings.Contains(err.Error(), "edge-0 (nacked)") {
		t.Errorf("a promotion: %v", err)
	}
	time.Sleep(500 * time.Millisecond)
	if n := strings.Count(r.log.String(), "rejected"); n > 2 {
		t.Errorf("Envoy was sent it %d times", n)
	}
}

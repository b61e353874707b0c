package xds

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func envoyTypes() []string {
	return []string{resource.ClusterType, resource.EndpointType, resource.ListenerType, resource.RouteType}
}

// lives gives both protocols a subscriber of their own.
func lives() map[string]func(*robot, *testing.T, *rig) {
	return map[string]func(*robot, *testing.T, *rig){
		"state of the world": func(b *robot, t *testing.T, r *rig) { b.live(t, dial(t, r.addr), "edge", envoyTypes()...) },
		"delta":              func(b *robot, t *testing.T, r *rig) { b.liveDelta(t, dial(t, r.addr), "edge", envoyTypes()...) },
	}
}

func TestPolicyIsSettledWhenAllHaveIt(t *testing.T) {
	for name, live := range lives() {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, named(Named{Name: "edge", Kind: Envoy}, Named{Name: "pay-0", Kind: Sidecar}, Named{Name: "app", Kind: GRPC}), nil)
			edge, own, app := &robot{}, &robot{}, &robot{}
			live(edge, t, r)
			own.live(t, dial(t, r.addr), "pay-0", resource.RouteType)
			r.stays(t, 0, "app is not here yet")
			if err := r.Publish(t.Context(), policy(1, percent, 0)); !errors.Is(err, ErrUnsettled) || !strings.Contains(err.Error(), "app (gone)") {
				t.Fatalf("a promotion over nothing acknowledged: %v", err)
			}
			app.live(t, dial(t, r.addr), "app", envoyTypes()...)
			r.settle(t, 0)
			for epoch, serve := range []shadow.Share{0, percent, 25 * percent, shadow.Whole, 5 * percent} {
				p := policy(uint64(epoch+1), 50*percent, serve)
				r.publish(t, p)
				r.settle(t, p.Epoch)
				if s := r.Status(); s.Took <= 0 || !s.Settled || s.InForce.Policy != p {
					t.Errorf("status %+v", s)
				}
				for kind, b := range map[Kind]*robot{Envoy: edge, Sidecar: own, GRPC: app} {
					if got, want := b.version(resource.RouteType), r.versionOf(t, kind, resource.RouteType, p, 0); got != want {
						t.Errorf("policy %d: %s acknowledged %s, wanted %s", p.Epoch, kind, got, want)
					}
				}
			}
			for _, s := range r.Subscribers() {
				if s.State != Acked || s.Epoch != 5 {
					t.Errorf("subscriber %+v", s)
				}
			}
			if n := edge.answers.Load(); n > 4+5 {
				t.Errorf("Envoy was sent %d answers: clusters, endpoints and listener do not change", n)
			}
		})
	}
}

func TestPromotionThatIsRefusedGoesBackOnce(t *testing.T) {
	for name, live := range lives() {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, named(Named{Name: "edge", Kind: Envoy}, Named{Name: "pay-0", Kind: Sidecar}), nil)
			edge, own := &robot{}, &robot{}
			bad := r.versionOf(t, Envoy, resource.RouteType, policy(2, 5*percent, percent), 0)
			edge.refuse = func(_, version string) string {
				if version == bad {
					return "no such filter: made up"
				}
				return ""
			}
			live(edge, t, r)
			own.live(t, dial(t, r.addr), "pay-0", resource.RouteType)
			r.settle(t, 0)
			r.publish(t, policy(1, percent, 0))
			r.settle(t, 1)
			good := edge.version(resource.RouteType)
			before := edge.answers.Load()
			r.publish(t, policy(2, 5*percent, percent))
			var refused *RefusedError
			if err := r.wait(t, 2); !errors.As(err, &refused) || refused.Subscriber != "edge" || refused.Reason != "no such filter: made up" {
				t.Fatalf("wait: %v", err)
			}
			r.settle(t, 1)
			if edge.version(resource.RouteType) != good || r.Status().InForce.Policy != policy(1, percent, 0) {
				t.Errorf("in force %+v", r.Status().InForce)
			}
			time.Sleep(300 * time.Millisecond) // in which a snapshot cache sent it 2,559 times
			if n := edge.answers.Load() - before; n != 2 {
				t.Errorf("%d answers: one that is refused, and the one before it", n)
			}
			if s := r.subscriber("edge"); s.State != Acked || s.Epoch != 1 || s.Refused != 2 || s.Reason != "no such filter: made up" {
				t.Errorf("subscriber %+v", s)
			}
			if err := r.Publish(t.Context(), policy(2, 5*percent, percent)); !errors.Is(err, ErrStale) {
				t.Errorf("the same once more: %v", err)
			}
			r.publish(t, policy(3, 5*percent, 0))
			r.settle(t, 3)
			if n := testutil.ToFloat64(r.metrics.nacks.WithLabelValues("promotion")); n != 1 {
				t.Errorf("%v refusals counted", n)
			}
		})
	}
}

func TestRollbackGoesBackToWhatWasAcknowledged(t *testing.T) {
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}), nil)
	edge := &robot{}
	edge.live(t, dial(t, r.addr), "edge", envoyTypes()...)
	r.settle(t, 0)
	first := edge.version(resource.RouteType)
	r.publish(t, policy(1, 50*percent, 25*percent))
	r.settle(t, 1)
	r.publish(t, rolledBack(2))
	r.settle(t, 2)
	if got := edge.version(resource.RouteType); got != first {
		t.Errorf("version %s after the rollback, %s was acknowledged before", got, first)
	}
	if err := r.Publish(t.Context(), policy(1, 50*percent, 25*percent)); !errors.Is(err, ErrStale) {
		t.Errorf("an older promotion: %v", err)
	}
}

func TestRollbackThatIsRefusedStays(t *testing.T) {
	fenced := make(chan uint64, 16)
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}, Named{Name: "pay-0", Kind: Sidecar}), func(d *Deps) {
		d.Guard = guardFunc(func(_ context.Context, epoch uint64) error { fenced <- epoch; return nil })
	})
	own := &robot{}
	promoted := r.versionOf(t, Sidecar, resource.RouteType, policy(1, 5*percent, 0), 0)
	back := r.versionOf(t, Sidecar, resource.RouteType, rolledBack(2), 2)
	seen := make(chan string, 64)
	own.refuse = func(_, version string) string {
		seen <- version
		if version == back {
			return "cannot roll back"
		}
		return ""
	}
	own.live(t, dial(t, r.addr), "pay-0", resource.RouteType)
	(&robot{}).live(t, dial(t, r.addr), "edge", envoyTypes()...)
	r.settle(t, 0)
	r.publish(t, policy(1, 5*percent, 0))
	r.settle(t, 1)
	r.publish(t, rolledBack(2))
	r.settle(t, 2) // by the fence
	if epoch := <-fenced; epoch != 2 {
		t.Errorf("fenced %d", epoch)
	}
	time.Sleep(100 * time.Millisecond)
	if s := r.subscriber("pay-0"); s.State != Fenced || s.Reason != "cannot roll back" || s.Epoch != 1 {
		t.Errorf("subscriber %+v", s)
	}
	if !r.Status().InForce.RolledBack {
		t.Errorf("in force %+v", r.Status().InForce)
	}
	close(seen)
	after := false
	for version := range seen {
		if after {
			t.Errorf("it was sent %s after it refused the rollback (the promotion was %s)", version, promoted)
		}
		after = after || version == back
	}
	if err := r.Publish(t.Context(), policy(3, percent, 0)); !errors.Is(err, ErrUnsettled) || !strings.Contains(err.Error(), "pay-0 (fenced)") {
		t.Errorf("a promotion while one proxy is not known to have rolled back: %v", err)
	}
}

func TestStaleAnswersCountForNothing(t *testing.T) {
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}), nil)
	p := play(t, dial(t, r.addr), "edge")
	p.ask(resource.RouteType, "pay")
	first := p.recv()
	p.ack(first)
	r.settle(t, 0)
	r.publish(t, policy(1, percent, percent))
	second := p.recv()

	p.send(ackOf(first, second.GetVersionInfo())) // the second version, by the first one's nonce
	r.stays(t, 1, "a late answer")
	if n := testutil.ToFloat64(r.metrics.stale); n != 1 {
		t.Errorf("%v stale answers counted", n)
	}

	// The rollback says what the first version said. What was acknowledged then does not count now: the second may be
	// in force meanwhile.
	r.publish(t, rolledBack(2))
	r.stays(t, 2, "the answer to the first version")
	p.ack(second)
	third := p.recv()
	if third.GetVersionInfo() != first.GetVersionInfo() {
		t.Errorf("version %s, wanted the first", third.GetVersionInfo())
	}
	r.stays(t, 2, "the answer to the second version")
	p.ack(third)
	r.settle(t, 2)
}

// TestRefusalIsNoAcknowledgementLater: a request that only asks for other names has the nonce of what was refused.
func TestRefusalIsNoAcknowledgementLater(t *testing.T) {
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}), nil)
	p := play(t, dial(t, r.addr), "edge")
	p.ask(resource.ListenerType)
	p.ask(resource.RouteType, "pay")
	listeners, routes := p.recv(), p.recv()
	p.nack(listeners, "", "address in use")
	p.ack(routes)
	p.send(ackOf(listeners, "")) // it answers nothing, and names no version
	r.stays(t, 0, "a listener that was refused")
	if s := r.subscriber("edge"); s.State != Nacked || s.Reason != "address in use" {
		t.Errorf("subscriber %+v", s)
	}
}

func TestWhoIsGone(t *testing.T) {
	broken := errors.New("no way there")
	for name, c := range map[string]struct {
		guard error
		serve shadow.Share
		state State
	}{
		"and fenced":                         {nil, 0, Fenced},
		"and not fenced":                     {broken, 0, Gone},
		"and may still serve from candidate": {nil, percent, Gone},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, named(Named{Name: "edge", Kind: Envoy}, Named{Name: "lost", Kind: Envoy}), func(d *Deps) {
				d.Guard = guardFunc(func(context.Context, uint64) error { return c.guard })
			})
			lost := &robot{}
			(&robot{}).live(t, dial(t, r.addr), "edge", envoyTypes()...)
			stop := lost.live(t, dial(t, r.addr), "lost", envoyTypes()...)
			r.settle(t, 0)
			r.publish(t, policy(1, 5*percent, c.serve))
			r.settle(t, 1)
			stop()
			eventually(t, "lost is gone", func() bool { return r.subscriber("lost").State == Gone })
			if err := r.Publish(t.Context(), policy(2, 25*percent, c.serve)); !errors.Is(err, ErrUnsettled) {
				t.Errorf("a promotion: %v", err)
			}
			r.publish(t, rolledBack(3))
			if c.state == Fenced {
				r.settle(t, 3)
			} else {
				r.stays(t, 3, "nobody holds it back")
			}
			if got := r.subscriber("lost"); got.State != c.state || got.Serves != (c.serve > 0) {
				t.Errorf("subscriber %+v", got)
			}
			lost.live(t, dial(t, r.addr), "lost", envoyTypes()...)
			r.settle(t, 3)
			eventually(t, "lost is back", func() bool { return r.subscriber("lost").State == Acked })
		})
	}
}

func TestSlowSubscriberHoldsNobodyUp(t *testing.T) {
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}, Named{Name: "slow", Kind: Envoy}), func(d *Deps) {
		d.Patience = 500 * time.Millisecond
		d.Guard = guardFunc(func(context.Context, uint64) error { return nil })
	})
	edge := &robot{}
	edge.live(t, dial(t, r.addr), "edge", envoyTypes()...)
	slow := play(t, dial(t, r.addr), "slow")
	slow.ask(resource.RouteType, "pay")
	slow.ack(slow.recv())
	r.settle(t, 0)
	r.publish(t, policy(1, percent, 0))
	eventually(t, "edge has it", func() bool { return r.subscriber("edge").State == Acked })
	if s := r.subscriber("slow"); s.State != Pending {
		t.Errorf("slow is %+v", s)
	}
	r.publish(t, rolledBack(2))
	r.settle(t, 2) // after the patience, by the fence
	if s := r.subscriber("slow"); s.State != Fenced {
		t.Errorf("slow is %+v", s)
	}
	late := slow.recv()
	slow.ack(late)
	slow.ack(slow.recv())
	eventually(t, "slow has come after", func() bool { return r.subscriber("slow").State == Acked })
}

func TestServerThatIsKilledGoesOnWhereItWas(t *testing.T) {
	state := filepath.Join(t.TempDir(), "control.json")
	config := named(Named{Name: "edge", Kind: Envoy}, Named{Name: "pay-0", Kind: Sidecar})
	config.State = state
	r := newRig(t, config, nil)
	(&robot{}).live(t, dial(t, r.addr), "edge", envoyTypes()...)
	p := play(t, dial(t, r.addr), "pay-0")
	p.ask(resource.RouteType, "pay")
	p.ack(p.recv())
	r.settle(t, 0)
	r.publish(t, policy(1, percent, 0))
	p.recv() // and says nothing about it
	r.kill()

	r.start(t, "127.0.0.1:0")
	if s := r.Status(); s.InForce.Policy != policy(1, percent, 0) || s.Settled {
		t.Fatalf("status %+v", s)
	}
	(&robot{}).live(t, dial(t, r.addr), "edge", envoyTypes()...)
	again := play(t, dial(t, r.addr), "pay-0")
	again.ask(resource.RouteType, "pay")
	again.nack(again.recv(), "", "not here")
	again.ack(again.recv())
	r.settle(t, 0) // back to what all had acknowledged before the end
	r.publish(t, rolledBack(5))
	again.ack(again.recv())
	r.settle(t, 5)
	r.kill()

	r.start(t, "127.0.0.1:0")
	if s := r.Status(); !s.InForce.RolledBack || s.InForce.Fence != 5 {
		t.Errorf("status %+v", s)
	}
}

func TestStateThatCannotBeReadIsNoStart(t *testing.T) {
	config := named(Named{Name: "edge", Kind: Envoy})
	for name, c := range map[string]struct{ text, want string }{
		"not JSON":        {"{", "is no policy that was kept"},
		"another rollout": {`{"in_force":{"service":"ship","stable":"v1","candidate":"v2","epoch":3,"gray":0,"serve":0,"rolled_back":true,"fence":3},"promote":false,"fence":3}`, "another rollout"},
		"no policy":       {`{"in_force":{"service":"pay","stable":"v1","candidate":"v2","epoch":3,"gray":5,"serve":0,"rolled_back":true,"fence":3},"promote":false,"fence":3}`, "rolled back, but gray"},
	} {
		t.Run(name, func(t *testing.T) {
			config.State = filepath.Join(t.TempDir(), "control.json")
			if err := os.WriteFile(config.State, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := New(config, Deps{Registry: prometheus.NewRegistry(), Now: time.Now})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), config.State+":1:1: ") {
				t.Errorf("error %v", err)
			}
		})
	}
}

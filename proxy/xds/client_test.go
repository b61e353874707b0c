package xds

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// follower is a sidecar's client with what it took.
type follower struct {
	*Client
	mu     sync.Mutex
	taken  []Directive
	refuse error
	stop   func()
}

func follow(t *testing.T, addr, file string) *follower {
	t.Helper()
	f := &follower{}
	f.Client = NewClient(ClientConfig{Address: addr, Node: "pay-0", Service: "pay", File: file}, f.take, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	return f
}

func (f *follower) take(d Directive) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil && d.Epoch > 1 && !d.RolledBack {
		return f.refuse
	}
	f.taken = append(f.taken, d)
	return nil
}

func (f *follower) last() Directive {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.taken) == 0 {
		return Directive{}
	}
	return f.taken[len(f.taken)-1]
}

func (f *follower) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var ran sync.WaitGroup
	ran.Go(func() {
		if err := f.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	f.stop = func() { cancel(); ran.Wait() }
	t.Cleanup(f.stop)
}

func TestSidecarFollows(t *testing.T) {
	file := filepath.Join(t.TempDir(), "last.json")
	r := newRig(t, named(Named{Name: "pay-0", Kind: Sidecar}), nil)
	f := follow(t, r.addr, file)
	if found, err := f.Resume(); found || err != nil {
		t.Fatalf("resumed from nothing: %v, %v", found, err)
	}
	f.start(t)
	r.settle(t, 0)
	r.publish(t, policy(1, 5*percent, 0))
	r.settle(t, 1)
	if got := f.last().Policy; got != policy(1, 5*percent, 0) || f.Ready() != nil {
		t.Errorf("in force %+v, ready %v", got, f.Ready())
	}
	f.mu.Lock()
	f.refuse = errors.New("epoch 2 is not for me")
	f.mu.Unlock()
	r.publish(t, policy(2, 25*percent, 0))
	var refused *RefusedError
	if err := r.wait(t, 2); !errors.As(err, &refused) || refused.Reason != "epoch 2 is not for me" {
		t.Fatalf("wait: %v", err)
	}
	r.settle(t, 1)
	r.publish(t, rolledBack(3))
	r.settle(t, 3)
	f.stop()

	again := follow(t, r.addr, file)
	if found, err := again.Resume(); !found || err != nil || !again.last().RolledBack || again.last().Fence != 3 {
		t.Errorf("resumed %v, %v: %+v", found, err, again.last())
	}
}

// TestSidecarGoesOnWithoutTheControlPlane kills the server during a rollout and starts it again.
func TestSidecarGoesOnWithoutTheControlPlane(t *testing.T) {
	r := newRig(t, named(Named{Name: "pay-0", Kind: Sidecar}, Named{Name: "edge", Kind: Envoy}), nil)
	f := follow(t, r.addr, filepath.Join(t.TempDir(), "last.json"))
	f.start(t)
	stop := (&robot{}).live(t, dial(t, r.addr), "edge", envoyTypes()...)
	r.settle(t, 0)
	stop()
	eventually(t, "edge is gone", func() bool { return r.subscriber("edge").State == Gone })
	r.publish(t, rolledBack(1))
	eventually(t, "the sidecar has it", func() bool { return r.subscriber("pay-0").State == Acked })
	r.kill()
	eventually(t, "the sidecar notices", func() bool { return f.Ready() != nil })
	if !f.last().RolledBack {
		t.Errorf("in force %+v", f.last())
	}
	if got := testutil.ToFloat64(f.metrics.connected); got != 0 {
		t.Errorf("connected %v", got)
	}
	r.start(t, r.addr)
	(&robot{}).live(t, dial(t, r.addr), "edge", envoyTypes()...)
	r.settle(t, 1)
	r.publish(t, policy(2, percent, 0))
	r.settle(t, 2)
	if got := f.last().Policy; got != policy(2, percent, 0) {
		t.Errorf("in force %+v", got)
	}
}

func TestLastDirectiveThatCannotBeReadIsNoStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "last.json")
	for name, c := range map[string]struct{ text, want string }{
		"cut":        {`{"service":"pay"`, "is no policy that was kept"},
		"unknown":    {`{"service":"pay","colour":"gray"}`, "is no policy that was kept"},
		"impossible": {`{"service":"pay","stable":"v1","candidate":"v1","epoch":1,"gray":0,"serve":0,"rolled_back":false,"fence":0}`, "stable and candidate are both"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if found, err := follow(t, "127.0.0.1:1", file).Resume(); found || err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), file+":1:1: ") {
				t.Errorf("resumed %v, %v", found, err)
			}
		})
	}
}

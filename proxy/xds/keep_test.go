package xds

import (
	"context"
	"errors"
	"testing"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// hang makes the disk hang, as one that is frozen does, until it is mended.
func (r *rig) hang(t *testing.T) (hangs <-chan struct{}, mend func()) {
	t.Helper()
	waits, mended := make(chan struct{}, 9), make(chan struct{})
	r.disk.mu.Lock()
	defer r.disk.mu.Unlock()
	r.disk.save = func(file string, what any) error {
		waits <- struct{}{}
		<-mended
		return save(file, what)
	}
	return waits, func() { close(mended) }
}

// TestARollbackDoesNotWaitForTheDisk: while nothing can be kept it reaches every subscriber and every guard, is settled, and
// can be asked about; and what is kept in the end is the rollback.
func TestARollbackDoesNotWaitForTheDisk(t *testing.T) {
	fenced := make(chan uint64, 9)
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}), func(d *Deps) {
		d.Guard = guardFunc(func(_ context.Context, epoch uint64) error { fenced <- epoch; return nil })
	})
	edge := &robot{}
	edge.live(t, dial(t, r.addr), "edge", envoyTypes()...)
	r.settle(t, 0)
	r.publish(t, policy(1, percent, 0))
	r.settle(t, 1)
	hangs, mend := r.hang(t)
	done := make(chan error, 1)
	go func() { done <- r.Publish(t.Context(), rolledBack(2)) }()
	want := r.versionOf(t, Envoy, resource.RouteType, rolledBack(2), 2)
	eventually(t, "the subscriber has the rollback", func() bool { return edge.version(resource.RouteType) == want })
	r.settle(t, 2)
	if epoch := <-fenced; epoch != 2 {
		t.Errorf("fenced at %d", epoch)
	}
	<-hangs
	late := &robot{}
	late.live(t, dial(t, r.addr), "edge", envoyTypes()...)
	eventually(t, "one that comes now has it too", func() bool { return late.version(resource.RouteType) == want })
	if s := r.Status(); !s.InForce.RolledBack {
		t.Errorf("in force %+v", s.InForce)
	}
	select {
	case err := <-done:
		t.Fatalf("the disk did not hang: %v", err)
	default:
	}
	mend()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var k kept
	if _, err := load(r.config.State, &k); err != nil || !k.InForce.RolledBack || k.Fence != 2 {
		t.Errorf("kept %+v, %v", k, err)
	}
}

// TestAnOlderStateIsNeverKeptOverANewerOne, in whatever order they come to the disk.
func TestAnOlderStateIsNeverKeptOverANewerOne(t *testing.T) {
	var last kept
	d := disk{save: func(_ string, what any) error { last = what.(kept); return nil }}
	for _, turn := range []uint64{1, 3, 2} {
		if err := d.keep(kept{Fence: turn}, turn); err != nil {
			t.Fatal(err)
		}
	}
	if last.Fence != 3 {
		t.Errorf("kept is turn %d", last.Fence)
	}
}

// TestARefusedEpochIsRefusedAfterARestart: it is not handed out a second time.
func TestARefusedEpochIsRefusedAfterARestart(t *testing.T) {
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}), nil)
	refuse := ""
	edge := &robot{refuse: func(_, version string) string {
		if version == refuse {
			return "no"
		}
		return ""
	}}
	refuse = r.versionOf(t, Envoy, resource.RouteType, policy(1, percent, 0), 0)
	edge.live(t, dial(t, r.addr), "edge", envoyTypes()...)
	r.settle(t, 0)
	r.publish(t, policy(1, percent, 0))
	var refused *RefusedError
	if err := r.wait(t, 1); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	r.kill()
	r.start(t, "127.0.0.1:0")
	if err := r.Publish(t.Context(), policy(1, percent, 0)); !errors.Is(err, ErrStale) {
		t.Errorf("published again: %v", err)
	}
	if s := r.Status(); s.Refused == nil || s.Refused.Epoch != 1 {
		t.Errorf("refused %+v", s.Refused)
	}
}

package rollout

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// stuck is storage that takes nothing until it is mended.
type stuck struct {
	waits  chan struct{} // one for each entry that waits
	mended chan struct{}
}

func (s *stuck) wait(ctx context.Context) error {
	if s == nil {
		return nil
	}
	s.waits <- struct{}{}
	select {
	case <-s.mended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

const soon = 10 * time.Second // within which a test must go on

func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(soon):
		t.Fatalf("no %s within %s", what, soon)
		panic("unreachable")
	}
}

func do(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

func (r *rig) inForceNow() shadow.Policy {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.published[len(r.published)-1]
}

func (r *rig) changes() (out []Change) {
	for _, e := range r.entries {
		out = append(out, e.Change)
	}
	return out
}

// The audit's disk hangs while a promotion waits for it. A rollback waits for neither: it is published, and the audit gets
// its entry when the disk is back. What comes after the rollback waits for that entry.
func TestARollbackDoesNotWaitForASlowAudit(t *testing.T) {
	for name, back := range map[string]func(*rig) error{
		"by a person": func(r *rig) error { return r.do("ann", ActRollback, "") },
		"by the gate": func(r *rig) error { return r.ladder.Step(r.t.Context(), r.ladder.config.terms(1), rollback()) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.step(0, pass(0))
			r.stuck = &stuck{waits: make(chan struct{}, 9), mended: make(chan struct{})}
			r.reading = time.Hour
			terms := r.ladder.Terms()
			promoted := do(func() error { return r.ladder.Step(t.Context(), terms, pass(1000)) })
			await(t, "promotion that waits for the audit", r.stuck.waits)
			rolledBack := do(func() error { return back(r) })
			if err := await(t, "end of the promotion", promoted); !errors.Is(err, errHaste) {
				t.Fatalf("the promotion: %v", err)
			}
			await(t, "entry of the rollback that waits", r.stuck.waits)
			if p := r.inForceNow(); !p.RolledBack || p.Epoch != 2 {
				t.Errorf("in force while the audit hangs: %+v", p)
			}
			r.want(Back, 1)
			if w := r.ladder.Status().WaitsFor; !slices.Contains(w, ErrOwed.Error()) {
				t.Errorf("waits for %q", w)
			}
			cleared := do(func() error { return r.do("ann", ActClear, "") })
			close(r.stuck.mended)
			if err := errors.Join(await(t, "rollback", rolledBack), await(t, "clear", cleared)); err != nil {
				t.Fatal(err)
			}
			if got := r.changes(); !slices.Equal(got, []Change{Begun, RolledBack, Cleared}) {
				t.Errorf("audit: %v", got)
			}
		})
	}
}

// terms are those of the first stage under an epoch.
func (c Config) terms(epoch uint64) Terms { return Terms{Epoch: epoch, Bound: c.Stages[0].Bound} }

// A gate that says ROLLBACK again and again, as it does until it is cleared, does not keep a person from clearing.
func TestAClearIsNotEndedByTheRollbackItClears(t *testing.T) {
	r := newRig(t)
	r.step(0, rollback())
	terms := r.ladder.Terms()
	r.stuck = &stuck{waits: make(chan struct{}, 9), mended: make(chan struct{})}
	cleared := do(func() error { return r.do("ann", ActClear, "") })
	await(t, "clear that waits for the audit", r.stuck.waits)
	again := do(func() error { return r.ladder.Step(t.Context(), terms, rollback()) })
	select {
	case err := <-cleared:
		t.Fatalf("it ended before the audit took it: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(r.stuck.mended)
	if err := errors.Join(await(t, "clear", cleared), await(t, "step", again)); err != nil {
		t.Fatal(err)
	}
	r.want(Climbing, 1)
}

// A full disk takes no entry: nothing is cleared before the rollback's is there.
func TestNothingIsClearedBeforeTheRollbackIsAudited(t *testing.T) {
	r := newRig(t)
	r.auditErr = errors.New("disk full")
	if err := r.do("ann", ActRollback, ""); !errors.Is(err, ErrOwed) || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("what the audit lacks was not told: %v", err)
	}
	if err := r.do("ann", ActClear, ""); !errors.Is(err, ErrOwed) {
		t.Errorf("cleared: %v", err)
	}
	r.want(Back, 1)
	r.auditErr = nil
	if err := r.do("ann", ActClear, ""); err != nil {
		t.Fatal(err)
	}
	if got := r.changes(); !slices.Equal(got, []Change{Begun, RolledBack, Cleared}) {
		t.Errorf("audit: %v", got)
	}
}

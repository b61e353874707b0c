package rollout

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// moveAway is what the hint about a damaged file says.
func (r *rig) moveAway() {
	r.t.Helper()
	if err := os.Remove(r.config.State); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

// A rollout whose state is gone begins above what the publisher has in force: its policy is taken, and so is a rollback.
func TestAStateThatWasMovedAwayCanBeRolledBack(t *testing.T) {
	r := newRig(t)
	r.step(time.Minute, pass(100))
	r.step(time.Minute, pass(200))
	r.want(Climbing, 3)
	r.moveAway()
	r.want(Climbing, 1)
	if p := r.inForceNow(); p.Epoch != 4 || p.Gray != stages()[0].Gray {
		t.Errorf("in force: %+v", p)
	}
	r.step(0, rollback())
	if p := r.inForceNow(); p.Epoch != 5 || !p.RolledBack {
		t.Errorf("in force: %+v", p)
	}
}

// A rollback outlives the ladder's own file.
func TestARollbackStaysWhereTheStateWasMovedAway(t *testing.T) {
	r := newRig(t)
	r.step(0, rollback())
	r.moveAway()
	r.want(Back, 1)
	r.step(time.Hour, pass(1000))
	r.want(Back, 1)
	if err := r.do("ann", ActClear, ""); err != nil {
		t.Fatal(err)
	}
	r.want(Climbing, 1)
	if p := r.inForceNow(); p.Epoch != 3 || p.RolledBack {
		t.Errorf("in force: %+v", p)
	}
}

// An older state, as of a backup, does not keep a rollback from being published.
func TestAnOlderStateCanBeRolledBack(t *testing.T) {
	r := newRig(t)
	old, err := os.ReadFile(r.config.State)
	if err != nil {
		t.Fatal(err)
	}
	r.step(time.Minute, pass(100))
	r.step(time.Minute, pass(200))
	if err := os.WriteFile(r.config.State, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.tryOpen(); err != nil {
		t.Fatal(err)
	}
	if err := r.ladder.Publish(t.Context()); !errors.Is(err, errStale) {
		t.Errorf("published: %v", err)
	}
	r.step(0, rollback())
	if p := r.inForceNow(); p.Epoch != 4 || !p.RolledBack {
		t.Errorf("in force: %+v", p)
	}
}

// Killed between the publication of a rollback and its keeping, a rollout comes up rolled back, and the audit gets an entry.
func TestARollbackThatWasPublishedAndNotKept(t *testing.T) {
	for name, back := range map[string]func(*rig) error{
		"by a person": func(r *rig) error { return r.do("ann", ActRollback, "") },
		"by the gate": func(r *rig) error { return r.ladder.Step(r.t.Context(), r.ladder.Terms(), rollback()) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.step(time.Minute, pass(100))
			r.kill = func(at string) {
				if at == "save" {
					panic(killed{at})
				}
			}
			r.survive(func() error { return back(r) })
			r.kill = nil
			r.want(Back, 2)
			if kept, err := load(r.config.State); err != nil || kept.Rollback != nil {
				t.Fatalf("it was kept: the test could not fail (%v)", err)
			}
			r.step(time.Hour, pass(1000))
			if p := r.inForceNow(); !p.RolledBack || p.Epoch != 3 {
				t.Errorf("in force: %+v", p)
			}
			if got := r.changes(); got[len(got)-1] != RolledBack {
				t.Errorf("audit: %v", got)
			}
		})
	}
}

// Killed before anybody had the rollback, it can be published by the next process.
func TestARollbackThatNobodyHeardOf(t *testing.T) {
	r := newRig(t)
	r.kill = func(at string) {
		if at == "publish" {
			panic(killed{at})
		}
	}
	r.survive(func() error { return r.do("ann", ActRollback, "") })
	r.kill = nil
	r.want(Climbing, 1)
	r.step(0, rollback())
	if p := r.inForceNow(); !p.RolledBack || p.Epoch != 2 {
		t.Errorf("in force: %+v", p)
	}
}

// The disk hangs: the rollback is published all the same, and whoever asks is answered.
func TestARollbackDoesNotWaitForTheDisk(t *testing.T) {
	for name, back := range map[string]func(*rig) error{
		"by a person": func(r *rig) error { return r.do("ann", ActRollback, "") },
		"by the gate": func(r *rig) error { return r.ladder.Step(r.t.Context(), r.ladder.config.terms(1), rollback()) },
		"by a person, while a look hangs": func(r *rig) error {
			look := do(func() error { return r.ladder.Step(r.t.Context(), r.ladder.config.terms(1), pass(0)) })
			await(r.t, "look that hangs", r.stuckDisk.waits)
			return errors.Join(r.do("ann", ActRollback, ""), <-look)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.stuckDisk = &stuck{waits: make(chan struct{}, 9), mended: make(chan struct{})}
			done := do(func() error { return back(r) })
			for end := time.Now().Add(soon); !r.inForceNow().RolledBack; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it is not published while the disk hangs")
				}
			}
			r.want(Back, 1)
			if kept, err := load(r.config.State); err != nil || kept.Rollback != nil {
				t.Fatalf("the disk did not hang (%v)", err)
			}
			close(r.stuckDisk.mended)
			if err := await(t, "rollback", done); err != nil {
				t.Fatal(err)
			}
			if kept, err := load(r.config.State); err != nil || kept.Rollback == nil || kept.Policy != (shadow.Policy{Service: "pay", Stable: "v1", Candidate: "v2", Epoch: 2, RolledBack: true}) {
				t.Errorf("kept %+v, %v", kept, err)
			}
		})
	}
}

package rollout

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/gate"
)

func TestApprovalIsByAnotherPerson(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Stages[0].Approval = true })
	if err := r.do("eve", ActHold, ""); err != nil {
		t.Fatal(err)
	}
	r.step(time.Hour, pass(1000))
	r.want(OnHold, 1)
	if err := r.do("eve", ActClear, ""); err != nil { // what comes next is her proposal
		t.Fatal(err)
	}
	r.step(time.Hour, pass(1000))
	r.step(time.Hour, pass(1000))
	r.want(Waiting, 1)
	hash := r.ladder.Status().Proposed
	for name, c := range map[string]struct {
		who, hash string
		want      error
	}{
		"the proposer":   {"eve", hash, ErrForbidden},
		"an operator":    {"ann", hash, ErrForbidden},
		"a stranger":     {"", hash, ErrUnknown},
		"another policy": {"bob", r.ladder.Status().Hash, ErrConflict},
	} {
		if err := r.do(c.who, ActApprove, c.hash); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.step(time.Hour, pass(1000))
	r.want(Waiting, 1)
	if err := r.do("bob", ActApprove, hash); err != nil {
		t.Fatal(err)
	}
	r.open() // an approval survives the process
	r.step(0, gate.Decision{Verdict: gate.Hold, Reasons: []string{"stale"}})
	r.want(Climbing, 1) // approved, but the evidence is not there any more
	r.step(0, pass(1000))
	r.want(Climbing, 2)
	if e := r.entries[len(r.entries)-1]; e.By != "bob" || e.Change != Promoted {
		t.Errorf("audit: %+v", e)
	}
}

func TestAPersonRollsBack(t *testing.T) {
	r := newRig(t)
	r.auditErr = errors.New("disk full")
	if err := r.do("ann", ActRollback, ""); err == nil {
		t.Error("what the audit lacks was not told")
	}
	r.want(Back, 1)
	if last := r.published[len(r.published)-1]; !last.RolledBack {
		t.Errorf("in force: %+v", last)
	}
	if err := r.do("ann", ActRollback, ""); !errors.Is(err, ErrConflict) {
		t.Errorf("twice: %v", err)
	}
	if s := r.ladder.Status(); s.By != "ann" {
		t.Errorf("by %q", s.By)
	}
	if err := r.ladder.Do(t.Context(), "token of ann", ActClear, "", ""); !errors.Is(err, ErrConflict) {
		t.Errorf("without a reason: %v", err)
	}
}

func TestADecisionUnderOtherTermsSaysNothing(t *testing.T) {
	r := newRig(t)
	r.step(0, rollback())
	before := r.ladder.Terms()
	if err := r.do("ann", ActClear, ""); err != nil {
		t.Fatal(err)
	}
	if err := r.ladder.Step(t.Context(), before, rollback()); err != nil {
		t.Fatal(err)
	}
	r.want(Climbing, 1)
	if err := r.ladder.Step(t.Context(), before, pass(1_000_000)); err != nil {
		t.Fatal(err)
	}
	r.want(Climbing, 1)
}

package casework_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// accounted has every entry of the audit log stand in the case's history, or told undone.
func (r *rig) accounted(t *testing.T, id string) {
	t.Helper()
	events, err := r.desk.Events(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, e := range events {
		known[e.Audit] = true
	}
	for _, e := range r.undone(t) {
		known[strings.TrimSuffix(e.ID, "/undone")] = true
	}
	for _, e := range r.log.entries {
		if !known[e.ID] {
			t.Errorf("what became of %s %s?", e.Action, e.Subject)
		}
	}
}

// TestARaceIsTold has a person do, when each entry about a repair is in the log, what it was about.
func TestARaceIsTold(t *testing.T) {
	onFile(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), atChannelOnly("P1", 100))
		r.desk.Targets[casework.RepairReversal] = &talker{standing: casework.StandingReady}
		id, ctx := r.one(t, "P1").ID, t.Context()
		other := *r.desk
		other.Log = &book{}
		faster := func(do func() error) {
			r.log.look = func(audit.Entry) {
				if err := do(); err != nil {
					t.Error(err)
				}
			}
		}
		p := casework.Proposal{Kind: casework.RepairReversal, Request: "1", Reason: "paid twice", Call: map[string]string{"order": "P1"}}
		faster(func() error { _, err := other.Propose(ctx, operator("wu"), id, p); return err })
		_, err := r.desk.Propose(ctx, operator("li"), id, p)
		wants(t, err, casework.ErrConflict, "")
		all, err := r.desk.Repairs(ctx, id)
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		faster(func() error { _, err := other.Approve(ctx, reviewer("zhao"), all[0].ID, "ok"); return err })
		_, err = r.desk.Approve(ctx, reviewer("chen"), all[0].ID, "ok")
		wants(t, err, casework.ErrConflict, "")
		if _, err := other.Apply(ctx, reviewer("zhao"), all[0].ID, ""); err != nil {
			t.Fatal(err)
		}
		faster(func() error { _, err := other.Follow(ctx); return err })
		if n, err := r.desk.Follow(ctx); n != 0 || err != nil {
			t.Errorf("%d ended, %v", n, err)
		}
		var told []string
		for _, e := range r.undone(t) {
			told = append(told, e.Action)
		}
		if got := strings.Join(told, ", "); got != "repair propose did not take place, repair approve did not take place, repair applied was not noted" {
			t.Errorf("the log is told: %s", got)
		}
		r.accounted(t, id)
	})
}

// talker is a target whose every answer is as long as a service's may be.
type talker struct {
	standing casework.Standing
	refuses  bool
}

func (a *talker) said() string { return strings.Repeat(`"`, 64<<10) }

func (a *talker) Look(context.Context, *casework.Repair) (casework.Standing, string, error) {
	return a.standing, a.said(), nil
}

func (a *talker) Apply(context.Context, *casework.Repair) error {
	if a.refuses {
		return fmt.Errorf("%w: %s", casework.ErrRefused, a.said())
	}
	a.standing = casework.StandingApplied
	return fmt.Errorf("%w: %s", casework.ErrUnderWay, a.said())
}

// TestALongAnswerEndsARepair has a repair end, by its applier and by Follow, with more words than a history has room for.
func TestALongAnswerEndsARepair(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for id, refuses := range map[string]bool{"P1": true, "P2": false} {
			r.open(t, batch("1"), atChannelOnly(id, 100))
			r.desk.Targets[casework.RepairReversal] = &talker{casework.StandingReady, refuses}
			p := casework.Proposal{Kind: casework.RepairReversal, Request: "1", Reason: "paid twice", Call: map[string]string{"order": id}}
			made, err := r.desk.Propose(t.Context(), operator("li"), r.one(t, id).ID, p)
			if err == nil {
				_, err = r.desk.Approve(t.Context(), reviewer("chen"), made.ID, "ok")
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.desk.Apply(t.Context(), reviewer("chen"), made.ID, "")
			want := casework.RepairFailed
			if !refuses {
				want = casework.RepairApplied
				if err != nil || got.State != casework.RepairApplying {
					t.Fatalf("%s, %v", got.State, err)
				}
				if n, err := r.desk.Follow(t.Context()); err != nil || n != 1 {
					t.Fatalf("%d ended, %v", n, err)
				}
			}
			got, err = r.desk.Repair(t.Context(), made.ID)
			if err != nil || got.State != want || len(got.Outcome) > 2<<10 || !strings.Contains(got.Outcome, " bytes, sha256 ") {
				t.Errorf("%s: %s with an outcome of %d bytes, %v", id, got.State, len(got.Outcome), err)
			}
		}
	})
}

package casework_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

func TestACaseFromBeginningToEnd(t *testing.T) {
	onFile(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), atChannelOnly("P1", 100))
		id := r.one(t, "P1").ID
		ctx := t.Context()
		_, err := r.desk.Take(ctx, operator("li"), id)
		errs := []error{err}
		_, err = r.desk.Comment(ctx, operator("wu"), id, "渠道客服已确认")
		errs = append(errs, err)
		_, digest, err := r.desk.Attach(ctx, operator("li"), id, "mail.eml", strings.NewReader("a mail"))
		errs = append(errs, err)
		_, err = r.desk.Move(ctx, operator("li"), id, casework.StateDisputed, time.Time{}, "asked the channel")
		errs = append(errs, err)
		_, err = r.desk.Close(ctx, reviewer("chen"), id, casework.ResolvedWrittenOff, "one yuan")
		errs = append(errs, err)
		_, err = r.desk.Reopen(ctx, reviewer("chen"), id, "the channel answered")
		errs = append(errs, err)
		_, err = r.desk.Move(ctx, operator("li"), id, casework.StateInTransit, noon().Add(48*time.Hour), "paid out tomorrow")
		if err := errors.Join(append(errs, err)...); err != nil {
			t.Fatal(err)
		}
		c := r.one(t, "P1")
		if c.State != casework.StateInTransit || c.Owner != "li" || c.Version != 8 || !c.Due.Equal(noon().Add(52*time.Hour)) || c.Resolution != "" || !c.Closed.IsZero() {
			t.Errorf("got %+v", c)
		}
		if got := r.history(t, id); got != "recon open, li take, wu comment, li attach, li move, chen close, chen reopen, li move" {
			t.Errorf("history %s", got)
		}
		if data, err := r.desk.Attachments.Get(digest); err != nil || string(data) != "a mail" {
			t.Errorf("attachment %q, %v", data, err)
		}
		if e := r.log.entries[4]; e.Action != "case close" || e.Actor != "chen" || e.Subject != id || e.Basis["from"] != "disputed" || e.Basis["to"] != "closed" || e.Basis["resolution"] != "written-off" || e.Basis["gap"] != "1.00 CNY" {
			t.Errorf("audit entry %+v", e)
		}
	})
}

func TestWhatIsRefused(t *testing.T) {
	onFile(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), atChannelOnly("P1", 100))
		id, ctx := r.one(t, "P1").ID, t.Context()
		if _, err := r.desk.Take(ctx, operator("li"), id); err != nil {
			t.Fatal(err)
		}
		before := len(r.log.entries)
		viewer := casework.Actor{Name: "v", Role: casework.RoleViewer}
		for _, c := range []struct {
			do   func() error
			kind error
			text string
		}{
			{func() error { _, err := r.desk.Take(ctx, viewer, id); return err }, casework.ErrForbidden, `take needs the role operator ("v" has "viewer")`},
			{func() error { _, err := r.desk.Take(ctx, operator("wu"), id); return err }, casework.ErrForbidden, "it is li's"},
			{func() error { _, err := r.desk.Assign(ctx, reviewer("chen"), id, "wu"); return err }, casework.ErrForbidden, "admin"},
			{func() error { _, err := r.desk.Reopen(ctx, operator("li"), id, "x"); return err }, casework.ErrForbidden, "reviewer"},
			{func() error { _, err := r.desk.Reopen(ctx, reviewer("chen"), id, "x"); return err }, casework.ErrMove, "closed"},
			{func() error { _, err := r.desk.Comment(ctx, operator("li"), id, " "); return err }, casework.ErrInput, "is missing"},
			{func() error {
				_, err := r.desk.Comment(ctx, operator("li"), id, strings.Repeat("x", 9000))
				return err
			}, casework.ErrInput, "at most 8192"},
			{func() error {
				_, err := r.desk.Close(ctx, operator("li"), id, casework.ResolvedSettled, "x")
				return err
			}, casework.ErrInput, "resolution"},
			{func() error {
				_, err := r.desk.Close(ctx, operator("li"), id, casework.ResolvedRepaired, "x")
				return err
			}, casework.ErrInput, "no repair"},
			{func() error {
				_, err := r.desk.Close(ctx, operator("wu"), id, casework.ResolvedWrittenOff, "x")
				return err
			}, casework.ErrForbidden, "write-off"},
			{func() error {
				_, err := r.desk.Close(ctx, reviewer("LI "), id, casework.ResolvedWrittenOff, "x")
				return err
			}, casework.ErrFourEyes, "somebody else"},
			{func() error {
				_, err := r.desk.Move(ctx, operator("li"), id, casework.StateOpen, time.Time{}, "x")
				return err
			}, casework.ErrMove, "open cannot become open"},
			{func() error {
				_, err := r.desk.Move(ctx, operator("li"), id, casework.StateInTransit, noon().Add(-time.Hour), "x")
				return err
			}, casework.ErrInput, "is over"},
			{func() error {
				_, err := r.desk.Move(ctx, operator("li"), id, casework.StateClosed, time.Time{}, "x")
				return err
			}, casework.ErrInput, "state"},
			{func() error { _, err := r.desk.Take(ctx, operator("li"), "C00-0000000000000000"); return err }, casework.ErrNotFound, ""},
			{func() error { _, err := r.desk.Take(ctx, operator("li"), "P1"); return err }, casework.ErrID, ""},
			{func() error {
				_, _, err := r.desk.Attach(ctx, operator("li"), id, "x", strings.NewReader(""))
				return err
			}, casework.ErrInput, "empty"},
			{func() error {
				_, err := r.desk.List(ctx, casework.Filter{After: "!"})
				return err
			}, casework.ErrInput, "after"},
		} {
			wants(t, c.do(), c.kind, c.text)
		}
		if c := r.one(t, "P1"); c.Version != 2 || len(r.log.entries) != before {
			t.Errorf("version %d, %s", c.Version, r.log.actions())
		}
	})
}

// TestNothingIsDoneUnaudited has the log refuse, and looks at the case at the moment when an entry comes.
func TestNothingIsDoneUnaudited(t *testing.T) {
	onFile(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), atChannelOnly("P1", 100))
		id := r.one(t, "P1").ID
		r.log.full = errors.New("no space left on device")
		_, err := r.desk.Close(t.Context(), operator("li"), id, casework.ResolvedNoBreak, "x")
		wants(t, err, r.log.full, "nothing was done")
		if c := r.one(t, "P1"); c.State != casework.StateOpen || c.Version != 1 {
			t.Fatalf("closed without an entry: %+v", c)
		}
		r.log.full = nil
		r.log.look = func(audit.Entry) {
			if c := r.one(t, "P1"); c.State != casework.StateOpen {
				t.Error("closed before its entry was written")
			}
		}
		if _, err := r.desk.Close(t.Context(), operator("li"), id, casework.ResolvedNoBreak, "x"); err != nil {
			t.Fatal(err)
		}
	})
}

// TestConcurrentDecisions has 64 people take one case: one gets it, and the log knows of the others that they did not.
func TestConcurrentDecisions(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), atChannelOnly("P1", 100))
		id := r.one(t, "P1").ID
		var won, lost atomic.Int64
		var group errgroup.Group
		for i := range 64 {
			group.Go(func() error {
				_, err := r.desk.Take(context.Background(), operator("p"+string(rune('A'+i))), id)
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, casework.ErrConflict):
					lost.Add(1)
				case !errors.Is(err, casework.ErrForbidden):
					return err
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil || won.Load() != 1 {
			t.Fatalf("%d took it, %v", won.Load(), err)
		}
		waiting, err := r.db.Outbox(t.Context(), 100)
		undone := slices.DeleteFunc(waiting, func(e store.Entry) bool { return !strings.Contains(e.Action, "did not take place") })
		if err != nil || int64(len(undone)) != lost.Load() || int64(len(r.log.entries)) != 1+lost.Load() {
			t.Errorf("%d lost, %d entries, %d of them told undone, %v", lost.Load(), len(r.log.entries), len(undone), err)
		}
		if c := r.one(t, "P1"); c.Version != 2 || c.Owner == "" {
			t.Errorf("got %+v", c)
		}
	})
}

// undone gives what the outbox tells of decisions that did not take place.
func (r *rig) undone(t *testing.T) []store.Entry {
	t.Helper()
	all, err := r.db.Outbox(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(e store.Entry) bool { return !strings.HasSuffix(e.ID, "/undone") })
}

// TestWhoeverAskedIsGone has a client hang up when its decision is in the log, and not made yet.
func TestWhoeverAskedIsGone(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), atChannelOnly("P1", 100))
		id := r.one(t, "P1").ID
		p := casework.Proposal{Kind: casework.RepairTicket, Request: "1", Reason: "by hand"}
		for _, ask := range []func(context.Context) error{
			func(ctx context.Context) error { _, err := r.desk.Take(ctx, operator("li"), id); return err },
			func(ctx context.Context) error { _, err := r.desk.Propose(ctx, operator("li"), id, p); return err },
		} {
			ctx, hangUp := context.WithCancel(t.Context())
			r.log.look = func(audit.Entry) { hangUp() }
			if err := ask(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			hangUp()
		}
		told := r.undone(t)
		if len(told) != 2 || told[0].ID != r.log.entries[0].ID+"/undone" || told[1].Action != "repair propose did not take place" {
			t.Fatalf("the log is told %+v", told)
		}
		for _, e := range told {
			if !strings.Contains(e.Basis, "canceled") || strings.Contains(e.Basis, "another") {
				t.Errorf("the cause is said to be %q", e.Basis)
			}
		}
	})
}

// TestWhatIsNotKnownIsNotToldUndone has a decision fail of which then nobody can read what became of it.
func TestWhatIsNotKnownIsNotToldUndone(t *testing.T) {
	onFile(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), atChannelOnly("P1", 100))
		id := r.one(t, "P1").ID
		r.log.look = func(audit.Entry) {
			if err := r.db.Tx(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(t.Context(), "ALTER TABLE case_events RENAME TO away")
				return err
			}); err != nil {
				t.Error(err)
			}
		}
		if _, err := r.desk.Take(t.Context(), operator("li"), id); err == nil || !strings.Contains(err.Error(), "read history") {
			t.Errorf("got %v", err)
		}
		if told := r.undone(t); len(told) > 0 {
			t.Errorf("the log is told %+v", told)
		}
	})
}

// TestAWriteOffNeedsTwo has an admin give a case to a name of his choice, and close it.
func TestAWriteOffNeedsTwo(t *testing.T) {
	onFile(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), atChannelOnly("P1", 100))
		id, ctx := r.one(t, "P1").ID, t.Context()
		root := casework.Actor{Name: "root", Role: casework.RoleAdmin}
		off := func(who casework.Actor) error {
			_, err := r.desk.Close(ctx, who, id, casework.ResolvedWrittenOff, "one yuan")
			return err
		}
		wants(t, off(root), casework.ErrFourEyes, "somebody else")
		if _, err := r.desk.Assign(ctx, root, id, "nobody"); err != nil {
			t.Fatal(err)
		}
		wants(t, off(root), casework.ErrFourEyes, `root made "nobody" the owner`)
		if _, err := r.desk.Assign(ctx, root, id, "li"); err != nil {
			t.Fatal(err)
		}
		wants(t, off(root), casework.ErrFourEyes, `root made "li" the owner`)
		if _, err := r.desk.Take(ctx, operator("li"), id); err != nil {
			t.Fatal(err)
		}
		if err := off(root); err != nil {
			t.Errorf("a case that its owner took: %v", err)
		}
		if _, err := r.desk.Reopen(ctx, root, id, "wrong"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.desk.Assign(ctx, root, id, "wu"); err != nil {
			t.Fatal(err)
		}
		if err := off(reviewer("chen")); err != nil {
			t.Errorf("given by one and closed by another: %v", err)
		}
	})
}

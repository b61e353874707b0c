package casework_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

func TestOneCaseForABreak(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		var found []casework.Finding
		for i := range 450 { // more than a page
			found = append(found, atChannelOnly(fmt.Sprint("P", i), 100+int64(i)))
		}
		found = append(found, found[3]) // twice
		if got := r.open(t, batch("1"), found...); got != (casework.Change{Opened: 450, Unchanged: 1}) {
			t.Fatalf("got %+v", got)
		}
		var group errgroup.Group
		for range 8 {
			group.Go(func() error { r.open(t, batch("1"), found...); return nil })
		}
		_ = group.Wait()
		page, err := r.desk.List(t.Context(), casework.Filter{Channel: "wechat", Open: true, Limit: 400})
		if err != nil || len(page.Cases) != 400 || page.Next == "" {
			t.Fatalf("%d cases, %v", len(page.Cases), err)
		}
		rest, err := r.desk.List(t.Context(), casework.Filter{Channel: "wechat", Open: true, Limit: 400, After: page.Next})
		if err != nil || len(rest.Cases) != 50 || rest.Next != "" {
			t.Fatalf("%d more cases, %v", len(rest.Cases), err)
		}
		c := r.one(t, "P7")
		if c.Gap.Minor != 107 || c.Label != casework.LabelOver || c.State != casework.StateOpen || c.Order != "P7" || c.Detail.Records[1].Origin.Line != 7 {
			t.Errorf("got %+v", c)
		}
		if want := c.Opened.Add(4 * time.Hour); !c.Due.Equal(want) || !c.Expected.Equal(noon().Add(-2*time.Hour)) {
			t.Errorf("due %s, want %s", c.Due, want)
		}
		waiting, err := r.db.Waiting(t.Context())
		if err != nil || waiting != 450 || r.history(t, c.ID) != "recon open" {
			t.Errorf("%d audit entries, history %s, %v", waiting, r.history(t, c.ID), err)
		}
	})
}

func TestANewVersionOfAFileKeepsDecisions(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		same, moved, gone, decided, dispute := otherAmount("same", 100, 101), otherAmount("moved", 100, 101), otherAmount("gone", 100, 101), otherAmount("decided", 100, 101), otherAmount("dispute", 100, 101)
		r.open(t, batch("1"), same, moved, gone, decided, dispute)
		if _, err := r.desk.Close(t.Context(), operator("li"), r.one(t, "decided").ID, casework.ResolvedNoBreak, "rounding of the channel"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.desk.Close(t.Context(), operator("li"), r.one(t, "moved").ID, casework.ResolvedNoBreak, "one cent"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.desk.Move(t.Context(), operator("li"), r.one(t, "dispute").ID, casework.StateDisputed, time.Time{}, "mail of 11:00"); err != nil {
			t.Fatal(err)
		}
		fresh := otherAmount("fresh", 5, 6)
		moved = otherAmount("moved", 100, 900)
		for round, want := range []casework.Change{{Opened: 1, Reopened: 1, Unchanged: 3}, {Unchanged: 5}} { // the second: a crash had it run again
			if got := r.open(t, batch("2"), same, moved, decided, dispute, fresh); got != want {
				t.Errorf("round %d: got %+v, want %+v", round, got, want)
			}
		}
		for round, want := range []casework.Change{{Closed: 1}, {}} {
			if got := r.withdraw(t, batch("2"), gone); got != want {
				t.Errorf("round %d: got %+v, want %+v", round, got, want)
			}
		}
		for id, want := range map[string]string{
			"same": "open", "moved": "open", "gone": "closed withdrawn", "decided": "closed not-a-break", "dispute": "disputed", "fresh": "open",
		} {
			c := r.one(t, id)
			if got := strings.TrimSpace(string(c.State) + " " + string(c.Resolution)); got != want {
				t.Errorf("%s is %s, want %s", id, got, want)
			}
			if id != "gone" && c.Batch != batch("2").ID {
				t.Errorf("%s is of %s", id, c.Batch)
			}
		}
		if got := r.history(t, r.one(t, "moved").ID); got != "recon open, li close, recon reopen" {
			t.Errorf("history %s", got)
		}
		if got := r.open(t, batch("3"), gone); got != (casework.Change{Reopened: 1}) { // it is back
			t.Errorf("got %+v", got)
		}
	})
}

// TestALateOtherSideEndsACase has a case of a booking that was carried before its break was told: it ends with a later file,
// opens again with that file's next version, and goes on as another case where the sides differ.
func TestALateOtherSideEndsACase(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		f := atChannelOnly("tardy", 100)
		f.Since = "2026-11-20"
		r.open(t, batch("1"), f)
		one := []casework.Settled{{Statement: batch("1").Statement, Key: f.Key, Occurrence: 1, Break: f.Break, Since: f.Since}}
		differs := []casework.Settled{one[0]}
		differs[0].Differs = true
		next := batch("2")
		for step, c := range []struct {
			do   func(context.Context, *store.Tx, casework.Batch, []casework.Settled) (casework.Change, error)
			all  []casework.Settled
			want casework.Change
			note string
		}{
			{r.intake.Unsettle, one, casework.Change{}, "found by"}, // it is open
			{r.intake.Settle, one, casework.Change{Closed: 1}, "settled by"},
			{r.intake.Settle, one, casework.Change{}, "settled by"},
			{r.intake.Unsettle, append(one, one...), casework.Change{Reopened: 1}, "no longer settled"},
			{r.intake.Settle, differs, casework.Change{Closed: 1}, "goes on as a case of"},
		} {
			var got casework.Change
			if err := r.db.Tx(t.Context(), func(tx *store.Tx) (err error) {
				got, err = c.do(t.Context(), tx, next, c.all)
				return err
			}); err != nil || got != c.want {
				t.Fatalf("step %d: %+v, want %+v, %v", step, got, c.want, err)
			}
			events, err := r.desk.Events(t.Context(), r.one(t, "tardy").ID)
			if err != nil || !strings.Contains(events[len(events)-1].Note, c.note) {
				t.Errorf("step %d: %+v, want %q, %v", step, events[len(events)-1], c.note, err)
			}
		}
	})
}

func TestALaterFileSettlesWhatWasInTransit(t *testing.T) {
	onFile(t, func(t *testing.T, r *rig) {
		f := atChannelOnly("late", 100)
		r.open(t, batch("1"), f)
		c, err := r.desk.Move(t.Context(), operator("li"), r.one(t, "late").ID, casework.StateInTransit, noon().Add(24*time.Hour), "paid out tomorrow")
		if err != nil {
			t.Fatal(err)
		}
		if c.State != casework.StateInTransit || !c.Due.Equal(noon().Add(28*time.Hour)) {
			t.Fatalf("got %s, due %s", c.State, c.Due)
		}
		next := batch("9")
		next.Day = "2026-11-27"
		all := []casework.Settled{{Statement: batch("1").Statement, Key: f.Key, Occurrence: 1, Break: f.Break}, {Statement: "unknown", Key: f.Key, Occurrence: 1, Break: f.Break}}
		for _, want := range []casework.Change{{Closed: 1}, {}} {
			var got casework.Change
			if err := r.db.Tx(t.Context(), func(tx *store.Tx) (err error) {
				got, err = r.intake.Settle(t.Context(), tx, next, all)
				return err
			}); err != nil || got != want {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		if got := r.open(t, batch("1"), f); got != (casework.Change{Unchanged: 1}) { // a crash had it run again
			t.Errorf("got %+v", got)
		}
		events, err := r.desk.Events(t.Context(), c.ID)
		if err != nil || len(events) != 3 || !strings.Contains(events[2].Note, "2026-11-27") || r.one(t, "late").Resolution != casework.ResolvedSettled {
			t.Errorf("history %+v, %v", events, err)
		}
		if got := r.open(t, batch("2"), f); got != (casework.Change{Unchanged: 1}) || r.one(t, "late").State != casework.StateClosed {
			t.Errorf("a new version of the day before opens what is settled: %+v", got)
		}
	})
}

func TestSLAIsCounted(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for i := range 4 {
			r.open(t, batch("1"), otherAmount(fmt.Sprint("a", i), 1, 2))
		}
		late := otherAmount("far", 1, 2)
		late.Expected = noon().Add(100 * time.Hour)
		r.open(t, batch("1"), late)
		finish := func(id string) {
			if _, err := r.desk.Close(t.Context(), operator("li"), r.one(t, id).ID, casework.ResolvedTicket, "T-1"); err != nil {
				t.Fatal(err)
			}
		}
		finish("a0")
		finish("a1")
		r.clock.add(5 * time.Hour)
		finish("a2")
		k, err := r.desk.Keeping(t.Context(), noon())
		if err != nil || k != (casework.Kept{Closed: 2, Late: 1, Overdue: 1, Open: 1, Share: 5000}) || r.desk.SLA.Met(k) {
			t.Errorf("got %+v, %v", k, err)
		}
		over, err := r.desk.List(t.Context(), casework.Filter{Overdue: r.clock.Now()})
		if err != nil || len(over.Cases) != 1 || over.Cases[0].Key.ID != "a3" {
			t.Errorf("overdue %+v, %v", over.Cases, err)
		}
	})
}

// TestBusinessIDsAreExact keeps ids apart that a collation would take for one.
func TestBusinessIDsAreExact(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		for _, id := range []string{"p1", "P1", "p1 ", "ｐ1", "p'1"} {
			r.open(t, batch("1"), otherAmount(id, 1, 2))
		}
		for _, id := range []string{"p1", "P1", "p1 ", "ｐ1", "p'1"} {
			if c := r.one(t, id); c.Key != (recon.Key{Kind: recon.KindPayment, ID: id}) {
				t.Errorf("got %+v", c.Key)
			}
		}
		if all, err := r.desk.Of(context.Background(), "p2"); err != nil || len(all) != 0 {
			t.Errorf("got %v, %v", all, err)
		}
	})
}

// TestRepairsOfOtherFactsEnd has a break found again with another amount: what was approved for the first one is not applied.
func TestRepairsOfOtherFactsEnd(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), otherAmount("P1", 100, 200))
		r.desk.Targets[casework.RepairReversal] = &talker{standing: casework.StandingReady}
		id, ctx := r.one(t, "P1").ID, t.Context()
		repair := func(request string) string {
			t.Helper()
			made, err := r.desk.Propose(ctx, operator("li"), id, casework.Proposal{Kind: casework.RepairReversal, Request: request, Reason: "one yuan", Call: map[string]string{"amount": "1.00"}})
			if err == nil {
				_, err = r.desk.Approve(ctx, reviewer("chen"), made.ID, "ok")
			}
			if err != nil {
				t.Fatal(err)
			}
			return made.ID
		}
		began, approved := repair("1"), repair("2")
		if got, err := r.desk.Apply(ctx, reviewer("chen"), began, ""); err != nil || got.State != casework.RepairApplying {
			t.Fatalf("got %+v, %v", got, err)
		}
		for _, want := range []casework.Change{{Changed: 1}, {Unchanged: 1}} { // the second: a crash had it run again
			if got := r.open(t, batch("2"), otherAmount("P1", 100, 900)); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		_, err := r.desk.Apply(ctx, reviewer("chen"), approved, "")
		wants(t, err, casework.ErrMove, "rejected cannot become applying")
		for repair, want := range map[string]casework.RepairState{began: casework.RepairApplying, approved: casework.RepairRejected} {
			if got, err := r.desk.Repair(ctx, repair); err != nil || got.State != want || want == casework.RepairRejected && got.Outcome != "its break has other facts now" {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		events, err := r.desk.Events(ctx, id)
		if last := events[len(events)-1]; err != nil || last.Action != "change" || !strings.Contains(last.Note, "a repair is under way") {
			t.Errorf("history ends with %+v, %v", last, err)
		}
	})
}

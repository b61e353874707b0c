package batch_test

import (
	"slices"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// wantsOpen wants just these cases to be open.
func (w *week) wantsOpen(t *testing.T, want ...string) {
	t.Helper()
	if got := w.open(t); !slices.Equal(got, want) {
		t.Errorf("cases %q, want %q", got, want)
	}
}

// TestALateOtherSideEndsTheCaseOfItsBreak has two bookings told as breaks; the other side of one comes two days later, that
// of the other with another amount. Then the file that brought them is corrected, and the day that told them.
func TestALateOtherSideEndsTheCaseOfItsBreak(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		w := newWeek(t, db)
		w.Profiles[0].Rules.Late = 10
		w.files(t, november(23), file("P1 1.00", "late 19.99", "other 5.00"), file("P1 1.00"))
		w.files(t, november(24), file("P2 1.00"), file("P2 1.00"))
		w.files(t, november(25), file("P3 1.00"), file("P3 1.00"))
		w.files(t, november(26), file("P4 1.00"), file("P4 1.00", "late 19.99", "other 6.00"))
		late, other := november(24)+" payment late #1 missing-at-channel since "+november(23), november(24)+" payment other #1 missing-at-channel since "+november(23)
		both := november(26) + " payment other #1 amount-mismatch since " + november(23)
		wants(t, w.on(t, november(23)), batch.Closed, "findings 0, carried 2")
		wants(t, w.on(t, november(24)), batch.Closed, "findings 2")
		w.wantsOpen(t, late, other)
		wants(t, w.on(t, november(25)), batch.Closed, "findings 0, overdue 2")
		var told []batch.Finding
		w.Cases = caseList{&told}
		wants(t, w.on(t, november(26)), batch.Closed, "findings 1, settled 1")
		w.Cases = caseList{}
		w.wantsOpen(t, both)
		if len(told) != 1 || told[0].Why != "was missing-at-channel on 2026-11-24, and came late" {
			t.Errorf("told %+v", told)
		}
		chained(t, w.Runner, november(23), november(24), november(25), november(26))

		w.bills[november(26)] = file("P4 1.00") // neither came after all
		w.rerun(t, november(26))
		wants(t, w.on(t, november(26)), batch.Closed, "version 2 SETTLED", "findings 0, overdue 2", "1 gone")
		w.wantsOpen(t, late, other)

		w.bills[november(26)] = file("P4 1.00", "other 5.00")
		w.rerun(t, november(26))
		wants(t, w.on(t, november(26)), batch.Closed, "version 3 SETTLED", "settled 1, overdue 1")
		w.wantsOpen(t, late)

		w.bills[november(24)] = file("P2 1.00", "other 5.00", "late 19.99") // in time, as it turns out
		w.rerun(t, november(24))
		wants(t, w.on(t, november(24)), batch.Closed, "version 2 SETTLED", "findings 0, settled 2")
		if err := w.Follow(t.Context(), w.Profiles[0].ID(november(24))); err != nil {
			t.Fatal(err)
		}
		wants(t, w.of(t, november(26)), batch.Closed, "version 4 SETTLED", "findings 0, carried 1") // the channel has it twice, on two days
		w.wantsOpen(t)
		chained(t, w.Runner, november(23), november(24), november(25), november(26))
	})
}

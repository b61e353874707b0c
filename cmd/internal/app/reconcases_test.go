package app

import (
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

func dayBatch(day string) *batch.Batch {
	id := batch.ID{Channel: "bank", Account: "a1", Kind: "statement", Day: day}
	return &batch.Batch{ID: id.String() + "@1", Statement: id}
}

// TestALaterDayClosesTheCase has the same booking as a finding of its own day, and as one that was carried for a day: two
// cases. A later day settles the first, and only that.
func TestALaterDayClosesTheCase(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	now := func() time.Time { return time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC) }
	desk, cases := &casework.Desk{DB: db, Now: now}, caseIntake{&casework.Intake{SLA: casework.DefaultSLA(), Now: now}}
	key := recon.Key{Kind: recon.KindPayment, ID: "P1"}
	record := &recon.Record{Key: key, Amount: recon.Money{Minor: 100, Currency: "CNY"}, Status: recon.StatusSuccess}
	found := batch.Finding{Key: key, Occurrence: 1, Break: recon.MissingAtChannel, Difference: match.Difference{
		Break: recon.MissingAtChannel, Group: match.Group{Key: key, Occurrence: 1, Records: []*recon.Record{record, nil}},
	}}
	carried := found
	carried.Since, carried.Why, carried.Expected = "2026-11-22", "expected by 2026-11-23", now().Add(-time.Hour)
	settled := []batch.Settlement{{Key: key, Occurrence: 1, Since: "2026-11-23", Break: recon.MissingAtChannel, Fate: rules.Settled}}
	for range 2 { // a crash has it called again
		if err := db.Tx(t.Context(), func(tx *store.Tx) error {
			return cases.Open(t.Context(), tx, dayBatch("2026-11-23"), []batch.Finding{found, carried})
		}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := db.Tx(t.Context(), func(tx *store.Tx) error { return cases.Settle(t.Context(), tx, dayBatch("2026-11-24"), settled) }); err != nil {
			t.Fatal(err)
		}
	}
	all, err := desk.Of(t.Context(), "P1")
	if err != nil || len(all) != 2 {
		t.Fatalf("%d cases, %v", len(all), err)
	}
	for _, c := range all {
		if c.Detail.Since != "" {
			if c.State != casework.StateOpen || c.Detail.Why != carried.Why || !c.Expected.Equal(carried.Expected) {
				t.Errorf("the carried one is %+v", c)
			}
			continue
		}
		events, err := desk.Events(t.Context(), c.ID)
		if err != nil || c.Resolution != casework.ResolvedSettled || len(events) != 2 || events[1].Note != "settled by bank/a1/statement/2026-11-24@1 of 2026-11-24" {
			t.Errorf("the settled one is %s %s with %+v, %v", c.State, c.Resolution, events, err)
		}
	}
}

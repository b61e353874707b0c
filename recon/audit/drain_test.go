package audit_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// TestALongAnswerHoldsNothingUp has the longest answer of a service between two entries, twice: as it is written now, and as
// an earlier release left it. Quotes and what is no letter take the most room in the log.
func TestALongAnswerHoldsNothingUp(t *testing.T) {
	db, p := stores.Open(t, stores.File(t)), newPlace(t)
	made := func(id, basis string) store.Entry {
		return store.Entry{ID: id, Time: time.Unix(1, 0), Actor: "worker", Action: "operation FAILED", Subject: "O-1", Basis: basis}
	}
	quotes, controls := strings.Repeat(`"`, 64<<10), strings.Repeat("\x01", 64<<10)
	earlier, err := json.Marshal(made("earlier", quotes))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		rows := store.Rows{Table: "outbox", Key: []string{"id"}, Columns: []string{"body"}, Values: [][]any{{"earlier", earlier}}}
		if _, err := tx.Add(t.Context(), rows); err != nil {
			return err
		}
		return tx.Audit(t.Context(), made("before", "1"), made("quotes", quotes), made("controls", controls), made("behind", "2"))
	}); err != nil {
		t.Fatal(err)
	}
	l := p.open(t)
	moved, err := l.DrainOnce(t.Context(), db)
	if err != nil || moved != 5 {
		t.Errorf("%d moved, %v", moved, err)
	}
	closed(t, l)
	if n, err := db.Waiting(t.Context()); err != nil || n != 0 {
		t.Errorf("%d entries wait, %v", n, err)
	}
	found, err := audit.Find(t.Context(), p.dir, verifier(t, p), "O-1")
	if err != nil || len(found) != 5 {
		t.Fatalf("%d entries, %v", len(found), err)
	}
	for _, f := range found {
		if why := f.Entry.Basis["why"]; len(why) > 1 && (!strings.Contains(why, "(cut: 65536 bytes, sha256 ") || why[0] != quotes[0] && why[0] != controls[0]) {
			t.Errorf("%s says %.100q", f.Entry.ID, why)
		}
	}
}

// TestAnySubjectIsFound has subjects with letters that HTML or JSON spell in another way, and bytes that are no letters.
func TestAnySubjectIsFound(t *testing.T) {
	p := newPlace(t)
	l := p.open(t)
	subjects := []string{"a&b", "<P1>", `P"1\`, "补单", "P\xba1", "P\u2028"}
	for i, subject := range subjects {
		one, also := entry(2*i), entry(2*i+1)
		one.Subject, also.Also = subject, []string{subject}
		if _, err := l.AppendBatch(t.Context(), []audit.Entry{one, also}); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, l)
	for i, subject := range subjects {
		found, err := audit.Find(t.Context(), p.dir, verifier(t, p), subject)
		if err != nil || len(found) != 2 || found[0].Entry.ID != entry(2*i).ID {
			t.Errorf("%q: %d entries, %v", subject, len(found), err)
		}
	}
}

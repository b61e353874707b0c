package evidence

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

func create(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func events() []shadow.Event {
	opened := shadow.Evidence{Sample: "s1", Release: "v2", Order: "P1", Route: "pay", Creates: true, Verdict: shadow.Verdict{Outcome: shadow.Pending}}
	closed := opened
	closed.Verdict = shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{Place: shadow.InResponse, Name: "pay", Field: "amount", Class: shadow.ClassMoney, Expected: "19.99", Actual: "19.98"}}}
	closed.Primary = &shadow.Exchange{Side: shadow.Primary, Method: "POST", URI: "/payments", Status: 201, Response: shadow.Body{Bytes: []byte(`{"amount":"19.99"}`)}}
	closed.Calls = []shadow.Call{{Operation: "pay", Ordinal: 1, Fate: shadow.CallForwarded, Exchange: shadow.Exchange{Side: shadow.Primary, Method: "POST", URI: "/v3/pay", Status: 200}}}
	return []shadow.Event{
		{ID: "s1:opened", Kind: shadow.EventOpened, Instance: "a", Evidence: &opened},
		{ID: "w1", Kind: shadow.EventWriteSet, Instance: "a", WriteSet: &shadow.WriteSet{ID: "w1", Side: shadow.Primary, Order: "P1", Outcome: shadow.Committed,
			Statements: []shadow.Statement{{Verb: "insert", Table: "payments", Text: "INSERT INTO payments VALUES (?)",
				Rows: []shadow.Row{{Columns: []string{"order_id"}, Values: []shadow.Value{{Text: "P1"}}}}}}}},
		{ID: "s1:closed", Kind: shadow.EventClosed, Instance: "a", Evidence: &closed},
		{ID: "t1", Kind: shadow.EventTally, Instance: "a", Tally: &shadow.Tally{Sampled: 1, Closed: 1, WriteSets: 1, Final: true}},
	}
}

func TestLedgerIsRebuiltAndEventsCountOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "evidence.db")
	s := create(t, path)
	for range 2 {
		if err := s.Append(t.Context(), events()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := create(t, path).Ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c := l.Counts(); !c.Balanced() || c.Sampled != 1 || c.Outcomes[shadow.Mismatched] != 1 {
		t.Fatalf("got %+v", c)
	}
}

func TestExplainPrintsTheWholeChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "evidence.db")
	s := create(t, path)
	if _, err := s.Report(t.Context()); !errors.Is(err, ErrNoReport) {
		t.Fatalf("report of an empty store: %v", err)
	}
	if err := s.Append(t.Context(), events()); err != nil {
		t.Fatal(err)
	}
	record := func(fen int64, origin recon.Origin) *recon.Record {
		return &recon.Record{Order: "P1", Amount: recon.Money{Minor: fen, Currency: "CNY"}, Status: recon.StatusSuccess, Origin: origin}
	}
	report := comparer.Report{Verdict: "ROLLBACK", Orders: []comparer.NamedOrder{{Order: "P1", Class: comparer.Regression, Place: shadow.InRow, Name: "payment P1", Field: "amount", Expected: "19.99", Actual: "19.98"}}}
	bookings := []comparer.Booking{{
		Order: "P1", Key: recon.Key{Kind: recon.KindPayment, ID: "P1"}, Copy: 1, Class: comparer.Regression,
		Primary: record(1999, recon.Origin{Table: "payments", Row: "order_id=P1"}), Channel: record(1999, recon.Origin{File: "bill.csv", Line: 17}),
	}}
	for range 2 { // a second judgement replaces the first
		if err := s.SaveReport(t.Context(), report, bookings); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	chain, err := reader.Chain(t.Context(), "P1")
	if err != nil {
		t.Fatal(err)
	}
	if len(chain.Bookings) != 1 {
		t.Fatalf("%d bookings, want 1", len(chain.Bookings))
	}
	stored, err := reader.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Explain(&out, chain, &stored); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"request pay", "mismatch", "status 201", `{"amount":"19.99"}`, "call pay #1", "forwarded", "INSERT INTO payments", "order_id=P1",
		"19.99 CNY", "bill.csv:17", "shadow   absent", "expected 19.99, actual 19.98", "class of the order: regression", "verdict of the run: ROLLBACK"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
}

func TestUnknownOrderSaysSo(t *testing.T) {
	s := create(t, filepath.Join(t.TempDir(), "e.db"))
	chain, err := s.Chain(t.Context(), "nope")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Explain(&out, chain, nil); err != nil || !strings.Contains(out.String(), "nothing is stored") {
		t.Fatalf("got %q, %v", out.String(), err)
	}
}

func TestOpeningWhatIsNotThereOrNotOursIsAnError(t *testing.T) {
	dir := t.TempDir()
	if s, err := Open(t.Context(), filepath.Join(dir, "absent.db")); err == nil {
		s.Close()
		t.Error("an absent file was opened")
	}
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 500)), 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := Create(t.Context(), garbage); err == nil {
		s.Close()
		t.Error("garbage was opened")
	}
}

package nearline

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/window"
	"github.com/seed-3356bd69/touchstone/shadow"
)

func payments() []ledger.Table {
	return []ledger.Table{{
		Name: "payments", Channel: "wechat", Kind: recon.KindPayment, Key: "order_id", Order: "order_id", Amount: "amount", Unit: recon.UnitMajor, Currency: "CNY",
		Status: "state", StatusMap: map[string]recon.Status{"PAID": recon.StatusSuccess, "NEW": recon.StatusProcessing}, Time: "made_at", Aliases: []string{"id"},
	}}
}

// rig is a comparer under a clock that the test moves, with a real ledger.
type rig struct {
	*Comparer
	t      *testing.T
	ledger *comparer.Ledger
	now    time.Time
	log    bytes.Buffer
	ids    int
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, ledger: comparer.NewLedger(), now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	cfg := Config{Primary: payments(), Shadow: payments(), Excuse: r.ledger.Excuse, Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.NewTextHandler(&r.log, nil))}
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.Comparer, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) take(ev shadow.Event) {
	r.ids++
	if ev.ID == "" {
		ev.ID = fmt.Sprint("e", r.ids)
	}
	ev.Time, ev.Instance = r.now, "i"
	if r.ledger.Apply(ev) {
		r.Take(r.now, ev)
	}
}

func (r *rig) open(order string) {
	r.take(shadow.Event{Kind: shadow.EventOpened, Evidence: &shadow.Evidence{Sample: "s-" + order, Order: order, Creates: true, Verdict: shadow.Verdict{Outcome: shadow.Pending}}})
}

func (r *rig) close(order string, outcome shadow.Outcome, cause string) {
	r.take(shadow.Event{Kind: shadow.EventClosed, Evidence: &shadow.Evidence{Sample: "s-" + order, Order: order, Creates: true, Verdict: shadow.Verdict{Outcome: outcome, Cause: cause}}})
}

func row(order, amount, state string) shadow.Row {
	return shadow.Row{Columns: []string{"order_id", "amount", "state"}, Values: []shadow.Value{{Text: order}, {Text: amount}, {Text: state}}}
}

func insert(rows ...shadow.Row) shadow.Statement {
	return shadow.Statement{Verb: "insert", Table: "payments", Rows: rows, Affected: uint64(len(rows))}
}

func (r *rig) write(side shadow.Side, order string, statements ...shadow.Statement) string {
	r.ids++
	id := fmt.Sprint("w", r.ids)
	r.take(shadow.Event{Kind: shadow.EventWriteSet, WriteSet: &shadow.WriteSet{ID: id, Side: side, Order: order, Outcome: shadow.Committed, Statements: statements, Sealed: r.now}})
	return id
}

// pay plays an order whose sides write these amounts, seconds apart.
func (r *rig) pay(order, primary, second string) {
	r.open(order)
	r.write(shadow.Primary, order, insert(row(order, primary, "PAID")))
	r.now = r.now.Add(3 * time.Second) // the shadow run starts later, and may end in the next window
	r.write(shadow.Shadow, order, insert(row(order, second, "PAID")))
	r.close(order, shadow.Match, "")
}

// settle moves the clock far enough for all windows to close, and gives the newest report.
func (r *rig) settle() Report {
	r.t.Helper()
	r.now = r.now.Add(time.Minute)
	before := len(r.Reports())
	r.Advance(r.t.Context(), func() time.Time { return r.now })
	all := r.Reports()
	if len(all) == before {
		r.t.Fatal("no window was compared")
	}
	return all[0]
}

func (r *rig) alerts() int { return strings.Count(r.log.String(), "money differs") }

func TestEqualBooksAgreeWhateverTheSidesClocks(t *testing.T) {
	r := newRig(t, nil)
	r.now = r.now.Add(8 * time.Second) // the shadow writes when the primary's window is over
	r.pay("P1", "19.99", "19.9900")
	got := r.settle()
	if len(r.Reports()) != 1 || got.Outcome != Agree || got.Totals[window.Primary][0].Minor != 1999 || r.alerts() != 0 {
		t.Errorf("got %+v\n%s", r.Reports(), r.log.String())
	}
}

func TestACentIsAnAlert(t *testing.T) {
	r := newRig(t, nil)
	r.pay("P1", "19.99", "19.98")
	got := r.settle()
	if got.Outcome != Money || r.alerts() != 1 || len(got.Differences) != 1 || got.Differences[0].Break != recon.AmountMismatch || got.Differences[0].Order() != "P1" {
		t.Errorf("got %+v\n%s", got, r.log.String())
	}
}

func TestChangesAndDeletesSubtractTheOldImage(t *testing.T) {
	r := newRig(t, nil)
	r.open("P1")
	for _, side := range []shadow.Side{shadow.Primary, shadow.Shadow} {
		r.write(side, "P1", insert(row("P1", "19.99", "NEW"), row("P1-b", "1.00", "NEW")))
		r.write(side, "P1", shadow.Statement{Verb: "update", Table: "pay.Payments", Before: []shadow.Row{row("P1", "19.99", "NEW")}, Rows: []shadow.Row{row("P1", "19.99", "PAID")}, Affected: 1},
			shadow.Statement{Verb: "delete", Table: "payments", Before: []shadow.Row{row("P1-b", "1.00", "NEW")}, Affected: 1})
	}
	r.close("P1", shadow.Match, "")
	got := r.settle()
	if got.Outcome != Agree || got.Totals[window.Shadow][0] != (digest.Total{Column: digest.Column{Kind: recon.KindPayment, Currency: "CNY"}, Count: 1, Minor: 1999}) {
		t.Errorf("got %+v", got)
	}
}

func TestABrokenShadowRunIsNoAlert(t *testing.T) {
	r := newRig(t, nil)
	r.open("P1")
	r.write(shadow.Primary, "P1", insert(row("P1", "19.99", "PAID")))
	r.close("P1", shadow.Dropped, "queue-full")
	if got := r.settle(); got.Outcome != Inconclusive || got.Differences[0].Cause != "queue-full" || r.alerts() != 0 {
		t.Errorf("got %+v\n%s", got, r.log.String())
	}
}

func TestAnOpenSampleWaitsAndIsLookedAtAgain(t *testing.T) {
	r := newRig(t, nil)
	r.open("P1")
	r.write(shadow.Primary, "P1", insert(row("P1", "19.99", "PAID")))
	if got := r.settle(); got.Outcome != Inconclusive || got.Waiting != 1 || r.alerts() != 0 {
		t.Fatalf("got %+v\n%s", got, r.log.String())
	}
	r.close("P1", shadow.Match, "") // the answer was right, and the row was never written
	if got := r.settle(); got.Outcome != Money || !got.Late || r.alerts() != 1 {
		t.Errorf("got %+v\n%s", got, r.log.String())
	}
}

func TestAShadowWriteOfNoGrayOrderIsAnAlert(t *testing.T) {
	r := newRig(t, nil)
	r.write(shadow.Shadow, "P1", insert(row("P1", "19.99", "PAID")))
	if got := r.settle(); got.Outcome != Money || r.alerts() != 1 {
		t.Errorf("got %+v\n%s", got, r.log.String())
	}
	r = newRig(t, nil)
	r.write(shadow.Primary, "P2", insert(row("P2", "19.99", "PAID")))
	if got := r.settle(); got.Outcome != Inconclusive || r.alerts() != 0 {
		t.Errorf("got %+v\n%s", got, r.log.String())
	}
}

func TestRowsThatCannotBeReadNeverAgree(t *testing.T) {
	for name, s := range map[string]shadow.Statement{
		"no images":      {Verb: "update", Table: "payments", Affected: 1},
		"a cause":        {Verb: "insert", Table: "payments", Cause: shadow.CauseUnclassified},
		"unknown state":  insert(row("P1", "19.99", "PAID?")),
		"no amount":      insert(row("P1", "much", "PAID")),
		"missing column": insert(shadow.Row{Columns: []string{"order_id"}, Values: []shadow.Value{{Text: "P1"}}}),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			r.open("P1")
			r.write(shadow.Primary, "P1", insert(row("P1", "19.99", "PAID")))
			r.write(shadow.Shadow, "P1", s)
			r.close("P1", shadow.Match, "")
			if got := r.settle(); got.Outcome != Inconclusive || got.Unread != 1 || r.alerts() != 0 {
				t.Errorf("got %+v\n%s", got, r.log.String())
			}
		})
	}
	r := newRig(t, nil)
	r.open("P1")
	r.write(shadow.Primary, "P1", insert(row("P1", "19.99", "PAID")), shadow.Statement{Verb: "update", Table: "payments"}, shadow.Statement{Verb: "insert", Table: "notes", Cause: "x"})
	r.write(shadow.Shadow, "P1", insert(row("P1", "19.99", "PAID")))
	if got := r.settle(); got.Outcome != Agree {
		t.Errorf("an update that changed nothing, or another table, spoils the window: %+v", got)
	}
}

func TestAWriteSetThatIsToldAgainCountsOnce(t *testing.T) {
	r := newRig(t, nil)
	r.open("P1")
	ws := &shadow.WriteSet{ID: "w", Side: shadow.Primary, Order: "P1", Outcome: shadow.Committed, Statements: []shadow.Statement{insert(row("P1", "19.99", "PAID"))}, Sealed: r.now}
	r.take(shadow.Event{ID: "w", Kind: shadow.EventWriteSet, WriteSet: ws})
	r.take(shadow.Event{ID: "w:j", Kind: shadow.EventWriteSet, WriteSet: ws})
	r.write(shadow.Shadow, "P1", insert(row("P1", "19.99", "PAID")))
	r.close("P1", shadow.Match, "")
	if got := r.settle(); got.Outcome != Agree {
		t.Errorf("got %+v", got)
	}
}

func TestInADatabaseCutoverWhatArrivedIsWhatTheShadowWrote(t *testing.T) {
	r := newRig(t, nil)
	for order, state := range map[string]shadow.ApplyState{"P1": shadow.Applied, "P2": shadow.ApplyFailed} {
		r.open(order)
		id := r.write(shadow.Primary, order, insert(row(order, "19.99", "PAID")))
		r.take(shadow.Event{Kind: shadow.EventApplied, Apply: &shadow.Apply{WriteSet: id, Order: order, State: state}})
		r.close(order, shadow.Match, "")
	}
	got := r.settle()
	if got.Outcome != Inconclusive || len(got.Differences) != 1 || got.Differences[0].Order() != "P2" || got.Differences[0].Cause != shadow.CauseApply || got.Totals[window.Shadow][0].Count != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestMemoryIsBounded keeps few records and few reports: a difference that cannot be shown is an alert all the same.
func TestMemoryIsBounded(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxRecords, c.MaxReports = 10, 2 })
	for i := range 20 {
		r.pay(fmt.Sprint("P", i), "1.00", "1.01")
	}
	if got := r.settle(); got.Exact || got.Outcome != Money || len(r.Reports()) != 2 {
		t.Errorf("got %+v", got)
	}
	r.now = r.now.Add(25 * time.Hour)
	r.Advance(t.Context(), func() time.Time { return r.now })
	if len(r.orders)+len(r.keys)+len(r.told)+len(r.waiting)+len(r.books)+r.records > 0 {
		t.Errorf("%d orders, %d keys, %d write sets, %d waiting, %d books, %d records are kept for ever", len(r.orders), len(r.keys), len(r.told), len(r.waiting), len(r.books), r.records)
	}
}

package gate

import (
	"fmt"
	"testing"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// soundRun is a ledger of orders on which all sides agree, and their bookings.
func soundRun(t *testing.T, n int) (*comparer.Ledger, []comparer.Booking) {
	t.Helper()
	l, bookings := comparer.NewLedger(), []comparer.Booking{}
	for i := range n {
		id := fmt.Sprintf("P%d", i)
		e := shadow.Evidence{Sample: "s" + id, Order: id, Route: "pay", Creates: true, Verdict: shadow.Verdict{Outcome: shadow.Pending}}
		l.Apply(shadow.Event{ID: id + ":opened", Kind: shadow.EventOpened, Instance: "a", Evidence: &e})
		closed := e
		closed.Verdict.Outcome = shadow.Match
		l.Apply(shadow.Event{ID: id + ":closed", Kind: shadow.EventClosed, Instance: "a", Evidence: &closed})
		r := recon.Record{Channel: "wechat", Key: recon.Key{Kind: recon.KindPayment, ID: id}, Order: id, Amount: recon.Money{Minor: 100, Currency: "CNY"}, Status: recon.StatusSuccess}
		bookings = append(bookings, comparer.Booking{Order: id, Key: r.Key, Primary: &r, Shadow: &r, Channel: &r})
	}
	l.Apply(shadow.Event{ID: "tally", Kind: shadow.EventTally, Instance: "a", Tally: &shadow.Tally{Sampled: uint64(n), Closed: uint64(n), Final: true}})
	return l, bookings
}

func judge(t *testing.T, l *comparer.Ledger, bookings []comparer.Booking, scope comparer.Scope) *comparer.Judgement {
	t.Helper()
	joined, err := match.Join(t.Context(), side("primary", bookings, primaryOf), side("shadow", bookings, shadowOf), side("channel", bookings, channelOf))
	if err != nil {
		t.Fatal(err)
	}
	j, err := comparer.Judge(l, joined, scope)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestSeededFaultsAreFound(t *testing.T) {
	l, bookings := soundRun(t, 50)
	scope := comparer.Scope{ChannelFinal: true}
	before := judge(t, l, bookings, scope)
	probes, err := SelfTest(t.Context(), l, before, scope, policyOf(0.1))
	if err != nil || len(probes) != 3 {
		t.Fatalf("%v %v", probes, err)
	}
	for _, p := range probes {
		if !p.Found {
			t.Errorf("not found: %+v", p)
		}
	}
	after := judge(t, l, bookings, scope)
	if d := Decide(after, policyOf(0.1), Facts{}); d.Verdict != Pass || d.Judged != 50 || after.Bookings[0].Shadow.Amount != bookings[0].Shadow.Amount {
		t.Errorf("the seeded faults count as evidence: %+v", d)
	}
}

// A gate that cannot see a fault says so: with a statement that covers nothing, what is missing is never found.
func TestABlindGateIsFoundOut(t *testing.T) {
	l, bookings := soundRun(t, 3)
	scope := comparer.Scope{ChannelFinal: true}
	j := judge(t, l, bookings, scope)
	l.Apply(shadow.Event{ID: "taint", Kind: shadow.EventTaint, Instance: "a", Taint: &shadow.TaintNote{Order: "P0", Cause: shadow.CauseLost}}) // nothing about it counts any more
	probes, err := SelfTest(t.Context(), l, j, scope, policyOf(0.1))
	if err != nil || len(probes) != 3 {
		t.Fatalf("%v %v", probes, err)
	}
	for _, p := range probes {
		if p.Found {
			t.Errorf("found, where nothing counts: %+v", p)
		}
	}
}

func TestSelfTestWaitsForASoundOrder(t *testing.T) {
	l, bookings := soundRun(t, 1)
	bookings[0].Shadow = nil
	scope := comparer.Scope{ChannelFinal: true}
	if probes, err := SelfTest(t.Context(), l, judge(t, l, bookings, scope), scope, policyOf(0.1)); err != nil || probes != nil {
		t.Errorf("%v %v", probes, err)
	}
	l, bookings = soundRun(t, 1)
	bookings[0].Channel = nil
	scope = comparer.Scope{}
	if probes, err := SelfTest(t.Context(), l, judge(t, l, bookings, scope), scope, policyOf(0.1)); err != nil || len(probes) != 1 || !probes[0].Found {
		t.Errorf("without a statement: %v %v", probes, err)
	}
}

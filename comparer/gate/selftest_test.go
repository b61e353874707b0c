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
	joined, err := match.Join(t.Context(), side("primary", of(bookings, primaryOf)), side("shadow", of(bookings, shadowOf)), side("channel", of(bookings, channelOf)))
	if err != nil {
		t.Fatal(err)
	}
	j, err := comparer.Judge(l, joined, scope)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// selfTest gives no probes while there is no sound order.
func selfTest(t *testing.T, l *comparer.Ledger, j *comparer.Judgement, scope comparer.Scope, policy Policy) ([]Probe, error) {
	t.Helper()
	trial := NewTrial(l, j, scope, policy)
	if trial == nil {
		return nil, nil
	}
	return trial.SelfTest(t.Context())
}

func TestSeededFaultsAreFound(t *testing.T) {
	l, bookings := soundRun(t, 50)
	scope := comparer.Scope{ChannelFinal: true}
	before := judge(t, l, bookings, scope)
	probes, err := selfTest(t, l, before, scope, policyOf(0.1))
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
	probes, err := selfTest(t, l, j, scope, policyOf(0.1))
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
	if probes, err := selfTest(t, l, judge(t, l, bookings, scope), scope, policyOf(0.1)); err != nil || probes != nil {
		t.Errorf("%v %v", probes, err)
	}
	l, bookings = soundRun(t, 1)
	bookings[0].Channel = nil
	scope = comparer.Scope{}
	if probes, err := selfTest(t, l, judge(t, l, bookings, scope), scope, policyOf(0.1)); err != nil || len(probes) != 1 || !probes[0].Found {
		t.Errorf("without a statement: %v %v", probes, err)
	}
}

// TestACopyReadAgain: what was read again and is as it was agrees, and what differs is found, by what is asked for.
func TestACopyReadAgain(t *testing.T) {
	l, bookings := soundRun(t, 2)
	scope := comparer.Scope{ChannelFinal: true}
	trial := NewTrial(l, judge(t, l, bookings, scope), scope, policyOf(0.1))
	cent := trial.Shadow()
	cent[0].Amount.Minor++
	for name, c := range map[string]struct {
		seed  Seed
		found bool
	}{
		"unchanged":            {Seed{Want: trial.Sound(), Primary: trial.Primary(), Shadow: trial.Shadow(), Channel: trial.Channel()}, true},
		"a cent":               {Seed{Want: comparer.Regression, Stops: true, Primary: trial.Primary(), Shadow: cent, Channel: trial.Channel()}, true},
		"the reader hid it":    {Seed{Want: comparer.Regression, Stops: true, Primary: trial.Primary(), Shadow: trial.Shadow(), Channel: trial.Channel()}, false},
		"the channel lacks it": {Seed{Want: comparer.Common, Primary: trial.Primary(), Shadow: trial.Shadow()}, true},
		"it would not stop":    {Seed{Want: comparer.Common, Stops: true, Primary: trial.Primary(), Shadow: trial.Shadow()}, false},
	} {
		if p, err := trial.Try(t.Context(), c.seed); err != nil || p.Found != c.found {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

package comparer

import (
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// requested gives the events of one request of an order.
func requested(sample, order, route string, at time.Time, v shadow.Verdict, operations ...string) []shadow.Event {
	e := shadow.Evidence{Sample: sample, Order: order, Route: route, Creates: route == "pay", Amount: &recon.Money{Minor: 500, Currency: "CNY"}, Verdict: shadow.Verdict{Outcome: shadow.Pending}, Operations: operations}
	done := e
	done.Verdict = v
	return []shadow.Event{
		{ID: sample + ":opened", Kind: shadow.EventOpened, Instance: "a", Time: at, Evidence: &e},
		{ID: sample + ":closed", Kind: shadow.EventClosed, Instance: "a", Time: at, Evidence: &done},
	}
}

func TestStrataKeepRareOperationsApart(t *testing.T) {
	at := time.Unix(1000, 0)
	l := NewLedger()
	good := shadow.Verdict{Outcome: shadow.Match}
	call := shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{Place: shadow.InCall, Name: "notify", Field: "url", Kind: shadow.KindValue, Class: shadow.ClassPlain}}}
	apply(t, l, requested("1", "P1", "pay", at, good, "pay")...)
	apply(t, l, requested("2", "P2", "pay", at, good, "pay")...)
	apply(t, l, requested("3", "P2", "refund", at, call, "refund")...)
	apply(t, l, requested("4", "P3", "pay", at, shadow.Verdict{Outcome: shadow.Inconclusive, Cause: shadow.CauseTimeout})...)
	p := []string{"P1 P1 500", "P2 P2 500", "P3 P3 500", "R2 P2 100"}
	j, err := Judge(l, join(t, p, []string{"P1 P1 500", "P2 P2 500", "P3 P3 500", "R2 P2 99"}, p), Scope{ChannelFinal: true, Rows: map[string]Rows{"P1": {}, "P2": {Cause: "x"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Stratum{
		"books wechat payment": {Pairs: 3, Judged: 2, Inconclusive: 1},
		"books wechat refund":  {Pairs: 1, Judged: 1, Bad: 1, AtRisk: []recon.Money{{Minor: 100, Currency: "CNY"}}},
		"call pay pay":         {Pairs: 2, Judged: 2},
		"call pay":             {Pairs: 3, Judged: 2, Inconclusive: 1},
		"call refund":          {Pairs: 1, Judged: 1, Bad: 1, AtRisk: []recon.Money{{Minor: 500, Currency: "CNY"}}, Clusters: make([]Cluster, 1)},
		"call refund refund":   {Pairs: 1, Judged: 1},
		"response pay":         {Pairs: 3, Judged: 2, Inconclusive: 1},
		"response refund":      {Pairs: 1, Judged: 1},
		"rows":                 {Pairs: 2, Judged: 1, Inconclusive: 1},
	}
	for _, s := range j.Strata {
		w, ok := want[s.String()]
		if !ok || s.Pairs != w.Pairs || s.Judged != w.Judged || s.Bad != w.Bad || s.Inconclusive != w.Inconclusive || len(s.AtRisk) != len(w.AtRisk) || len(s.Clusters) != len(w.Clusters) || (len(w.AtRisk) > 0 && s.AtRisk[0] != w.AtRisk[0]) {
			t.Errorf("%s: got %+v, want %+v", s, s, w)
		}
		delete(want, s.String())
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestAFixIsNotBad(t *testing.T) {
	l := NewLedger()
	cent := shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{Place: shadow.InResponse, Field: "amount", Class: shadow.ClassMoney, Kind: shadow.KindValue}}}
	apply(t, l, requested("1", "P1", "pay", time.Unix(1000, 0), cent)...)
	j, err := Judge(l, join(t, []string{"P1 P1 99"}, []string{"P1 P1 100"}, []string{"P1 P1 100"}), Scope{ChannelFinal: true})
	if err != nil || len(j.Strata) != 3 {
		t.Fatal(j, err)
	}
	for _, s := range j.Strata {
		if s.Judged != 1 || s.Bad != 0 || s.Fix != 1 {
			t.Errorf("%s: %+v", s, s)
		}
	}
}

// While the run goes on, the two sides of an order need not agree yet.
func TestWhatIsNotSettledIsPending(t *testing.T) {
	settled := time.Unix(1000, 0)
	good := shadow.Verdict{Outcome: shadow.Match}
	for name, c := range map[string]struct {
		at    time.Time
		open  bool
		scope Scope
		class Class
		cause string
	}{
		"settled":                  {settled.Add(-time.Second), false, Scope{Settled: settled}, Regression, ""},
		"there was word later":     {settled.Add(time.Second), false, Scope{Settled: settled}, Inconclusive, "pending"},
		"the run is over":          {settled.Add(time.Second), false, Scope{}, Regression, ""},
		"it still runs":            {settled.Add(-time.Second), true, Scope{Settled: settled, Abandoned: settled.Add(-time.Minute)}, Inconclusive, "pending"},
		"nobody waits for it":      {settled.Add(-time.Hour), true, Scope{Settled: settled, Abandoned: settled.Add(-time.Minute)}, Inconclusive, shadow.CauseLost},
		"before the evidence":      {settled.Add(-time.Minute), false, Scope{Settled: settled, Since: settled.Add(-time.Second)}, "", ""},
		"after the evidence began": {settled.Add(-time.Second), false, Scope{Settled: settled, Since: settled.Add(-time.Minute)}, Regression, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.scope.ChannelFinal = true
			l := NewLedger()
			events := requested("1", "P1", "pay", c.at, good)
			if c.open {
				events = events[:1]
			}
			apply(t, l, events...)
			j, err := Judge(l, join(t, []string{"P1 P1 100"}, []string{"P1 P1 99"}, []string{"P1 P1 100"}), c.scope)
			if err != nil {
				t.Fatal(err)
			}
			if c.class == "" {
				if len(j.Orders) != 0 || len(j.Findings) != 0 {
					t.Errorf("what was before counts: %+v %+v", j.Orders, j.Findings)
				}
				return
			}
			if o := j.Orders[0]; o.Class != c.class || o.Cause != c.cause || (c.cause == "pending") != (j.Pending == 1) {
				t.Errorf("got %+v, %d pending", o, j.Pending)
			}
		})
	}
}

func TestARunEndsWithItsLastSidecar(t *testing.T) {
	if NewLedger().Ended() {
		t.Error("it has not begun")
	}
	l := ledgerOf(t, "P1")
	if !l.Ended() {
		t.Error("its sidecar has drained")
	}
	apply(t, l, shadow.Event{ID: "b", Kind: shadow.EventTally, Instance: "b", Tally: &shadow.Tally{}})
	if l.Ended() {
		t.Error("sidecar b still runs")
	}
}

func TestASidecarIsBehindUntilItSaysSomethingLater(t *testing.T) {
	at := time.Unix(1000, 0)
	quiet := at.Add(-time.Minute)
	l := NewLedger()
	tally := func(n int, instance string, when time.Time, final bool) {
		late := when.Add(-24 * time.Hour) // by its own clock, which is not asked
		apply(t, l, shadow.Event{ID: instance + string(rune('0'+n)), Kind: shadow.EventTally, Instance: instance, Time: late, Tally: &shadow.Tally{Final: final}})
		l.Arrived(instance, when)
	}
	tally(1, "a", at.Add(time.Second), false)
	tally(1, "b", at.Add(-time.Second), true) // it has drained
	tally(1, "c", at.Add(-time.Hour), false)  // it was killed
	if late := l.Behind(at, quiet); len(late) > 0 {
		t.Errorf("everybody who runs has spoken: %v", late)
	}
	tally(1, "d", at.Add(-time.Second), false)
	if late := l.Behind(at, quiet); len(late) != 1 || late[0] != "d" {
		t.Errorf("d may have seen something before: %v", late)
	}
	tally(2, "d", at, false)
	if late := l.Behind(at, quiet); len(late) > 0 {
		t.Errorf("d has spoken since: %v", late)
	}
}

package comparer

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// told are the events of one sample at a sidecar, opened and closed at these seconds.
func told(instance, sample string, opened, closed int, v shadow.Verdict) []shadow.Event {
	begin, end := pairOf(sample, "P1", v)
	begin.Instance, end.Instance = instance, instance
	begin.Evidence.Creates, end.Evidence.Creates = sample == "create", sample == "create"
	begin.Time, end.Time = time.Unix(int64(opened), 0), time.Unix(int64(closed), 0)
	return []shadow.Event{begin, end}
}

func ranAt(events []shadow.Event, second int) []shadow.Event {
	at := time.Unix(int64(second), 0)
	events[1].Evidence.Ran = &at
	return events
}

func TestWhatDoesNotHoldIsHeldAgainstNobody(t *testing.T) {
	match, bad := shadow.Verdict{Outcome: shadow.Match}, shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{Field: "amount", Class: shadow.ClassMoney}}}
	dropped := shadow.Verdict{Outcome: shadow.Dropped, Cause: shadow.ReasonQueueFull}
	leftOut := shadow.Verdict{Outcome: shadow.Excluded, Cause: shadow.RuleNotBornGray}
	void := []shadow.Event{{ID: "v", Kind: shadow.EventTaint, Instance: "b", Taint: &shadow.TaintNote{Sample: "refund", Cause: shadow.CauseGuard}}}
	for name, c := range map[string]struct {
		events     [][]shadow.Event
		outcome    shadow.Outcome // of the refund
		cause      string
		taint      string
		mismatches int
	}{
		"one after the other":           {[][]shadow.Event{told("a", "create", 1, 2, match), told("b", "refund", 3, 4, bad)}, shadow.Mismatched, "", "", 1},
		"one sidecar orders by itself":  {[][]shadow.Event{told("a", "create", 1, 5, match), told("a", "refund", 3, 6, bad)}, shadow.Mismatched, "", "", 1},
		"overtaken at another sidecar":  {[][]shadow.Event{told("a", "create", 1, 5, match), told("b", "refund", 3, 4, bad)}, shadow.Inconclusive, shadow.CauseOrder, shadow.CauseOrder, 0},
		"waited for the other sidecar":  {[][]shadow.Event{told("a", "create", 1, 5, match), ranAt(told("b", "refund", 3, 8, bad), 6)}, shadow.Mismatched, "", "", 1},
		"overtook at another sidecar":   {[][]shadow.Event{told("b", "refund", 1, 8, bad), ranAt(told("a", "later", 3, 5, dropped), 4)}, shadow.Inconclusive, shadow.CauseOrder, shadow.ReasonQueueFull, 0},
		"killed before it told":         {[][]shadow.Event{told("b", "refund", 1, 8, bad), told("a", "later", 3, 5, match)[:1]}, shadow.Inconclusive, shadow.CauseOrder, shadow.CauseOrder, 0},
		"killed, begun after the end":   {[][]shadow.Event{told("b", "refund", 1, 2, bad), told("a", "later", 3, 5, match)[:1]}, shadow.Mismatched, "", "", 1},
		"after one that overtook":       {[][]shadow.Event{told("a", "create", 1, 5, match), told("b", "other", 2, 4, bad), told("b", "refund", 6, 7, bad)}, shadow.Inconclusive, shadow.CauseTainted, shadow.CauseOrder, 0},
		"a match that overtook":         {[][]shadow.Event{told("a", "create", 1, 5, match), told("b", "refund", 3, 4, match)}, shadow.Inconclusive, shadow.CauseOrder, shadow.CauseOrder, 0},
		"broken at another sidecar":     {[][]shadow.Event{told("a", "create", 1, 2, dropped), told("b", "refund", 3, 4, bad)}, shadow.Inconclusive, shadow.CauseTainted, shadow.ReasonQueueFull, 0},
		"a mismatch before stands":      {[][]shadow.Event{told("a", "create", 1, 2, bad), told("b", "refund", 3, 4, dropped)}, shadow.Dropped, shadow.ReasonQueueFull, shadow.ReasonQueueFull, 1},
		"recordings lost, told after":   {[][]shadow.Event{told("a", "create", 1, 2, match), told("a", "refund", 3, 4, bad), void}, shadow.Inconclusive, shadow.CauseGuard, shadow.CauseGuard, 0},
		"recordings lost, told before":  {[][]shadow.Event{void, told("a", "create", 1, 2, match), told("a", "refund", 3, 4, match)}, shadow.Inconclusive, shadow.CauseGuard, shadow.CauseGuard, 0},
		"after one that was left out":   {[][]shadow.Event{told("a", "create", 1, 2, match), told("b", "other", 3, 4, leftOut), told("b", "refund", 5, 6, bad)}, shadow.Inconclusive, shadow.CauseMembership, shadow.CauseMembership, 0},
		"left out where nobody knew it": {[][]shadow.Event{told("a", "create", 1, 2, match), told("b", "refund", 3, 4, leftOut)}, shadow.Excluded, shadow.RuleNotBornGray, shadow.CauseMembership, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			for _, events := range c.events {
				apply(t, l, events...)
			}
			if outcome, cause := l.bucket(l.samples["refund"]); outcome != c.outcome || cause != c.cause {
				t.Errorf("the refund is %s(%s)", outcome, cause)
			}
			if o := l.Orders()[0]; o.Taint != c.taint || len(o.Mismatches) != c.mismatches {
				t.Errorf("the order: %+v", o)
			}
			if n := l.Counts().Sampled; n != len(l.samples) || n < 2 {
				t.Errorf("%d samples", n)
			}
		})
	}
}

func TestSidecarsThatShareNothingMustNotRunBesideEachOther(t *testing.T) {
	tally := func(instance string, at int, alone bool) shadow.Event {
		return shadow.Event{ID: instance + time.Unix(int64(at), 0).String(), Kind: shadow.EventTally, Instance: instance, Time: time.Unix(int64(at), 0), Tally: &shadow.Tally{Alone: alone}}
	}
	for name, c := range map[string]struct {
		alone  bool
		second int // when the second one begins
		want   bool
	}{"beside, alone": {true, 3, false}, "beside, sharing": {false, 3, true}, "after the other": {true, 7, true}} {
		l := NewLedger()
		apply(t, l, tally("a", 1, c.alone), tally("a", 5, c.alone), tally("b", c.second, c.alone), tally("b", 9, c.alone))
		if got := l.Counts(); got.Balanced() != c.want || (!c.want && !strings.Contains(got.Problems[0], "bus.share")) {
			t.Errorf("%s: %q", name, got.Problems)
		}
	}
}

// TestAnExcerptStaysAsItIs whatever the ledger hears afterwards.
func TestAnExcerptStaysAsItIs(t *testing.T) {
	l := ledgerOf(t, "P1", "P2")
	add := func(id string, side shadow.Side, by string) {
		st := shadow.Statement{Table: "balances", Deltas: []shadow.Delta{{Row: "1", Column: "amount", By: by}}}
		apply(t, l, shadow.Event{ID: id, Kind: shadow.EventWriteSet, Instance: "a", WriteSet: &shadow.WriteSet{ID: id, Order: "P1", Side: side, Outcome: shadow.Committed, Statements: []shadow.Statement{st}}})
	}
	add("1", shadow.Primary, "1")
	add("2", shadow.Shadow, "1")
	before := l.Excerpt("P1")
	want := before.Orders()
	if !reflect.DeepEqual(want, l.Orders()[:1]) {
		t.Fatalf("got %+v, the ledger has %+v", want, l.Orders()[:1])
	}
	apply(t, l, shadow.Event{ID: "taint", Kind: shadow.EventTaint, Instance: "a", Taint: &shadow.TaintNote{Order: "P1", Cause: "drop"}})
	add("3", shadow.Shadow, "2")
	if got := before.Orders(); !reflect.DeepEqual(got, want) || reflect.DeepEqual(l.Orders()[:1], want) {
		t.Errorf("got %+v, wanted %+v; the ledger has %+v", got, want, l.Orders()[:1])
	}
	if n := len(l.Excerpt("P9").Orders()); n != 0 {
		t.Errorf("%d orders of one that nobody knows", n)
	}
}

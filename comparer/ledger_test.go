package comparer

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func pairOf(sample, order string, v shadow.Verdict) (opened, closed shadow.Event) {
	e := shadow.Evidence{Sample: sample, Order: order, Verdict: shadow.Verdict{Outcome: shadow.Pending}}
	done := e
	done.Verdict = v
	return shadow.Event{ID: sample + ":opened", Kind: shadow.EventOpened, Instance: "a", Evidence: &e},
		shadow.Event{ID: sample + ":closed", Kind: shadow.EventClosed, Instance: "a", Evidence: &done}
}

func TestEverySampleIsInExactlyOneBucket(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	l := NewLedger()
	want, n := map[shadow.Outcome]int{}, 500
	var events []shadow.Event
	for i := range n {
		outcome := shadow.Outcomes()[rng.IntN(6)]
		opened, closed := pairOf(fmt.Sprint(i), fmt.Sprintf("O%d", i), shadow.Verdict{Outcome: outcome})
		events = append(events, opened)
		if outcome != shadow.Pending {
			events = append(events, closed)
		}
		want[outcome]++
	}
	events = append(events, events[:100]...) // redelivered
	rng.Shuffle(len(events), func(a, b int) { events[a], events[b] = events[b], events[a] })
	apply(t, l, events...)
	c := l.Counts()
	sum := 0
	for outcome, count := range c.Outcomes {
		if count != want[outcome] {
			t.Errorf("%s: %d, want %d", outcome, count, want[outcome])
		}
		sum += count
	}
	if sum != n || c.Sampled != n {
		t.Errorf("sampled %d, buckets %d, want %d", c.Sampled, sum, n)
	}
}

func TestLedgerThatDoesNotAddUpSaysSo(t *testing.T) {
	opened, closed := pairOf("s1", "P1", shadow.Verdict{Outcome: shadow.Match})
	tally := func(x shadow.Tally) shadow.Event {
		return shadow.Event{ID: "t", Kind: shadow.EventTally, Instance: "a", Tally: &x}
	}
	for name, c := range map[string]struct {
		events []shadow.Event
		want   string // part of the problem; "" = balanced
	}{
		"balanced":            {[]shadow.Event{opened, closed, tally(shadow.Tally{Sampled: 1, Closed: 1, Final: true})}, ""},
		"more since the last": {[]shadow.Event{tally(shadow.Tally{}), opened, closed}, ""},
		"no tally":            {[]shadow.Event{opened, closed}, "has not told"},
		"an event was lost":   {[]shadow.Event{opened, closed, tally(shadow.Tally{Sampled: 1, Closed: 1, Lost: 1})}, "lost 1"},
		"opened is missing":   {[]shadow.Event{closed, tally(shadow.Tally{Sampled: 1, Closed: 1})}, "never opened"},
		"closed is missing":   {[]shadow.Event{opened, tally(shadow.Tally{Sampled: 1, Closed: 1})}, "0 closed arrived"},
		"write set missing":   {[]shadow.Event{tally(shadow.Tally{WriteSets: 2})}, "0 write sets arrived"},
		"stray after final":   {[]shadow.Event{opened, closed, tally(shadow.Tally{Final: true})}, "1 opened arrived"},
		"loose taint":         {[]shadow.Event{tally(shadow.Tally{}), {ID: "x", Kind: shadow.EventTaint, Instance: "a", Taint: &shadow.TaintNote{Cause: shadow.CauseNoKey}}}, "no known order"},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			apply(t, l, c.events...)
			got := l.Counts()
			if got.Balanced() != (c.want == "") || !strings.Contains(strings.Join(got.Problems, "\n"), c.want) {
				t.Errorf("problems %q, want %q", got.Problems, c.want)
			}
		})
	}
}

func TestWriteSetsThatDoNotArriveTakeTheMatchBack(t *testing.T) {
	state := func(id string, s shadow.ApplyState) shadow.Event {
		return shadow.Event{ID: fmt.Sprintf("w%s:%s", id, s), Kind: shadow.EventApplied, Instance: "a", Apply: &shadow.Apply{WriteSet: id, Order: "P1", State: s}}
	}
	for name, c := range map[string]struct {
		events []shadow.Event
		want   shadow.Outcome
	}{
		"applied":               {[]shadow.Event{state("1", shadow.ApplyPending), state("1", shadow.Applied)}, shadow.Match},
		"pending":               {[]shadow.Event{state("1", shadow.ApplyPending)}, shadow.Pending},
		"end told first":        {[]shadow.Event{state("1", shadow.Applied), state("1", shadow.ApplyPending)}, shadow.Match},
		"one of two is pending": {[]shadow.Event{state("1", shadow.Applied), state("2", shadow.ApplyPending)}, shadow.Pending},
		"failed":                {[]shadow.Event{state("1", shadow.ApplyPending), state("1", shadow.ApplyFailed)}, shadow.Inconclusive},
		"dropped":               {[]shadow.Event{state("1", shadow.ApplyDropped)}, shadow.Inconclusive},
		"unknown commit": {[]shadow.Event{{ID: "w", Kind: shadow.EventWriteSet, Instance: "a",
			WriteSet: &shadow.WriteSet{ID: "w", Order: "P1", Outcome: shadow.CommitUnknown}}}, shadow.Inconclusive},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLedger()
			opened, closed := pairOf("s1", "P1", shadow.Verdict{Outcome: shadow.Match})
			apply(t, l, append([]shadow.Event{opened, closed}, c.events...)...)
			if got := l.Counts().Outcomes[c.want]; got != 1 {
				t.Errorf("got %v, want one %s", l.Counts().Outcomes, c.want)
			}
		})
	}
}

func TestNonsenseEventsKeepTheLedgerFromBalancing(t *testing.T) {
	opened, closed := pairOf("s1", "P1", shadow.Verdict{Outcome: shadow.Match})
	again := closed
	again.ID = "other"
	pending, _ := pairOf("s1", "P1", shadow.Verdict{})
	pending.ID, pending.Kind = "pending", shadow.EventClosed
	tally := shadow.Event{ID: "t", Kind: shadow.EventTally, Instance: "a", Tally: &shadow.Tally{}}
	for name, bad := range map[string]shadow.Event{
		"no id":         {Kind: shadow.EventOpened, Instance: "a"},
		"nothing in it": {ID: "1", Kind: shadow.EventOpened, Instance: "a"},
		"unknown kind":  {ID: "2", Kind: "other", Instance: "a"},
		"closed twice":  again,
		"still pending": pending,
	} {
		l := NewLedger()
		apply(t, l, tally, opened, closed)
		if c := l.Counts(); !c.Balanced() {
			t.Fatalf("unbalanced before: %v", c.Problems)
		}
		apply(t, l, bad)
		if c := l.Counts(); c.Balanced() || c.Outcomes[shadow.Match] != 1 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

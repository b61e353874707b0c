package proxy

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// byLength is a comparer that cannot compare what was cut off.
type byLength struct{}

func (byLength) Compare(p shadow.Pair) (shadow.Verdict, []shadow.Binding) {
	if p.Shadow.Response.Truncated {
		return shadow.Verdict{Outcome: shadow.Inconclusive, Cause: shadow.CauseTruncated}, nil
	}
	return shadow.Verdict{Outcome: shadow.Match}, nil
}

// The rig's answers have 21 bytes.
func TestRunsWhoseAnswersAreTooLongAreHeldBack(t *testing.T) {
	r := newRig(t, func(c *Config, d *Deps) { c.Limits.MaxBody, d.Comparer = 10, byLength{} })
	const requests = tooLongInARow + 3
	for i := range requests {
		r.do("POST", fmt.Sprint("/any/x?order=", i), "x")
		r.verdicts(i + 1)
	}
	for i, v := range r.verdicts(requests) {
		want := "inconclusive(truncated)"
		if i >= tooLongInARow {
			want = "dropped(body-too-large)"
		}
		if v != want {
			t.Errorf("run %d: %s, want %s", i, v, want)
		}
	}
	if n := len(r.candidate.asked()); n != tooLongInARow {
		t.Errorf("the candidate was asked %d times, want %d", n, tooLongInARow)
	}
	time.Sleep(lengthLook + 100*time.Millisecond)
	for i := range 2 {
		r.do("POST", fmt.Sprint("/any/x?order=later", i), "x")
		r.verdicts(requests + i + 1)
	}
	if got := r.verdicts(requests + 2)[requests:]; got[0] != "inconclusive(truncated)" || got[1] != "dropped(body-too-large)" {
		t.Errorf("after a while %v, want one run that looks and then none", got)
	}
}

func TestRunsGoOnAfterOneThatIsComparable(t *testing.T) {
	l := newLengths()
	tell := func(v shadow.Verdict) bool {
		judged, ok := l.allow()
		if ok {
			judged(v)
		}
		return ok
	}
	tooLong := inconclusive(shadow.CauseTruncated)
	for name, other := range map[string]shadow.Verdict{
		"match": {Outcome: shadow.Match}, "mismatch": {Outcome: shadow.Mismatched}, "timeout": inconclusive(shadow.CauseTimeout), "panic": {},
	} {
		for i := range 3 * tooLongInARow {
			v := tooLong
			if i%tooLongInARow == tooLongInARow-1 {
				v = other
			}
			if !tell(v) {
				t.Fatalf("%s: run %d was held back, though not %d in a row were too long", name, i, tooLongInARow)
			}
		}
	}
	for range tooLongInARow {
		tell(tooLong)
	}
	if tell(tooLong) {
		t.Fatal("nothing was held back")
	}
	time.Sleep(lengthLook + 50*time.Millisecond)
	looking, ok := l.allow()
	if _, second := l.allow(); !ok || second {
		t.Fatalf("one run goes and looks: %v, a second beside it: %v", ok, second)
	}
	looking(shadow.Verdict{Outcome: shadow.Match})
	for range 3 {
		if !tell(shadow.Verdict{Outcome: shadow.Match}) {
			t.Fatal("runs are held back though they can be compared again")
		}
	}
}

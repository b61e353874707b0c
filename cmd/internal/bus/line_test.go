package bus

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestLinesAreWhatJSONWouldWrite(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	texts := []string{"", "P1", "pay-0-1234", "a b", "支付", `q"uote`, "<tag>", "a&b", "back\\slash", "tab\t", "del\x7f", "\xff", "~!#"}
	text := func() string {
		if random.IntN(8) > 0 {
			return texts[random.IntN(4)]
		}
		return texts[random.IntN(len(texts))]
	}
	zones := []*time.Location{time.UTC, time.FixedZone("CST", 8*3600), time.FixedZone("odd", 8*3600+1), time.FixedZone("west", -(9*3600 + 30*60))}
	at := func() time.Time {
		return time.Unix(random.Int64N(4e9), random.Int64N(3)*random.Int64N(1e9)).In(zones[random.IntN(len(zones))])
	}
	written := 0
	for range 20_000 {
		e := shadow.Event{ID: "id" + text(), Kind: shadow.EventClosed, Instance: text(), Time: at(), Evidence: &shadow.Evidence{
			Sample: text(), Release: text(), Order: text(), Route: text(), Creates: random.IntN(2) == 0, TraceID: text(),
			Verdict: shadow.Verdict{Outcome: shadow.Match, Cause: text()},
		}}
		if random.IntN(2) == 0 {
			e.Evidence.Amount = &recon.Money{Minor: random.Int64N(1e6), Currency: "CNY"}
		}
		if random.IntN(2) == 0 {
			ran := at()
			e.Evidence.Ran = &ran
		}
		for range random.IntN(3) {
			e.Evidence.Operations = append(e.Evidence.Operations, text())
		}
		want, err := json.Marshal(e)
		got, ok := appendLine(nil, e)
		if ok {
			written++
		}
		if ok && (err != nil || string(got) != string(want)) {
			t.Fatalf("got  %s\nwant %s (%v)", got, want, err)
		}
	}
	if written < 2000 {
		t.Errorf("only %d lines were written at all", written)
	}
	x := &shadow.Exchange{}
	for name, e := range map[string]shadow.Event{
		"no evidence": {ID: "a", Kind: shadow.EventTally, Tally: &shadow.Tally{}},
		"exchange":    {ID: "a", Evidence: &shadow.Evidence{Primary: x}}, "shadow": {ID: "a", Evidence: &shadow.Evidence{Shadow: x}},
		"calls":      {ID: "a", Evidence: &shadow.Evidence{Calls: []shadow.Call{{}}}},
		"bindings":   {ID: "a", Evidence: &shadow.Evidence{Bindings: []shadow.Binding{{}}}},
		"mismatches": {ID: "a", Evidence: &shadow.Evidence{Verdict: shadow.Verdict{Mismatches: []shadow.Mismatch{{}}}}},
		"far future": {ID: "a", Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Evidence: &shadow.Evidence{}},
	} {
		if _, ok := appendLine(nil, e); ok {
			t.Errorf("%s was written as a line", name)
		}
	}
}

// A field that is added to an event must be written too: this fails until somebody looks.
func TestLineKnowsEveryField(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		want  int
	}{"event": {shadow.Event{}, 10}, "evidence": {shadow.Evidence{}, 14}, "verdict": {shadow.Verdict{}, 3}} {
		if n := reflect.TypeOf(c.value).NumField(); n != c.want {
			t.Errorf("%s has %d fields, appendLine was written for %d", name, n, c.want)
		}
	}
}

package comparer

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestSameDifferenceIsOneFinding(t *testing.T) {
	l := NewLedger()
	price := func(i int) shadow.Mismatch {
		return shadow.Mismatch{Place: shadow.InResponse, Name: "pay", Field: fmt.Sprintf("items.%d.price", i), Kind: shadow.KindValue, Class: shadow.ClassMoney, Expected: "29", Actual: "28"}
	}
	note := shadow.Mismatch{Place: shadow.InResponse, Name: "pay", Field: "note", Kind: shadow.KindMissing, Class: shadow.ClassPlain}
	tell := func(i int, instance string, found ...shadow.Mismatch) {
		opened, closed := pairOf(fmt.Sprint("s", i), fmt.Sprint("P", i/2), shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: found})
		opened.Time, closed.Time = time.Unix(int64(i), 0), time.Unix(int64(i), 1)
		opened.Instance, closed.Instance = instance, instance
		opened.Evidence.Route, closed.Evidence.Route = "pay", "pay"
		apply(t, l, opened, closed)
	}
	for i := range 10 {
		tell(i, "a", price(i), note, note)
	}
	void := shadow.Event{ID: "v", Kind: shadow.EventTaint, Instance: "a", Taint: &shadow.TaintNote{Sample: "s9", Cause: shadow.CauseGuard}}
	apply(t, l, void)
	got := l.Clusters()
	if len(got) != 2 {
		t.Fatalf("%d findings: %+v", len(got), got)
	}
	money, plain := got[0], got[1] // the hard one first, though the other is more frequent
	if money.Field != "items.*.price" || money.Count != 9 || money.Orders != 5 || !money.First.Equal(time.Unix(0, 1)) || !money.Last.Equal(time.Unix(8, 1)) {
		t.Errorf("got %+v", money)
	}
	if len(money.Examples) != maxExamples || money.Examples[0] != (Example{Order: "P0", Sample: "s0", Expected: "29", Actual: "28"}) {
		t.Errorf("examples %+v", money.Examples)
	}
	if plain.Field != "note" || plain.Count != 18 || plain.Kind != shadow.KindMissing {
		t.Errorf("got %+v", plain)
	}
}

func TestFindingsAreBounded(t *testing.T) {
	l := NewLedger()
	for i := range maxClusters + 50 {
		opened, closed := pairOf(fmt.Sprint("s", i), "P1", shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{Name: "pay", Field: fmt.Sprint("f", i)}}})
		apply(t, l, opened, closed)
	}
	got := l.Clusters()
	if len(got) != maxClusters+1 {
		t.Fatalf("%d findings", len(got))
	}
	total := 0
	for _, c := range got {
		total += c.Count
	}
	if total != maxClusters+50 || got[0].Name != "others" || got[0].Count != 50 {
		t.Errorf("%d differences, the first finding is %+v", total, got[0])
	}
}

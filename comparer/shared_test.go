package comparer

import (
	"testing"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestSharedRowsAreComparedByWhatAnOrderAdds(t *testing.T) {
	set := func(id string, side shadow.Side, by ...string) shadow.Event {
		ws := shadow.WriteSet{ID: id, Side: side, Order: "A", Outcome: shadow.Committed}
		for _, b := range by {
			ws.Statements = append(ws.Statements, shadow.Statement{Table: "balances", Deltas: []shadow.Delta{{Row: "id=7", Column: "amount", By: b}}})
		}
		return shadow.Event{ID: id, Kind: shadow.EventWriteSet, Instance: "a", WriteSet: &ws}
	}
	opened, closed := pairOf("s", "A", shadow.Verdict{Outcome: shadow.Match})
	_, dropped := pairOf("s", "A", shadow.Verdict{Outcome: shadow.Dropped, Cause: shadow.CauseTimeout})
	for name, c := range map[string]struct {
		events []shadow.Event
		want   string // what the shadow added; "" = no difference
	}{
		"alike, in other steps":   {[]shadow.Event{opened, closed, set("1", shadow.Primary, "10.00"), set("2", shadow.Shadow, "7.5", "2.50")}, ""},
		"nothing net":             {[]shadow.Event{opened, closed, set("1", shadow.Shadow, "10", "-10.00")}, ""},
		"a cent less":             {[]shadow.Event{opened, closed, set("1", shadow.Primary, "10.00"), set("2", shadow.Shadow, "9.99")}, "added 9.99"},
		"the other sign":          {[]shadow.Event{opened, closed, set("1", shadow.Primary, "-3"), set("2", shadow.Shadow, "3")}, "added 3"},
		"not at all":              {[]shadow.Event{opened, closed, set("1", shadow.Primary, "10.00")}, "added 0"},
		"told twice":              {[]shadow.Event{opened, closed, set("1", shadow.Primary, "5"), set("1", shadow.Primary, "5"), set("2", shadow.Shadow, "5")}, ""},
		"the shadow run goes on":  {[]shadow.Event{opened, set("1", shadow.Primary, "10.00")}, ""},
		"the shadow run was lost": {[]shadow.Event{opened, dropped, set("1", shadow.Primary, "10.00")}, ""},
	} {
		l := NewLedger()
		apply(t, l, c.events...)
		found := l.Orders()[0].Data
		switch {
		case c.want == "" && len(found) > 0:
			t.Errorf("%s: %+v", name, found)
		case c.want != "" && (len(found) != 1 || found[0].Actual != c.want || found[0].Name != "balances" || !found[0].Class.Hard()):
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestWriteThatCannotBeJudgedTaintsItsOrder(t *testing.T) {
	opened, closed := pairOf("s", "A", shadow.Verdict{Outcome: shadow.Match})
	l := NewLedger()
	apply(t, l, opened, closed, shadow.Event{ID: "1", Kind: shadow.EventWriteSet, Instance: "a", WriteSet: &shadow.WriteSet{ID: "1", Order: "A", Outcome: shadow.Committed, Cause: shadow.CauseUnkeyedTable}})
	if got := l.Orders()[0].Taint; got != shadow.CauseUnkeyedTable {
		t.Errorf("taint %q", got)
	}
	if n := l.Counts().Outcomes[shadow.Inconclusive]; n != 1 {
		t.Errorf("%d samples are inconclusive", n)
	}
}

package comparer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// book makes a record from "id order fen [status]"; refunds have ids that begin with R.
func book(t *testing.T, text string) recon.Record {
	t.Helper()
	var id, order, status string
	var fen int64
	if n, err := fmt.Sscan(text+" success", &id, &order, &fen, &status); n < 4 {
		t.Fatalf("%q: %v", text, err)
	}
	kind := recon.KindPayment
	if strings.HasPrefix(id, "R") {
		kind = recon.KindRefund
	}
	return recon.Record{
		Channel: "wechat", Key: recon.Key{Kind: kind, ID: id}, Order: order,
		Amount: recon.Money{Minor: fen, Currency: "CNY"}, Status: recon.Status(status), Origin: recon.Origin{Table: "t", Row: id},
	}
}

func sideOf(t *testing.T, name string, lines []string) match.Side {
	records := []recon.Record{}
	for _, l := range lines {
		records = append(records, book(t, l))
	}
	return match.Side{Name: name, Records: func(yield func(recon.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}}
}

func join(t *testing.T, p, s, c []string) *match.Joined {
	t.Helper()
	j, err := match.Join(t.Context(), sideOf(t, "primary", p), sideOf(t, "shadow", s), sideOf(t, "channel", c))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// ledgerOf holds one matched creating request for each order.
func ledgerOf(t *testing.T, orders ...string) *Ledger {
	t.Helper()
	l := NewLedger()
	for i, id := range orders {
		e := shadow.Evidence{Sample: fmt.Sprintf("s%d", i), Order: id, Creates: true, Verdict: shadow.Verdict{Outcome: shadow.Pending}}
		apply(t, l, shadow.Event{ID: e.Sample + ":opened", Kind: shadow.EventOpened, Instance: "a", Evidence: &e})
		closed := e
		closed.Verdict.Outcome = shadow.Match
		apply(t, l, shadow.Event{ID: e.Sample + ":closed", Kind: shadow.EventClosed, Instance: "a", Evidence: &closed})
	}
	n := uint64(len(orders))
	apply(t, l, shadow.Event{ID: "tally", Kind: shadow.EventTally, Instance: "a", Tally: &shadow.Tally{Sampled: n, Closed: n, Final: true}})
	return l
}

func apply(t *testing.T, l *Ledger, events ...shadow.Event) {
	t.Helper()
	for _, ev := range events {
		l.Apply(ev)
	}
}

func TestThreeWayClasses(t *testing.T) {
	for name, c := range map[string]struct {
		p, s, c []string
		want    Class
		finding string // "break field expected actual", "" = none
	}{
		"all agree":                 {[]string{"P1 P1 100"}, []string{"P1 P1 100"}, []string{"P1 P1 100"}, Agree, ""},
		"candidate loses a cent":    {[]string{"P1 P1 100"}, []string{"P1 P1 99"}, []string{"P1 P1 100"}, Regression, "amount-mismatch amount 1.00 0.99"},
		"candidate lacks it":        {[]string{"P1 P1 100"}, nil, []string{"P1 P1 100"}, Regression, "missing-in-shadow presence 1.00 absent"},
		"candidate books once more": {[]string{"P1 P1 100"}, []string{"P1 P1 100", "P1 P1 100"}, []string{"P1 P1 100"}, Regression, "duplicate occurrence absent 1.00"},
		"only the candidate has it": {nil, []string{"P1 P1 100"}, nil, Regression, "only-in-shadow presence absent 1.00"},
		"stable is wrong":           {[]string{"P1 P1 99"}, []string{"P1 P1 100"}, []string{"P1 P1 100"}, Fix, "amount-mismatch amount 1.00 0.99"},
		"stable lacks it":           {nil, []string{"P1 P1 100"}, []string{"P1 P1 100"}, Fix, "missing-internally presence 1.00 absent"},
		"only stable has it":        {[]string{"P1 P1 100"}, nil, nil, Fix, "only-internally presence absent 1.00"},
		"channel differs":           {[]string{"P1 P1 100"}, []string{"P1 P1 100"}, []string{"P1 P1 101"}, Common, "amount-mismatch amount 1.00 1.01"},
		"channel lacks it":          {[]string{"P1 P1 100"}, []string{"P1 P1 100"}, nil, Common, "missing-at-channel presence 1.00 absent"},
		"only the channel has it":   {nil, nil, []string{"P1 P1 100"}, Common, "only-at-channel presence absent 1.00"},
		"channel twice":             {[]string{"P1 P1 100"}, []string{"P1 P1 100"}, []string{"P1 P1 100", "P1 P1 100"}, Common, "duplicate occurrence absent 1.00"},
		"all differ":                {[]string{"P1 P1 1"}, []string{"P1 P1 2"}, []string{"P1 P1 3"}, Conflict, "amount-mismatch amount 0.01 0.02"},
		"two differ, one lacks it":  {[]string{"P1 P1 1"}, []string{"P1 P1 2"}, nil, Conflict, "missing-at-channel presence 0.01 absent"},
		"state differs":             {[]string{"P1 P1 1"}, []string{"P1 P1 1 processing"}, []string{"P1 P1 1"}, Regression, "status-mismatch status success processing"},
		"refund on another order":   {[]string{"R1 P1 1"}, []string{"R1 P2 1"}, []string{"R1 P1 1"}, Regression, "field-mismatch order P1 P2"},
		"partial refunds, one lost": {[]string{"R1 P1 1", "R2 P1 1"}, []string{"R1 P1 1"}, []string{"R1 P1 1", "R2 P1 1"}, Regression, "missing-in-shadow presence 0.01 absent"},
		"nothing booked anywhere":   {nil, nil, nil, Unbooked, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j, err := Judge(ledgerOf(t, "P1", "P2"), join(t, c.p, c.s, c.c), Scope{ChannelFinal: true})
			if err != nil {
				t.Fatal(err)
			}
			if j.Orders[0].ID != "P1" || j.Orders[0].Class != c.want {
				t.Errorf("got %+v, want %s", j.Orders[0], c.want)
			}
			got := ""
			if len(j.Findings) > 0 {
				got = fmt.Sprintf("%s %s %s %s", j.Findings[0].Break, j.Findings[0].Field, j.Findings[0].Expected, j.Findings[0].Actual)
			}
			if got != c.finding {
				t.Errorf("finding %q, want %q", got, c.finding)
			}
		})
	}
}

func TestOrdersThatAreNotGrayStayOutUnlessTheShadowHasThem(t *testing.T) {
	p := []string{"P1 P1 100", "X1 X1 500", "X2 X2 700"}
	s := []string{"P1 P1 100", "X2 X2 700"}
	j, err := Judge(ledgerOf(t, "P1"), join(t, p, s, p), Scope{ChannelFinal: true})
	if err != nil {
		t.Fatal(err)
	}
	if j.Classes[Agree] != 1 || j.Classes[Regression] != 1 || len(j.Orders) != 2 || j.Orders[1].ID != "X2" {
		t.Fatalf("got %v, %+v", j.Classes, j.Orders)
	}
	if outside := j.Sides[0].Outside; len(outside) != 1 || outside[0].Count != 1 || outside[0].Minor != 500 {
		t.Errorf("outside: %+v", outside)
	}
}

func TestTaintedOrdersAreInconclusiveAndNeverNamed(t *testing.T) {
	l := ledgerOf(t, "P1", "P2")
	e := shadow.Evidence{Sample: "x", Order: "P1", Verdict: shadow.Verdict{Outcome: shadow.Dropped, Cause: shadow.ReasonQueueFull}}
	apply(t, l,
		shadow.Event{ID: "x:opened", Kind: shadow.EventOpened, Instance: "a", Evidence: &e},
		shadow.Event{ID: "x:closed", Kind: shadow.EventClosed, Instance: "a", Evidence: &e})
	j, err := Judge(l, join(t, []string{"P1 P1 100", "P2 P2 1"}, []string{"P2 P2 1"}, []string{"P1 P1 100", "P2 P2 1"}), Scope{ChannelFinal: true})
	if err != nil {
		t.Fatal(err)
	}
	if j.Orders[0].Class != Inconclusive || j.Orders[0].Cause != shadow.ReasonQueueFull || len(j.Findings) != 0 || j.Orders[1].Class != Agree {
		t.Fatalf("got %+v %+v", j.Orders, j.Findings)
	}
}

func TestWithoutAFinalFileAbsenceAtTheChannelIsNoFinding(t *testing.T) {
	j, err := Judge(ledgerOf(t, "P1", "P2", "P3"), join(t, []string{"P1 P1 1", "P2 P2 1", "P3 P3 1"}, []string{"P1 P1 1", "P2 P2 2"}, nil), Scope{})
	if err != nil {
		t.Fatal(err)
	}
	classes := []Class{j.Orders[0].Class, j.Orders[1].Class, j.Orders[2].Class}
	if !slices.Equal(classes, []Class{Inconclusive, Regression, Inconclusive}) {
		t.Fatalf("got %v", classes)
	}
}

func TestFieldsTheChannelLacksAreHeldPrimaryAgainstShadow(t *testing.T) {
	j := join(t, []string{"P1 P1 1"}, []string{"P1 P1 1"}, []string{"P1 P1 1"})
	j.Groups[0].Records[atPrimary].Account, j.Groups[0].Records[atShadow].Account = "m1", "m2"
	out, err := Judge(ledgerOf(t, "P1"), j, Scope{ChannelFinal: true})
	if err != nil {
		t.Fatal(err)
	}
	if out.Classes[Regression] != 1 || out.Findings[0].Field != recon.FieldAccount {
		t.Fatalf("got %v %+v", out.Classes, out.Findings)
	}
}

func TestGeneratedIdsAreComparedModuloTheMapping(t *testing.T) {
	aliased := func(r *recon.Record, value string) { r.Aliases = []recon.Alias{{Column: "payment_no", Value: value}} }
	j := join(t, []string{"P1 P1 1", "R1 P1 1"}, []string{"P1 P1 1", "R1 P1 1"}, []string{"P1 P1 1", "R1 P1 1"})
	for _, g := range j.Groups {
		aliased(g.Records[atPrimary], "N-a")
		aliased(g.Records[atShadow], "N-b")
	}
	out, err := Judge(ledgerOf(t, "P1"), j, Scope{ChannelFinal: true})
	if err != nil || out.Classes[Agree] != 1 {
		t.Fatalf("same mapping twice: %v %+v %v", out.Classes, out.Findings, err)
	}
	aliased(j.Groups[1].Records[atShadow], "N-c")
	out, err = Judge(ledgerOf(t, "P1"), j, Scope{ChannelFinal: true})
	if err != nil || out.Classes[Regression] != 1 || out.Findings[0].Field != "payment_no" {
		t.Fatalf("a refund that points to another payment: %v %+v %v", out.Classes, out.Findings, err)
	}
	learned := shadow.Evidence{Sample: "r", Order: "P1", Verdict: shadow.Verdict{Outcome: shadow.Match}, Bindings: []shadow.Binding{{Column: "payment_no", Primary: "N-a", Shadow: "N-z"}}}
	l := ledgerOf(t, "P1")
	apply(t, l, shadow.Event{ID: "r:opened", Kind: shadow.EventOpened, Evidence: &learned}, shadow.Event{ID: "r:closed", Kind: shadow.EventClosed, Evidence: &learned})
	out, err = Judge(l, j, Scope{ChannelFinal: true})
	if err != nil || len(out.Findings) != 2 {
		t.Fatalf("rows that contradict the response: %+v %v", out.Findings, err)
	}
}

func TestConservationIsAssertedOnEveryRun(t *testing.T) {
	j := join(t, []string{"P1 P1 100"}, []string{"P1 P1 100"}, []string{"P1 P1 100"})
	j.Groups[0].Records[atShadow].Amount.Minor = 99
	if _, err := Judge(ledgerOf(t, "P1"), j, Scope{ChannelFinal: true}); err == nil {
		t.Fatal("a cent that changed between join and judgement went unnoticed")
	}
}

func TestFinalClassesPartitionEverySide(t *testing.T) {
	j, err := Judge(ledgerOf(t, "P1", "P2"), join(t, []string{"P1 P1 100", "P2 P2 5", "X X 9"}, []string{"P1 P1 99", "P2 P2 5"}, []string{"P1 P1 100", "P2 P2 5", "X X 9"}), Scope{ChannelFinal: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range j.Sides {
		var in, out int64
		for _, total := range side.In {
			in += total.Minor
		}
		for _, total := range side.Outside {
			out += total.Minor
		}
		for _, totals := range side.ByClass {
			for _, total := range totals {
				out += total.Minor
			}
		}
		if in != out || in == 0 {
			t.Errorf("side %s: in %d, classed %d", side.Side, in, out)
		}
	}
}

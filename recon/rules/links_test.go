package rules

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

func reversal(id string, fen int64, with ...func(*recon.Record)) *recon.Record {
	return booking(recon.KindReversal, id, fen, with...)
}

func refund(id string, fen int64, with ...func(*recon.Record)) *recon.Record {
	return booking(recon.KindRefund, id, fen, with...)
}

func TestReversalPairs(t *testing.T) {
	const since = " since 2026-11-23"
	for name, c := range map[string]struct {
		in   []*match.Difference
		want []string
	}{
		"on the channel's side": {
			[]*match.Difference{theirs(payment("P1", 100, order("A"))), theirs(reversal("V1", 100, order("A")))},
			[]string{"netted reversal missing-internally payment P1 theirs" + since + " link A", "netted reversal missing-internally reversal V1 theirs" + since + " link A"},
		},
		"on ours": {
			[]*match.Difference{ours(payment("P1", 100, order("A"))), ours(reversal("V1", 100, order("A")))},
			[]string{"netted reversal missing-at-channel payment P1 ours" + since + " link A", "netted reversal missing-at-channel reversal V1 ours" + since + " link A"},
		},
		"of a second copy": {
			[]*match.Difference{copyOf(2, theirs(payment("P1", 100, order("A")))), theirs(reversal("V1", 100, order("A")))},
			[]string{"netted reversal duplicate payment P1 theirs" + since + " link A", "netted reversal missing-internally reversal V1 theirs" + since + " link A"},
		},
		"one reversal for two payments": {
			[]*match.Difference{theirs(payment("P1", 100, order("A"))), theirs(payment("P2", 100, order("A"))), theirs(reversal("V1", 100, order("A")))},
			[]string{
				"netted reversal missing-internally payment P1 theirs" + since + " link A",
				"break carry missing-internally payment P2 theirs" + since + " due 2026-11-23 (expected by 2026-11-23)",
				"netted reversal missing-internally reversal V1 theirs" + since + " link A",
			},
		},
		"the payment that it names": {
			[]*match.Difference{theirs(payment("P1", 100, order("A"), txn("T1"))), theirs(payment("P2", 100, order("A"), txn("T2"))), theirs(reversal("V1", 100, order("A"), origin("T2")))},
			[]string{
				"break carry missing-internally payment P1 theirs" + since + " due 2026-11-23 (expected by 2026-11-23)",
				"netted reversal missing-internally payment P2 theirs" + since + " link A",
				"netted reversal missing-internally reversal V1 theirs" + since + " link A",
			},
		},
		"of another amount": {
			[]*match.Difference{theirs(payment("P1", 100, order("A"))), theirs(reversal("V1", 99, order("A")))},
			[]string{
				"break carry missing-internally payment P1 theirs" + since + " due 2026-11-23 (expected by 2026-11-23)",
				"break reversal missing-internally reversal V1 theirs" + since + " due 2026-11-23 link A (it reverses 0.99 CNY, the payment is 1.00 CNY)",
			},
		},
		"of two sides": {
			[]*match.Difference{ours(payment("P1", 100, order("A"))), theirs(reversal("V1", 100, order("A")))},
			[]string{
				"break carry missing-at-channel payment P1 ours" + since + " due 2026-11-23 (expected by 2026-11-23)",
				"break carry missing-internally reversal V1 theirs" + since + " due 2026-11-23 (expected by 2026-11-23)",
			},
		},
		"that failed": {
			[]*match.Difference{theirs(payment("P1", 100, order("A"))), theirs(reversal("V1", 100, order("A"), status(recon.StatusFailed)))},
			[]string{
				"break carry missing-internally payment P1 theirs" + since + " due 2026-11-23 (expected by 2026-11-23)",
				"break carry missing-internally reversal V1 theirs" + since + " due 2026-11-23 (expected by 2026-11-23)",
			},
		},
		"of no order": {
			[]*match.Difference{theirs(payment("P1", 100, order(""))), theirs(reversal("V1", 100, order("")))},
			[]string{
				"break carry missing-internally payment P1 theirs" + since + " due 2026-11-23 (expected by 2026-11-23)",
				"break carry missing-internally reversal V1 theirs" + since + " due 2026-11-23 (expected by 2026-11-23)",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &books{t: t, cfg: Config{Reversals: true}}
			expect(t, b.run(monday, c.in...), c.want...)
		})
	}
}

func TestAReversalOfAnEarlierDay(t *testing.T) {
	b := &books{t: t, cfg: Config{Reversals: true, Terms: everyDay(2)}}
	b.run(monday, theirs(payment("P1", 100, order("A"))))
	expect(t, b.run(monday+1, theirs(reversal("V1", 100, order("A")))),
		"netted reversal missing-internally payment P1 theirs since 2026-11-23 link A",
		"netted reversal missing-internally reversal V1 theirs since 2026-11-24 link A")
}

func TestRefundsByTheChannelsId(t *testing.T) {
	b := &books{t: t, cfg: Config{Refunds: true, Terms: everyDay(1)}}
	// Three partial refunds of one order; one has no number of ours at the channel.
	expect(t, b.run(monday, ours(refund("R1", 30, order("A"), txn("T1"))), ours(refund("R2", 30, order("A"), txn("T2"))), theirs(refund("0", 30, order("A"), txn("T2")))),
		"explained refund missing-internally refund 0 theirs since 2026-11-23 link T2",
		"carried carry missing-at-channel refund R1 ours since 2026-11-23 due 2026-11-24",
		"explained refund missing-at-channel refund R2 ours since 2026-11-23 link T2")
	expect(t, b.run(monday+1, theirs(refund("0", 30, order("A"), txn("T1")))),
		"explained refund missing-internally refund 0 theirs since 2026-11-24 link T1",
		"explained refund missing-at-channel refund R1 ours since 2026-11-23 link T1")
}

func TestRefundsThatAreNotOne(t *testing.T) {
	for name, c := range map[string]struct {
		ours, theirs *recon.Record
		more         []*match.Difference
		why          string
	}{
		"amount":      {refund("R1", 30, txn("T")), refund("0", 31, txn("T")), nil, "ours is 0.30 CNY, the channel's 0.31 CNY"},
		"state":       {refund("R1", 30, txn("T")), refund("0", 30, txn("T"), status(recon.StatusProcessing)), nil, "ours is success, the channel's processing"},
		"order":       {refund("R1", 30, txn("T"), order("A")), refund("0", 30, txn("T"), order("B")), nil, `ours is of order "A", the channel's of "B"`},
		"ambiguous":   {refund("R1", 30, txn("T"), order("A")), refund("0", 30, txn("T"), order("A")), []*match.Difference{theirs(refund("00", 30, txn("T"), order("A")))}, "3 refunds have this id"},
		"order alone": {refund("R1", 30, order("A")), refund("0", 30, order("A")), nil, "expected by 2026-11-23"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &books{t: t, cfg: Config{Refunds: true}}
			for _, o := range b.run(monday, append(c.more, ours(c.ours), theirs(c.theirs))...) {
				if o.Fate != Broken || o.Why != c.why {
					t.Errorf("%s", tell(&o))
				}
			}
		})
	}
}

func split(id string, fen int64, with ...func(*recon.Record)) *recon.Record {
	return booking(recon.KindSplit, id, fen, append([]func(*recon.Record){order("O1")}, with...)...)
}

func TestSplits(t *testing.T) {
	whole := ours(payment("O1", 10000))
	feeLine := booking(recon.KindFee, "F1", 60, order("O1"))
	for name, c := range map[string]struct {
		cfg  Split
		in   []*match.Difference
		fate Fate
		why  string
	}{
		"parts, fee and rest":        {Split{}, []*match.Difference{whole, theirs(split("S1", 6000)), theirs(split("S2", 3000)), theirs(feeLine), theirs(payment("rest", 940, order("O1")))}, Explained, ""},
		"less what came back":        {Split{}, []*match.Difference{whole, theirs(split("S1", 11000)), theirs(booking(recon.KindSplitReturn, "B1", 1000, order("O1")))}, Explained, ""},
		"fees of parts":              {Split{Fees: FeeFields}, []*match.Difference{whole, theirs(split("S1", 6000, fee(40))), theirs(split("S2", 3940, fee(20)))}, Explained, ""},
		"a cent is missing":          {Split{}, []*match.Difference{whole, theirs(split("S1", 6000)), theirs(split("S2", 3999))}, Broken, "2 parts are 99.99 CNY of 100.00 CNY: 0.01 CNY is left"},
		"a cent too many":            {Split{}, []*match.Difference{whole, theirs(split("S1", 10001))}, Broken, "1 parts are 100.01 CNY of 100.00 CNY: -0.01 CNY is left"},
		"fees that nobody asked for": {Split{}, []*match.Difference{whole, theirs(split("S1", 6000, fee(40))), theirs(split("S2", 3940, fee(20)))}, Broken, "2 parts are 99.40 CNY of 100.00 CNY: 0.60 CNY is left"},
		"a part that failed":         {Split{}, []*match.Difference{whole, theirs(split("S1", 6000)), theirs(split("S2", 4000, status(recon.StatusFailed)))}, Broken, "split S2 is failed"},
		"two wholes":                 {Split{Whole: LinkOrder}, []*match.Difference{ours(payment("A", 5000, order("O1"))), ours(payment("B", 5000, order("O1"))), theirs(split("S1", 10000))}, Broken, "2 payments are named alike"},
		"ours has the parts":         {Split{Ours: true}, []*match.Difference{theirs(payment("O1", 10000)), ours(split("S1", 6000)), ours(split("S2", 4000))}, Explained, ""},
		"by a column":                {Split{By: ColumnLink("parent")}, []*match.Difference{whole, theirs(split("S1", 10000, order("else"), further("parent", "O1")))}, Explained, ""},
		"parts of a foreign currency": {Split{}, []*match.Difference{whole, theirs(split("S1", 10000, func(r *recon.Record) { r.Amount.Currency = "USD" }))}, Broken,
			"split S1: currencies differ: CNY and USD"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &books{t: t, cfg: Config{Split: &c.cfg}}
			for _, o := range b.run(monday, slices.Clone(c.in)...) {
				if o.Fate != c.fate || o.Why != c.why || o.Rule != RuleSplit || o.Link != "O1" {
					t.Errorf("%s", tell(&o))
				}
			}
		})
	}
}

func TestPartsWaitForEachOther(t *testing.T) {
	b := &books{t: t, cfg: Config{Split: &Split{}, Terms: everyDay(2)}}
	expect(t, b.run(monday, ours(payment("O1", 10000)), theirs(split("S1", 6000))),
		"carried split missing-at-channel payment O1 ours since 2026-11-23 due 2026-11-25 link O1 (1 parts are 60.00 CNY of 100.00 CNY: 40.00 CNY is left)",
		"carried split missing-internally split S1 theirs since 2026-11-23 due 2026-11-25 link O1 (1 parts are 60.00 CNY of 100.00 CNY: 40.00 CNY is left)")
	carried, data := b.carried, b.bytes
	expect(t, b.run(monday+1, theirs(split("S2", 4000))),
		"explained split missing-at-channel payment O1 ours since 2026-11-23 link O1",
		"explained split missing-internally split S1 theirs since 2026-11-23 link O1",
		"explained split missing-internally split S2 theirs since 2026-11-24 link O1")
	b.carried, b.bytes = carried, data
	b.run(monday + 1)
	expect(t, b.run(monday+2),
		"break split missing-at-channel payment O1 ours since 2026-11-23 due 2026-11-25 link O1 (1 parts are 60.00 CNY of 100.00 CNY: 40.00 CNY is left)",
		"break split missing-internally split S1 theirs since 2026-11-23 due 2026-11-25 link O1 (1 parts are 60.00 CNY of 100.00 CNY: 40.00 CNY is left)")
}

func TestSettlements(t *testing.T) {
	of := further("settlement", "S1")
	line := theirs(booking(recon.KindSettlement, "S1", 14640))
	for name, c := range map[string]struct {
		cfg  Settlement
		in   []*match.Difference
		fate Fate
		why  string
	}{
		"fees as lines":     {Settlement{}, []*match.Difference{line, ours(payment("P1", 10000, of)), ours(payment("P2", 5000, of)), ours(refund("R1", 300, of)), ours(booking(recon.KindFee, "F1", 60, of))}, Explained, ""},
		"fees of bookings":  {Settlement{Fees: FeeFields}, []*match.Difference{line, ours(payment("P1", 10000, of, fee(60))), ours(payment("P2", 5000, of, fee(30))), ours(refund("R1", 300, of, fee(-30)))}, Explained, ""},
		"a cent is missing": {Settlement{}, []*match.Difference{line, ours(payment("P1", 14639, of))}, Broken, "1 parts are 146.39 CNY of 146.40 CNY: 0.01 CNY is left"},
		"two lines":         {Settlement{}, []*match.Difference{line, ours(booking(recon.KindSettlement, "S1b", 14640, of, func(r *recon.Record) { r.Key.ID = "S2" })), ours(payment("P1", 14640, of))}, Explained, ""},
		"the line is ours":  {Settlement{}, []*match.Difference{ours(booking(recon.KindSettlement, "S1", 14640)), theirs(payment("P1", 14640, of))}, Explained, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.By = ColumnLink("settlement")
			b := &books{t: t, cfg: Config{Settlement: &c.cfg}}
			for _, o := range b.run(monday, slices.Clone(c.in)...) {
				if o.Key.ID == "S2" {
					continue // a line of its own, which nobody names
				}
				if o.Fate != c.fate || o.Why != c.why || o.Link != "S1" {
					t.Errorf("%s", tell(&o))
				}
			}
		})
	}
}

func TestOnlyTheOtherSidesBookingsMakeALine(t *testing.T) {
	of := further("settlement", "S1")
	b := &books{t: t, cfg: Config{Settlement: &Settlement{By: ColumnLink("settlement")}}}
	expect(t, b.run(monday, theirs(booking(recon.KindSettlement, "S1", 100)), ours(payment("P1", 100, of)), theirs(payment("P2", 100, of))),
		"explained settlement missing-at-channel payment P1 ours since 2026-11-23 link S1",
		"break carry missing-internally payment P2 theirs since 2026-11-23 due 2026-11-23 (expected by 2026-11-23)",
		"explained settlement missing-internally settlement S1 theirs since 2026-11-23 link S1")
}

// TestWhatIsKnownSavesPasses counts how often differences are asked for.
func TestWhatIsKnownSavesPasses(t *testing.T) {
	all := []*match.Difference{ours(payment("P1", 100)), ours(payment("P2", 100))}
	known := []match.BreakTotals{{Break: recon.MissingAtChannel, Sides: make([]match.Totals, 2)}}
	if err := known[0].Sides[internal].AddTotal(match.Total{Kind: recon.KindPayment, Currency: "CNY", Count: 2, Minor: 200}); err != nil {
		t.Fatal(err)
	}
	for want, found := range map[int][]match.BreakTotals{1: known, 2: nil} {
		passes := 0
		cfg := everyLink()
		_, err := Apply(monday, &cfg, In{Batch: batch(), Found: found, Carry: new(strings.Builder), Differences: func(yield func(*match.Difference, error) bool) {
			passes++
			stream(all)(yield)
		}})
		if err != nil || passes != want {
			t.Errorf("%d passes, want %d, %v", passes, want, err)
		}
	}
}

func TestWhatIsKnownMustBeTrue(t *testing.T) {
	_, err := Apply(monday, &Config{}, In{Batch: batch(), Found: []match.BreakTotals{}, Differences: stream([]*match.Difference{ours(payment("P1", 100))}), Carry: new(strings.Builder)})
	if err == nil || !strings.Contains(err.Error(), "In.Found knows of no payment on side 0") {
		t.Errorf("got %v", err)
	}
}

func TestSettlementsAreNeverGuessed(t *testing.T) {
	b := &books{t: t, cfg: Config{Settlement: &Settlement{By: ColumnLink("settlement")}}}
	expect(t, b.run(monday, theirs(booking(recon.KindSettlement, "S1", 300)), ours(payment("P1", 100)), ours(payment("P2", 200))),
		"break carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-23 (expected by 2026-11-23)",
		"break carry missing-at-channel payment P2 ours since 2026-11-23 due 2026-11-23 (expected by 2026-11-23)",
		"break carry missing-internally settlement S1 theirs since 2026-11-23 due 2026-11-23 (expected by 2026-11-23)")
}

func TestOneBookingGetsOneRule(t *testing.T) {
	// P1 is netted with V1; the settlement that names it too must not count it again, and is a cent short of nothing else.
	of := further("settlement", "S1")
	b := &books{t: t, cfg: Config{Reversals: true, Settlement: &Settlement{By: ColumnLink("settlement")}}}
	expect(t, b.run(monday, ours(payment("P1", 100, order("A"), of)), ours(reversal("V1", 100, order("A"), of)), ours(payment("P2", 500, of)), theirs(booking(recon.KindSettlement, "S1", 500))),
		"netted reversal missing-at-channel payment P1 ours since 2026-11-23 link A",
		"explained settlement missing-at-channel payment P2 ours since 2026-11-23 link S1",
		"netted reversal missing-at-channel reversal V1 ours since 2026-11-23 link A",
		"explained settlement missing-internally settlement S1 theirs since 2026-11-23 link S1")
}

// linked makes many bookings that name each other, rightly and wrongly.
func linked(random *rand.Rand, n int) []*match.Difference {
	var all []*match.Difference
	for i := range n {
		o := fmt.Sprintf("O%05d", i)
		fen := 100 + random.Int64N(1000)
		off := int64(0)
		if random.IntN(4) == 0 {
			off = 1
		}
		switch random.IntN(4) {
		case 0:
			all = append(all, theirs(payment("P"+o, fen, order(o))), theirs(reversal("V"+o, fen+off, order(o))))
		case 1:
			all = append(all, ours(refund("R"+o, fen, order(o), txn("T"+o))), theirs(refund("0"+o, fen+off, order(o), txn("T"+o))))
		case 2:
			all = append(all, ours(payment(o, fen)), theirs(split("S1"+o, fen-40, order(o))), theirs(split("S2"+o, 40+off, order(o))))
		default:
			s := further("settlement", o)
			all = append(all, theirs(booking(recon.KindSettlement, o, 3*fen+off)), ours(payment("A"+o, fen, s)), ours(payment("B"+o, 2*fen, s)))
		}
	}
	return all
}

func everyLink() Config {
	return Config{Reversals: true, Refunds: true, Split: &Split{}, Settlement: &Settlement{By: ColumnLink("settlement")}, Terms: everyDay(1)}
}

func TestBoundedMemoryGivesTheSameAnswer(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	all := linked(rand.New(rand.NewPCG(seed, 0)), 3000)
	lines := func(most int) []string {
		b := &books{t: t, cfg: everyLink()}
		b.cfg.MaxLinked = most
		outcomes, _, _, err := b.apply(monday, all)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for i := range outcomes {
			out = append(out, tell(&outcomes[i]))
		}
		return out
	}
	want := lines(0)
	for _, most := range []int{50, 700} {
		if got := lines(most); !slices.Equal(got, want) {
			t.Errorf("with %d bookings at a time the answer is another", most)
		}
	}
}

func TestALinkThatNamesEverything(t *testing.T) {
	var all []*match.Difference
	for i := range 40 {
		all = append(all, theirs(payment(fmt.Sprint("P", i), 100, order("none"))), theirs(reversal(fmt.Sprint("V", i), 100, order("none"))))
	}
	b := &books{t: t, cfg: Config{Reversals: true, MaxLinked: 50}}
	_, _, _, err := b.apply(monday, all)
	if err == nil || !strings.Contains(err.Error(), "rule reversal: more than 50 bookings name the same; try: ") {
		t.Errorf("got %v", err)
	}
}

func TestDifferencesThatChangeAreRefused(t *testing.T) {
	all := sorted(linked(rand.New(rand.NewPCG(1, 1)), 10))
	renamed := slices.Clone(all)
	last := *renamed[len(all)-1]
	last.Key.ID += "x"
	last.Records = slices.Clone(last.Records)
	for side, r := range last.Records {
		if r != nil {
			other := *r
			other.Key = last.Key
			last.Records[side] = &other
		}
	}
	renamed[len(all)-1] = &last
	for name, c := range map[string]struct {
		then []*match.Difference
		want string
	}{
		"one is gone":          {all[1:], "conservation broken on side"},
		"one has another name": {renamed, "what came in is not what came in the first time"},
	} {
		t.Run(name, func(t *testing.T) {
			passes := 0
			var changing iter.Seq2[*match.Difference, error] = func(yield func(*match.Difference, error) bool) {
				now := all
				if passes++; passes == 3 {
					now = c.then
				}
				stream(now)(yield)
			}
			cfg := everyLink()
			_, err := Apply(monday, &cfg, In{Batch: batch(), Differences: changing, Carry: new(strings.Builder)})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("after %d passes: %v", passes, err)
			}
		})
	}
}

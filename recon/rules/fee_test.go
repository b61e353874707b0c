package rules

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

func flat(parts int64, r Rounding) Rate {
	return Rate{Currency: "CNY", Tiers: []Tier{{Parts: parts}}, Rounding: r}
}

func TestRates(t *testing.T) {
	tiers := []Tier{{UpTo: 10_000, Parts: 10_000}, {UpTo: 100_000, Parts: 5_000}, {Parts: 1_000, Fixed: 7}}
	for name, c := range map[string]struct {
		rate   Rate
		record *recon.Record
		want   int64
	}{
		"0.54 % of 60.00, half up":         {flat(5400, HalfUp), payment("P", 6000), 32}, // 32.4, as a public bill has it
		"0.60 % of 6.00, half up":          {flat(6000, HalfUp), payment("P", 600), 4},   // 3.6, as a public bill has it
		"a half goes up":                   {flat(5000, HalfUp), payment("P", 500), 3},   // 2.5
		"a half goes to the even":          {flat(5000, HalfEven), payment("P", 500), 2}, // 2.5
		"a half goes to the even above":    {flat(5000, HalfEven), payment("P", 700), 4}, // 3.5
		"more than a half goes up":         {flat(5001, HalfEven), payment("P", 500), 3},
		"parts are dropped":                {flat(6000, Down), payment("P", 166), 0}, // 0.996
		"any part counts":                  {flat(1, Up), payment("P", 1), 1},
		"at least":                         {Rate{Currency: "CNY", Tiers: []Tier{{Parts: 6000}}, Rounding: HalfUp, Min: 10}, payment("P", 100), 10},
		"at most":                          {Rate{Currency: "CNY", Tiers: []Tier{{Parts: 6000}}, Rounding: HalfUp, Max: 2000}, payment("P", 10_000_000), 2000},
		"the first tier to its limit":      {Rate{Currency: "CNY", Tiers: tiers, Rounding: HalfUp}, payment("P", 10_000), 100},
		"the second tier for all of it":    {Rate{Currency: "CNY", Tiers: tiers, Rounding: HalfUp}, payment("P", 10_001), 50},
		"the last tier, with a fixed part": {Rate{Currency: "CNY", Tiers: tiers, Rounding: HalfUp}, payment("P", 200_000), 207},
		"each slice its own":               {Rate{Currency: "CNY", Tiers: tiers, Rounding: HalfUp, Marginal: true}, payment("P", 200_000), 100 + 450 + 100 + 7},
		"a refund brings nothing back":     {flat(5400, HalfUp), refund("R", 5000), 0},
		"a refund brings its share back":   {Rate{Currency: "CNY", Tiers: []Tier{{Parts: 5400, Fixed: 9}}, Rounding: HalfUp, Min: 100, Returned: true}, refund("R", 5000), -27}, // as a public bill has it
		"a refund that is charged":         {Rate{Currency: "CNY", Kinds: []recon.Kind{recon.KindRefund}, Tiers: []Tier{{Fixed: 50}}, Rounding: Down}, refund("R", 5000), 50},
		"the largest amount":               {flat(million, HalfUp), payment("P", math.MaxInt64), math.MaxInt64},
	} {
		t.Run(name, func(t *testing.T) {
			s := Schedule{Rates: []Rate{c.rate}}
			if got, ok, err := s.Fee(c.record, "", monday); err != nil || !ok || got != cny(c.want) {
				t.Errorf("fee %s %v %v, want %s", got, ok, err, cny(c.want))
			}
		})
	}
}

func TestWhichRate(t *testing.T) {
	early, late, credit := flat(1000, HalfUp), flat(2000, HalfUp), flat(3000, HalfUp)
	early.Until, late.From, credit.Product = monday, monday+1, "credit"
	s := Schedule{Rates: []Rate{early, late, credit}}
	for name, c := range map[string]struct {
		record  *recon.Record
		product string
		day     Day
		want    int64 // -1: the contract says nothing
	}{
		"until a day":      {payment("P", 1000), "", monday, 1},
		"from a day":       {payment("P", 1000), "", monday + 1, 2},
		"a product":        {payment("P", 1000), "credit", monday, 3},
		"another product":  {payment("P", 1000), "debit", monday, 1},
		"another kind":     {booking(recon.KindSplit, "S", 1000), "", monday, -1},
		"another currency": {payment("P", 1000, func(r *recon.Record) { r.Amount.Currency = "USD" }), "", monday, -1},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok, err := s.Fee(c.record, c.product, c.day)
			if err != nil || ok != (c.want >= 0) || (ok && got.Minor != c.want) {
				t.Errorf("fee %s %v %v", got, ok, err)
			}
		})
	}
	if _, _, err := s.Fee(payment("P", -1), "", monday); err == nil {
		t.Error("a negative amount has a fee")
	}
}

// TestFeesAgainstFractions holds fees against exact fractions, rounded as a text book says.
func TestFeesAgainstFractions(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		r := Rate{Currency: "CNY", Rounding: Roundings()[random.IntN(4)], Marginal: random.IntN(2) == 0, Min: random.Int64N(20), Tiers: []Tier{{Parts: random.Int64N(million + 1), Fixed: random.Int64N(9)}}}
		if random.IntN(2) == 0 {
			limit := 1 + random.Int64N(100_000)
			r.Tiers = []Tier{{UpTo: limit, Parts: random.Int64N(million + 1)}, r.Tiers[0]}
		}
		if random.IntN(2) == 0 {
			r.Max = r.Min + random.Int64N(1000)
		}
		amount := random.Int64N(200_000)
		if random.IntN(20) == 0 {
			amount = random.Int64N(math.MaxInt64 / 2)
		}
		got, err := r.of(recon.KindPayment, amount)
		if want := slowFee(&r, amount); err != nil || got != want {
			t.Fatalf("fee of %d by %+v is %d, want %d, %v", amount, r, got, want, err)
		}
	}
}

// slowFee works with fractions, slice by slice.
func slowFee(r *Rate, amount int64) int64 {
	exact, from, fixed := new(big.Rat), int64(0), int64(0)
	for _, t := range r.Tiers {
		upTo := amount
		if t.UpTo != 0 {
			upTo = min(amount, t.UpTo)
		}
		if r.Marginal {
			exact.Add(exact, new(big.Rat).Mul(new(big.Rat).SetInt64(max(upTo-from, 0)), big.NewRat(t.Parts, million)))
		} else if amount <= upTo && fixed == 0 && exact.Sign() == 0 {
			exact.Mul(new(big.Rat).SetInt64(amount), big.NewRat(t.Parts, million))
		}
		if t.UpTo == 0 || amount <= t.UpTo {
			fixed = t.Fixed
			break
		}
		from = t.UpTo
	}
	whole := new(big.Int).Quo(exact.Num(), exact.Denom())
	rest := new(big.Rat).Sub(exact, new(big.Rat).SetInt(whole))
	half := rest.Cmp(big.NewRat(1, 2))
	if r.Rounding == Up && rest.Sign() > 0 || r.Rounding == HalfUp && half >= 0 || r.Rounding == HalfEven && (half > 0 || half == 0 && whole.Bit(0) == 1) {
		whole.Add(whole, big.NewInt(1))
	}
	fee := max(whole.Int64()+fixed, r.Min)
	if r.Max > 0 {
		fee = min(fee, r.Max)
	}
	return fee
}

func TestFeesThatTheContractExplains(t *testing.T) {
	contract := &Fees{Schedule: Schedule{Rates: []Rate{{Currency: "CNY", Tiers: []Tier{{Parts: 6000}}, Rounding: HalfUp, Returned: true}}}, Net: true}
	tolerance := rounding(1, 10)
	tolerance.Field = recon.FieldFee
	for name, c := range map[string]struct {
		ours, theirs *recon.Record
		fate         Fate
		rule         Rule
		why          string
	}{
		"only the channel books it":   {payment("P", 10000), payment("P", 10000, fee(60)), Explained, RuleFee, ""},
		"the channel charges more":    {payment("P", 10000), payment("P", 10000, fee(61)), Broken, RuleFee, "the contract says 0.60 CNY, the channel charges 0.61 CNY"},
		"the channel states none":     {payment("P", 10000, fee(60)), payment("P", 10000), Broken, RuleFee, "the contract says 0.60 CNY, the channel states no fee"},
		"ours is wrong":               {payment("P", 10000, fee(50)), payment("P", 10000, fee(60)), Broken, RuleFee, "the contract says 0.60 CNY as the channel does, ours is 0.50 CNY"},
		"a cent of rounding":          {payment("P", 10000, fee(60)), payment("P", 10000, fee(61)), Tolerated, RuleTolerance, ""},
		"amounts less the fee":        {payment("P", 10000), payment("P", 9940, fee(60)), Explained, RuleFee, ""},
		"amounts less something else": {payment("P", 10000), payment("P", 9939, fee(60)), Broken, RuleFee, "100.00 CNY less the fee of 0.60 CNY is not 99.39 CNY"},
		"a refund less its share":     {refund("R", 10000), refund("R", 9940, fee(-60)), Explained, RuleFee, ""},
		"no contract for it":          {booking(recon.KindSplit, "S", 100), booking(recon.KindSplit, "S", 100, fee(1)), Broken, RuleNone, ""},
		"the state differs too":       {payment("P", 10000), payment("P", 10000, fee(60), status(recon.StatusFailed)), Broken, RuleNone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := &books{t: t, cfg: Config{Compared: entry.CompareFee, Fees: contract, Tolerances: []Tolerance{tolerance}}}
			o := b.run(monday, differ(entry.CompareFee, c.ours, c.theirs))[0]
			if o.Fate != c.fate || o.Rule != c.rule || o.Why != c.why {
				t.Errorf("%s", tell(&o))
			}
		})
	}
	b := &books{t: t, cfg: Config{Compared: entry.CompareFee, Fees: &Fees{Schedule: contract.Schedule}}}
	if o := b.run(monday, differ(entry.CompareFee, payment("P", 10000), payment("P", 9940, fee(60))))[0]; o.Fate != Broken {
		t.Errorf("net amounts that nobody agreed on: %s", tell(&o))
	}
}

func TestNetSettlement(t *testing.T) {
	cfg := Config{Net: &NetRule{By: LinkSettled, Line: LinkSettled, Fees: FeeFields}, Terms: everyDay(2)}
	of := func(day string) func(*recon.Record) { return func(r *recon.Record) { r.Settled = day } }
	sheet := func(records ...*recon.Record) *Sheet {
		s := cfg.NewSheet()
		for _, r := range records {
			if err := s.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	line := func(id, day string, fen int64) *recon.Record {
		return booking(recon.KindSettlement, id, fen, of(day))
	}
	b := &books{t: t, cfg: cfg}
	b.sheet = sheet(payment("P1", 10000, of("23"), fee(60)), payment("P2", 5000, of("23"), fee(30)), refund("R1", 1000, of("23"), fee(-6)), payment("P3", 100, of("24")),
		payment("P4", 7, of("23"), status(recon.StatusFailed)), payment("P5", 7))
	if b.sheet.Unnamed() != 1 {
		t.Errorf("%d unnamed", b.sheet.Unnamed())
	}
	expect(t, b.run(monday))
	b.sheet = sheet(payment("P6", 100, of("24")), payment("P7", 900, of("25")))
	expect(t, b.run(monday+1, theirs(line("S1", "23", 13916)), theirs(line("S1b", "23", 13916)), theirs(line("S2", "24", 199))),
		"explained net missing-internally settlement S1 theirs since 2026-11-24 link 23",
		"carried net missing-internally settlement S1b theirs since 2026-11-24 due 2026-11-26 link 23 (another line is settlement 23 already)",
		"carried net missing-internally settlement S2 theirs since 2026-11-24 due 2026-11-26 link 24 (the line is 1.99 CNY, 24: 2.00 gross - 0.00 refunds - 0.00 fees = 2.00 CNY)")
	states := ""
	for _, n := range b.out.Nets {
		states += fmt.Sprintln(n.State, n.Since, n.Due, &n)
	}
	if want := "settled 2026-11-23 2026-11-25 23: 150.00 gross - 10.00 refunds - 0.84 fees = 139.16 CNY\n" +
		"differs 2026-11-23 2026-11-25 24: 2.00 gross - 0.00 refunds - 0.00 fees = 2.00 CNY\n" +
		"open 2026-11-24 2026-11-26 25: 9.00 gross - 0.00 refunds - 0.00 fees = 9.00 CNY\n"; states != want {
		t.Errorf("got\n%swant\n%s", states, want)
	}
	b.sheet = sheet(refund("R2", 1, of("24")))
	got := b.run(monday+2, theirs(line("S3", "25", 901)))
	expect(t, got,
		"carried carry missing-internally settlement S1b theirs since 2026-11-24 due 2026-11-26",
		"explained net missing-internally settlement S2 theirs since 2026-11-24 link 24",
		"carried net missing-internally settlement S3 theirs since 2026-11-25 due 2026-11-27 link 25 (the line is 9.01 CNY, 25: 9.00 gross - 0.00 refunds - 0.00 fees = 9.00 CNY)")
	b.sheet = nil
	b.run(monday + 3)
	if n := b.out.Nets; len(n) != 1 || n[0].State != NetDiffers || b.out.Carried.Nets != 0 {
		t.Errorf("nets %v, carried %+v", n, b.out.Carried)
	}
}

func TestASettlementThatNeverCame(t *testing.T) {
	b := &books{t: t, cfg: Config{Net: &NetRule{By: LinkSettled}, Terms: everyDay(1)}}
	b.sheet = b.cfg.NewSheet()
	if err := b.sheet.Add(payment("P1", 100, func(r *recon.Record) { r.Settled = "23" })); err != nil {
		t.Fatal(err)
	}
	b.run(monday)
	if n := b.out.Nets; len(n) != 1 || n[0].State != NetOpen || b.out.Carried.Nets != 1 {
		t.Errorf("nets %v", n)
	}
	b.sheet = nil
	b.run(monday + 1)
	if n := b.out.Nets; len(n) != 1 || n[0].State != NetOverdue || b.out.Carried.Nets != 0 {
		t.Errorf("nets %v", n)
	}
}

func TestAColumnThatNamesNoSettlement(t *testing.T) {
	cfg := Config{Net: &NetRule{By: LinkOrder}}
	s := cfg.NewSheet()
	var err error
	for i := 0; err == nil && i <= maxNets; i++ {
		err = s.Add(payment(fmt.Sprint(i), 1))
	}
	if err == nil {
		t.Error("another settlement for each booking was taken")
	}
	if _, err := Apply(monday, &cfg, In{Batch: batch(), Sheet: s, Carry: &bytes.Buffer{}}); err != nil {
		t.Error(err)
	}
}

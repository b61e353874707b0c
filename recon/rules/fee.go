package rules

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Schedule is a contract's rates. Of the rates that are about a record the first with its product counts, else the first
// without one.
type Schedule struct {
	Rates []Rate
}

// Rate is what the channel charges for bookings of some kinds, from one day to another. All amounts are minor units.
type Rate struct {
	Kinds    []recon.Kind // none = payments
	Product  string       // "" = any
	Currency recon.Currency
	From     Day // the first day; NoDay = always
	Until    Day // the last day; NoDay = for ever
	Tiers    []Tier
	Marginal bool // each tier is about its slice of the amount; else one tier is about all of it
	Rounding Rounding
	Min      int64 // at least so much a booking
	Max      int64 // at most; 0 = no cap
	Returned bool  // a refund brings its share back: a negative fee, without minimum and fixed part; else nothing
}

// Tier is the price of amounts up to a limit.
type Tier struct {
	UpTo  int64 // the largest amount; 0 = no limit: the last one
	Parts int64 // parts of a million of the amount: 6 per mille and 60 basis points are 6000
	Fixed int64 // and so much a booking
}

// Rounding says what becomes of parts of a minor unit.
type Rounding string

// The ways of rounding.
const (
	HalfUp   Rounding = "half-up"
	HalfEven Rounding = "half-even"
	Down     Rounding = "down"
	Up       Rounding = "up"
)

// Roundings lists the ways of rounding.
func Roundings() []Rounding { return []Rounding{HalfUp, HalfEven, Down, Up} }

// million is the whole of Tier.Parts.
const million = 1_000_000

// Fee gives what the contract says of a record of that product on that day; false where it says nothing. The fee is the
// merchant's cost, negative where money comes back, as in recon.Record.
func (s *Schedule) Fee(r *recon.Record, product string, day Day) (recon.Money, bool, error) {
	rate := s.rate(r, product, day)
	if rate == nil {
		return recon.Money{}, false, nil
	}
	fee, err := rate.of(r.Key.Kind, r.Amount.Minor)
	if err != nil {
		return recon.Money{}, false, fmt.Errorf("fee of %s on %s: %w", r.Key, r.Amount, err)
	}
	return recon.Money{Minor: fee, Currency: r.Amount.Currency}, true, nil
}

func (s *Schedule) rate(r *recon.Record, product string, day Day) *Rate {
	var general *Rate
	for i := range s.Rates {
		rate := &s.Rates[i]
		switch {
		case !rate.about(r, day) || (rate.Product != "" && rate.Product != product):
		case rate.Product != "":
			return rate
		case general == nil:
			general = rate
		}
	}
	return general
}

// about tells whether a rate is about a record, whatever its product.
func (r *Rate) about(record *recon.Record, day Day) bool {
	if record.Amount.Currency != r.Currency || day < r.From || (r.Until != NoDay && day > r.Until) {
		return false
	}
	if record.Key.Kind == recon.KindRefund && !slices.Contains(r.Kinds, recon.KindRefund) {
		return r.charges(recon.KindPayment)
	}
	return r.charges(record.Key.Kind)
}

func (r *Rate) charges(kind recon.Kind) bool {
	return slices.Contains(r.Kinds, kind) || (len(r.Kinds) == 0 && kind == recon.KindPayment)
}

// of gives the fee of an amount that is not negative.
func (r *Rate) of(kind recon.Kind, amount int64) (int64, error) {
	if amount < 0 {
		return 0, fmt.Errorf("a negative amount")
	}
	if kind == recon.KindRefund && !slices.Contains(r.Kinds, kind) {
		if !r.Returned {
			return 0, nil
		}
		share, _ := r.share(amount)
		return -r.capped(share), nil
	}
	fee, fixed := r.share(amount)
	if fee > math.MaxInt64-fixed {
		return 0, recon.ErrAmountOverflow
	}
	return r.capped(max(fee+fixed, r.Min)), nil
}

func (r *Rate) capped(fee int64) int64 {
	if r.Max > 0 {
		return min(fee, r.Max)
	}
	return fee
}

// share gives the part of the fee that grows with the amount, rounded once, and the fixed part.
func (r *Rate) share(amount int64) (fee, fixed int64) {
	var hi, lo uint64 // millionths of a minor unit
	from := int64(0)
	for _, t := range r.Tiers {
		last := t.UpTo == 0 || amount <= t.UpTo
		switch {
		case last && !r.Marginal:
			hi, lo = bits.Mul64(uint64(amount), uint64(t.Parts))
		case last:
			hi, lo = addProduct(hi, lo, amount-from, t.Parts)
		case r.Marginal:
			hi, lo = addProduct(hi, lo, t.UpTo-from, t.Parts)
			from = t.UpTo
		}
		if last {
			return r.Rounding.round(bits.Div64(hi, lo, million)), t.Fixed // parts are at most a million: the quotient is at most the amount
		}
	}
	return 0, 0
}

func addProduct(hi, lo uint64, slice, parts int64) (uint64, uint64) {
	h, l := bits.Mul64(uint64(slice), uint64(parts))
	lo, carry := bits.Add64(lo, l, 0)
	hi, _ = bits.Add64(hi, h, carry)
	return hi, lo
}

// round rounds a number and its millionths.
func (r Rounding) round(whole, millionths uint64) int64 {
	const half = million / 2
	up := false
	switch r {
	case HalfUp:
		up = millionths >= half
	case HalfEven:
		up = millionths > half || (millionths == half && whole%2 == 1)
	case Up:
		up = millionths > 0
	}
	if up {
		whole++
	}
	return int64(whole)
}

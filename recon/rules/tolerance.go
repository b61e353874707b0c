package rules

import (
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

// CapUse says how much of a tolerance's cap a batch took.
type CapUse struct {
	Tolerance string      `json:"tolerance"`
	Rows      int64       `json:"rows"`
	Used      recon.Money `json:"used"`
	Cap       recon.Money `json:"cap"`
	Refused   int64       `json:"refused"` // rows that were small enough, and too many
	Expired   int64       `json:"expired"` // rows that were small enough, and too late
}

// about tells whether a tolerance is about a field of bookings of a kind in a currency.
func (t *Tolerance) about(kind recon.Kind, field recon.Field, currency recon.Currency) bool {
	return t.Field == field && t.Row.Currency == currency && (len(t.Kinds) == 0 || slices.Contains(t.Kinds, kind))
}

// tolerate writes a row off if its only difference is small enough. Rows come in the order of their keys, so which of too
// many are let go depends on nothing else.
func (r *run) tolerate(o *Outcome) error {
	gain, field, ok := gainOf(o)
	if !ok {
		return nil
	}
	for i := range r.cfg.Tolerances {
		t := &r.cfg.Tolerances[i]
		size := max(gain.Minor, -gain.Minor)
		if !t.about(o.Key.Kind, field, gain.Currency) || size > t.Row.Minor {
			continue
		}
		use := &r.caps[i]
		o.Rule = RuleTolerance
		switch {
		case r.day > t.Until:
			use.Expired++
			o.Why = fmt.Sprintf("tolerance %s ended on %s", t.Name, t.Until)
		case size > t.Cap.Minor-use.Used.Minor:
			use.Refused++
			o.Why = fmt.Sprintf("tolerance %s has %s left of %s", t.Name, recon.Money{Minor: t.Cap.Minor - use.Used.Minor, Currency: t.Cap.Currency}, t.Cap)
		default:
			use.Used.Minor += size
			use.Rows++
			lines, err := r.writeOff(o, t, gain)
			if err != nil {
				return err
			}
			o.Fate, o.Delta, o.WriteOff, o.Why = Tolerated, &gain, lines, ""
		}
		return nil
	}
	return nil
}

// gainOf says what the merchant gains when the channel's amount, or fee, counts; false where anything else differs too.
func gainOf(o *Outcome) (gain recon.Money, field recon.Field, ok bool) {
	ours, theirs := o.Records[internal], o.Records[channel]
	if ours == nil || theirs == nil || len(o.Fields) != 1 {
		return gain, "", false
	}
	switch field = o.Fields[0].Field; {
	case field == recon.FieldAmount:
		return recon.Money{Minor: received(o.Key.Kind) * (theirs.Amount.Minor - ours.Amount.Minor), Currency: ours.Amount.Currency}, field, true
	case field == recon.FieldFee && ours.Fee != nil && theirs.Fee != nil && ours.Fee.Currency == theirs.Fee.Currency:
		gain, err := ours.Fee.Add(theirs.Fee.Neg())
		return gain, field, err == nil
	}
	return gain, "", false
}

// received is +1 where the merchant gets the amount of a booking and -1 where he loses it. A settlement is what he gets.
func received(kind recon.Kind) int64 {
	if kind == recon.KindSettlement {
		return 1
	}
	return kind.Direction()
}

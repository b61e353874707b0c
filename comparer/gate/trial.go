package gate

import (
	"context"
	"fmt"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// Trial is one sound order of a judgement, into copies of which faults are put. Nothing of it is evidence, and it does not
// touch the ledger any more that it was made of.
type Trial struct {
	ledger *comparer.Ledger
	sound  []comparer.Booking
	scope  comparer.Scope
	policy Policy
}

// Seed is what the sides say of a trial's order once a fault is in one of them, and what must come of it.
type Seed struct {
	Fault                    string
	Want                     comparer.Class
	Stops                    bool // the gate must roll back over it
	Primary, Shadow, Channel []recon.Record
}

// NewTrial takes the first sound order of a judgement; nil = there is none.
func NewTrial(l *comparer.Ledger, j *comparer.Judgement, scope comparer.Scope, policy Policy) *Trial {
	sound := soundOrder(j, scope)
	if len(sound) == 0 {
		return nil
	}
	scope.Rows, scope.Only = nil, sound[0].Order
	return &Trial{ledger: l.Excerpt(scope.Only), sound: sound, scope: scope, policy: policy}
}

// Primary gives copies of what the primary has of the order; the booking to put a fault into is the first.
func (t *Trial) Primary() []recon.Record { return of(t.sound, primaryOf) }

// Shadow gives what the shadow has, in the same order.
func (t *Trial) Shadow() []recon.Record { return of(t.sound, shadowOf) }

// Channel gives what the channel's statement has, in the same order; none where there is no statement.
func (t *Trial) Channel() []recon.Record { return of(t.sound, channelOf) }

// Final tells whether what the statement lacks is missing.
func (t *Trial) Final() bool { return t.scope.ChannelFinal }

// Sound is the class of the order as it is.
func (t *Trial) Sound() comparer.Class {
	if t.scope.ChannelFinal {
		return comparer.Agree
	}
	return comparer.Inconclusive
}

// Try joins, judges and decides on what the sides say, and tells whether the fault was found.
func (t *Trial) Try(ctx context.Context, s Seed) (Probe, error) {
	joined, err := match.Join(ctx, side("primary", s.Primary), side("shadow", s.Shadow), side("channel", s.Channel))
	if err != nil {
		return Probe{}, err
	}
	j, err := comparer.Judge(t.ledger, joined, t.scope)
	if err != nil {
		return Probe{}, err
	}
	class := comparer.Unbooked
	for _, o := range j.Orders {
		if o.ID == t.scope.Only {
			class = o.Class
		}
	}
	verdict := Decide(j, t.policy, Facts{Live: true}).Verdict
	return Probe{Fault: s.Fault, Found: class == s.Want && (!s.Stops || verdict == Rollback), Saw: fmt.Sprintf("%s, %s", class, verdict)}, nil
}

func primaryOf(b comparer.Booking) *recon.Record { return b.Primary }
func shadowOf(b comparer.Booking) *recon.Record  { return b.Shadow }
func channelOf(b comparer.Booking) *recon.Record { return b.Channel }

// of copies one side's records.
func of(bookings []comparer.Booking, side func(comparer.Booking) *recon.Record) []recon.Record {
	var out []recon.Record
	for _, b := range bookings {
		if r := side(b); r != nil {
			out = append(out, *r)
		}
	}
	return out
}

func side(name string, all []recon.Record) match.Side {
	return match.Side{Name: name, Records: func(yield func(recon.Record, error) bool) {
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}}
}

package gate

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Probe is one seeded fault, and whether it was found.
type Probe struct {
	Fault string `json:"fault"`
	Found bool   `json:"found"`
	Saw   string `json:"saw"` // what the judgement said of it
}

// seeded is a fault put into a copy of one sound order.
type seeded struct {
	name  string
	strip func(*comparer.Booking)
	want  comparer.Class
	stops bool // the gate must roll back over it
}

func faults(channel bool) []seeded {
	cent := seeded{"a cent more in the shadow's book", func(b *comparer.Booking) { b.Shadow.Amount.Minor++ }, comparer.Regression, true}
	if !channel {
		return []seeded{cent} // without a statement nothing that is missing counts
	}
	return []seeded{
		cent,
		{"a row that the shadow's book lacks", func(b *comparer.Booking) { b.Shadow = nil }, comparer.Regression, true},
		{"a line that the statement lacks", func(b *comparer.Booking) { b.Channel = nil }, comparer.Common, false},
	}
}

// SelfTest proves that a judgement could have failed: it takes one sound order as it was read from the sides, puts each
// fault into a copy, and has the copy joined, judged and decided on like everything else. The copies are no evidence.
func (t *Trial) SelfTest(ctx context.Context) ([]Probe, error) {
	var probes []Probe
	for _, fault := range faults(t.scope.ChannelFinal) {
		p, err := t.probe(ctx, fault)
		if err != nil {
			return nil, fmt.Errorf("seed %s: %w", fault.name, err)
		}
		probes = append(probes, p)
	}
	return probes, nil
}

// soundOrder gives the bookings of the first order on which all sides agree and nothing differs.
func soundOrder(j *comparer.Judgement, scope comparer.Scope) []comparer.Booking {
	sound := map[string]bool{}
	for _, o := range j.Orders {
		sound[o.ID] = len(o.Mismatches) == 0 && (o.Class == comparer.Agree || (!scope.ChannelFinal && o.Cause == shadow.CauseNoChannelFile))
	}
	var out []comparer.Booking
	for _, b := range j.Bookings {
		whole := b.Primary != nil && b.Shadow != nil && (b.Channel != nil || !scope.ChannelFinal)
		switch {
		case len(out) > 0 && out[0].Order != b.Order:
		case sound[b.Order] && whole:
			out = append(out, b)
		}
	}
	return out
}

func (t *Trial) probe(ctx context.Context, fault seeded) (Probe, error) {
	struck := slices.Clone(t.sound)
	struck[0] = copied(struck[0])
	fault.strip(&struck[0])
	seed := Seed{Fault: fault.name, Want: fault.want, Stops: fault.stops, Primary: of(struck, primaryOf), Shadow: of(struck, shadowOf), Channel: of(struck, channelOf)}
	return t.Try(ctx, seed)
}

// copied has records of its own, so that the evidence stays as it is.
func copied(b comparer.Booking) comparer.Booking {
	for _, r := range []**recon.Record{&b.Primary, &b.Shadow, &b.Channel} {
		if *r != nil {
			own := **r
			*r = &own
		}
	}
	return b
}

package events

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Outcome is what came of an event.
type Outcome string

// The outcomes of events.
const (
	Fresh    Outcome = "new"
	Known    Outcome = "known"    // said before, or older than what is known
	Forward  Outcome = "forward"  // a later state, or something that was missing
	Conflict Outcome = "conflict" // contradicts what was said before; both are kept
)

// Outcomes lists them.
func Outcomes() []Outcome { return []Outcome{Fresh, Known, Forward, Conflict} }

// take brings what is known about a booking forward by what was told later. What contradicts leaves it as it is: which of
// the two is right is for the file to say.
func (e *Event) take(later Event) Outcome {
	known, told := &e.Record, &later.Record
	switch {
	case contradict(known, told):
		return Conflict
	case final(told) && !final(known):
		fill(told, known)
		if !later.timed() {
			later.Day = e.Day
		}
		*e = later
		return Forward
	case final(known) && !final(told):
		return Known
	}
	day := e.timed()
	if !fill(known, told) {
		return Known
	}
	if !day && e.timed() {
		e.Day = later.Day
	}
	return Forward
}

// final tells whether a booking has come to its end.
func final(r *recon.Record) bool { return r.Status != recon.StatusProcessing }

// contradict tells whether two records of one booking cannot both be right. What one of them leaves open is no
// contradiction: a payment under way may have no amount, no fee and no channel's id yet.
func contradict(a, b *recon.Record) bool {
	differ := func(x, y string) bool { return x != "" && y != "" && x != y }
	return hasAmount(a) && hasAmount(b) && a.Amount != b.Amount || a.Fee != nil && b.Fee != nil && *a.Fee != *b.Fee ||
		final(a) && final(b) && a.Status != b.Status || differ(a.Order, b.Order) || differ(a.Account, b.Account) || differ(a.ChannelTxn, b.ChannelTxn)
}

// hasAmount is false for a booking that did not happen and that nobody says the amount of.
func hasAmount(r *recon.Record) bool { return r.Amount.Minor != 0 || r.Status == recon.StatusSuccess }

// fill puts what only the other record says into r, and tells whether there was anything.
func fill(r, other *recon.Record) (filled bool) {
	for _, text := range []struct{ to, from *string }{{&r.Order, &other.Order}, {&r.Account, &other.Account}, {&r.ChannelTxn, &other.ChannelTxn}, {&r.Original, &other.Original}, {&r.Settled, &other.Settled}} {
		if *text.to == "" && *text.from != "" {
			*text.to, filled = *text.from, true
		}
	}
	for _, at := range []struct{ to, from *time.Time }{{&r.Time, &other.Time}, {&r.Booked, &other.Booked}} {
		if at.to.IsZero() && !at.from.IsZero() {
			*at.to, filled = *at.from, true
		}
	}
	if r.Fee == nil && other.Fee != nil {
		r.Fee, filled = other.Fee, true
	}
	if !hasAmount(r) && hasAmount(other) {
		r.Amount, filled = other.Amount, true
	}
	return filled
}

// same tells whether both are one and the same message, which came once.
func (e *Event) same(o *Event) bool {
	return e.SHA256 == o.SHA256 && e.Source == o.Source && e.Received.Equal(o.Received) && content(&e.Record) == content(&o.Record)
}

// content is a digest of what can contradict: the same contradiction twice is one.
func content(r *recon.Record) string {
	b := entry.AppendText(nil, []byte(r.Status))
	b = entry.AppendNumber(b, true, r.Amount.Minor)
	b = entry.AppendText(b, []byte(r.Amount.Currency))
	b = (entry.CompareFee | entry.CompareOrder | entry.CompareAccount | entry.CompareChannelTxn).Texts(b, r)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

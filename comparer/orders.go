package comparer

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// order is what the ledger holds of one order.
type order struct {
	bornGray   bool
	taints     []string // causes, in order of arrival
	writeTaint string   // cause: a write set of the order is unknown or did not arrive
	applies    map[string]shadow.ApplyState
	samples    []*sample
	voided     map[*sample]string // what void found; nil = to be found anew
	bindings   []shadow.Binding
	shared     shared
	reads      []shadow.Mismatch
	span       // of its events
}

// span is the time between the first and the last of some events, as their sidecars tell it.
type span struct{ first, last time.Time }

func (s *span) heard(at time.Time) {
	if s.first.IsZero() || at.Before(s.first) {
		s.first = at
	}
	if at.After(s.last) {
		s.last = at
	}
}

// void gives the cause why neither a match nor a mismatch of the sample holds; "" = it holds.
func (o *order) void(s *sample) string {
	if o.voided == nil {
		o.voided = o.voids()
	}
	return o.voided[s]
}

// voids goes through the samples as they came: after one that does not hold, nothing later about the order does, wherever
// it came.
func (o *order) voids() map[*sample]string {
	out := map[*sample]string{}
	broken := false
	for _, s := range slices.SortedStableFunc(slices.Values(o.samples), func(a, b *sample) int { return a.begin.Compare(b.begin) }) {
		cause := o.overtaken(s)
		if cause == "" && broken && s.decided() {
			cause = shadow.CauseTainted
		}
		if cause != "" {
			out[s], broken = cause, true
		}
	}
	return out
}

// decided tells whether a sample says anything about the candidate.
func (s *sample) decided() bool {
	v := s.evidence.Verdict.Outcome
	return v == shadow.Match || v == shadow.Mismatched
}

// overtaken gives the cause why a sample does not hold by itself: its guard said so, the shadow runs of two sidecars
// overtook each other, another sidecar had broken one of the order before, or one was left out. (One sidecar keeps them in
// order by itself.)
func (o *order) overtaken(s *sample) string {
	if !s.decided() {
		return ""
	}
	if s.void != "" {
		return s.void
	}
	for _, other := range o.samples {
		switch {
		case other.leftOut() && o.bornGray && other.begin.Before(s.begin):
			return shadow.CauseMembership
		case other.instance == s.instance:
		case other.begin.Before(s.begin) && (!other.closed || other.end.After(s.ran())):
			return shadow.CauseOrder
		case other.begin.Before(s.begin) && (other.evidence.Verdict.Taints() || other.void != ""):
			return shadow.CauseTainted
		case !other.begin.Before(s.begin) && other.couldRunBefore(s.end):
			return shadow.CauseOrder
		}
	}
	return ""
}

// couldRunBefore tells whether the candidate may have had its copy by then. Of a sidecar that was killed before it told
// the end, nobody knows.
func (s *sample) couldRunBefore(at time.Time) bool {
	if !s.closed {
		return s.begin.Before(at)
	}
	return s.evidence.Ran != nil && s.evidence.Ran.Before(at)
}

// leftOut tells whether the candidate did not get a request because nobody knew that its order was gray.
func (s *sample) leftOut() bool {
	return s.closed && s.evidence.Verdict.Outcome == shadow.Excluded && s.evidence.Verdict.Cause == shadow.RuleNotBornGray
}

// ran is when the shadow run of a sample began, or could have.
func (s *sample) ran() time.Time {
	if s.evidence.Ran != nil {
		return *s.evidence.Ran
	}
	return s.begin
}

// taint gives the first cause why nothing later about the order counts; "" = it is clean.
func (o *order) taint() string {
	if len(o.taints) > 0 {
		return o.taints[0]
	}
	for _, s := range o.samples {
		if cause := o.void(s); cause != "" {
			return cause
		}
	}
	switch {
	case o.bornGray && slices.ContainsFunc(o.samples, (*sample).leftOut):
		return shadow.CauseMembership
	case o.pending():
		return shadow.CauseApply
	}
	return ""
}

// mismatches are the differences of its samples that hold.
func (o *order) mismatches() []shadow.Mismatch {
	var out []shadow.Mismatch
	for _, s := range o.samples {
		if s.closed && o.void(s) == "" {
			out = append(out, s.evidence.Verdict.Mismatches...)
		}
	}
	return out
}

func (o *order) pending() bool {
	for _, state := range o.applies {
		if state == shadow.ApplyPending {
			return true
		}
	}
	return false
}

// Excerpt is a ledger of its own, which knows what this one knows of an order now and nothing else.
func (l *Ledger) Excerpt(id string) *Ledger {
	out := NewLedger()
	o := l.orders[id]
	if o == nil {
		return out
	}
	own := *o
	own.taints, own.bindings, own.reads = slices.Clone(o.taints), slices.Clone(o.bindings), slices.Clone(o.reads)
	own.applies, own.shared = maps.Clone(o.applies), o.shared.clone()
	own.samples, own.voided = nil, nil
	for _, s := range o.samples {
		copied := *s
		own.samples = append(own.samples, &copied)
		out.samples[s.evidence.Sample] = &copied
	}
	out.orders[id] = &own
	return out
}

// Order is what the ledger knows of one gray order.
type Order struct {
	ID         string
	BornGray   bool
	Taint      string // first cause; "" = clean
	Mismatches []shadow.Mismatch
	Data       []shadow.Mismatch // in what it added to shared rows, and in what it read
	Bindings   []shadow.Binding
	First      time.Time // event about it
	Last       time.Time
	Running    bool // a sample of it is open, or a write set on its way
}

// Orders lists the orders that have evidence, by id.
func (l *Ledger) Orders() []Order {
	out := make([]Order, 0, len(l.orders))
	for _, id := range slices.Sorted(maps.Keys(l.orders)) {
		o := l.orders[id]
		entry := Order{ID: id, BornGray: o.bornGray, Taint: o.taint(), Mismatches: o.mismatches(), Bindings: o.bindings, First: o.first, Last: o.last, Running: o.running() || o.pending()}
		if entry.Taint == "" && !o.running() {
			entry.Data = slices.Concat(o.shared.mismatches(), o.reads)
		}
		out = append(out, entry)
	}
	return out
}

// running tells whether a sample of the order is not closed: one of its sides is ahead of the other.
func (o *order) running() bool {
	return slices.ContainsFunc(o.samples, func(s *sample) bool { return !s.closed })
}

// Excuse says why the two sides of an order may differ for now without saying anything: "" = they may not. A sample that is
// not closed, and a write set on its way, excuse it for a while; a taint for good.
func (l *Ledger) Excuse(id string) (cause string, passing bool) {
	o := l.orders[id]
	switch {
	case o == nil || !o.bornGray:
		return shadow.RuleNotBornGray, false
	case len(o.taints) > 0:
		return o.taints[0], false
	case o.running() || o.pending():
		return string(shadow.Pending), true
	}
	return o.taint(), false
}

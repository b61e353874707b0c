package comparer

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Ledger is the conservation ledger of one gray run. It is not safe for concurrent use.
//
//	opened ──► pending ──closed──► match | mismatch | inconclusive | dropped | excluded
//	                                 └── a write set of its order that did not arrive: inconclusive
type Ledger struct {
	seen      map[string]bool
	samples   map[string]*sample
	orders    map[string]*order
	instances map[string]*instance
	voids     map[string]string // by sample: why what was found in it does not hold
	loose     []string          // causes of taints that name no order
	nonsense  []string          // events that cannot be counted
}

type sample struct {
	evidence   shadow.Evidence
	instance   string
	opened     bool
	closed     bool
	begin, end time.Time // as its sidecar told
	void       string    // cause: what was found in it does not hold
	joined     bool      // it is among the samples of its order
}

type instance struct {
	opened, closed, writeSets uint64
	tally                     *shadow.Tally
	arrived                   time.Time // its last event, by the clock of who keeps the ledger
	span                                // of its events
}

// NewLedger gives an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{seen: map[string]bool{}, samples: map[string]*sample{}, orders: map[string]*order{}, instances: map[string]*instance{}, voids: map[string]string{}}
}

// Apply takes one event and tells whether it is a new one; the same event twice counts once. One that makes no sense keeps
// the ledger from balancing.
func (l *Ledger) Apply(ev shadow.Event) bool {
	if ev.ID == "" {
		l.nonsense = append(l.nonsense, fmt.Sprintf("event of kind %q has no id", ev.Kind))
		return false
	}
	if l.seen[ev.ID] {
		return false
	}
	l.seen[ev.ID] = true
	in := l.instance(ev.Instance)
	in.heard(ev.Time)
	switch {
	case ev.Kind == shadow.EventOpened && ev.Evidence != nil:
		in.opened++
		l.open(ev)
	case ev.Kind == shadow.EventClosed && ev.Evidence != nil:
		in.closed++
		l.close(ev)
	case ev.Kind == shadow.EventWriteSet && ev.WriteSet != nil:
		in.writeSets++
		l.writeSet(*ev.WriteSet)
	case ev.Kind == shadow.EventApplied && ev.Apply != nil:
		l.applied(*ev.Apply)
	case ev.Kind == shadow.EventTaint && ev.Taint != nil && ev.Taint.Sample != "":
		l.voids[ev.Taint.Sample] = ev.Taint.Cause
		if s := l.samples[ev.Taint.Sample]; s != nil {
			s.void = ev.Taint.Cause
			l.order(s.evidence.Order).voided = nil
		}
	case ev.Kind == shadow.EventTaint && ev.Taint != nil:
		l.taint(ev.Taint.Order, ev.Taint.Cause)
	case ev.Kind == shadow.EventRead && ev.Read != nil:
		o := l.order(ev.Read.Order)
		o.reads = append(o.reads, ev.Read.Mismatches...)
	case ev.Kind == shadow.EventTally && ev.Tally != nil:
		in.tally = ev.Tally
	default:
		l.nonsense = append(l.nonsense, fmt.Sprintf("event %s of kind %q carries nothing of that kind", ev.ID, ev.Kind))
	}
	if o := l.orders[ev.Order()]; o != nil {
		o.heard(ev.Time)
	}
	return true
}

// Arrived notes when an event of a sidecar came, by the clock here: a sidecar's own may be late.
func (l *Ledger) Arrived(instance string, at time.Time) {
	if in := l.instance(instance); at.After(in.arrived) {
		in.arrived = at
	}
}

// Behind names the sidecars that still run and of which nothing arrived from at on: of what they saw before, something may be
// on its way. One that has been silent since quiet is not waited for.
func (l *Ledger) Behind(at, quiet time.Time) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(l.instances)) {
		in := l.instances[name]
		ended := in.tally != nil && in.tally.Final
		if !ended && in.arrived.Before(at) && in.arrived.After(quiet) {
			names = append(names, name)
		}
	}
	return names
}

// Ended tells whether every sidecar that was heard of has drained. While none was, the run has not begun.
func (l *Ledger) Ended() bool {
	for _, in := range l.instances {
		if in.tally == nil || !in.tally.Final {
			return false
		}
	}
	return len(l.instances) > 0
}

func (l *Ledger) open(ev shadow.Event) {
	e := *ev.Evidence
	s := l.sample(e.Sample)
	s.opened, s.begin = true, ev.Time
	if !s.closed {
		s.evidence, s.instance = e, ev.Instance
	}
	l.join(s)
	if e.Creates {
		l.order(e.Order).bornGray = true
	}
}

// join makes a sample one of its order.
func (l *Ledger) join(s *sample) {
	o := l.order(s.evidence.Order)
	o.voided = nil
	if !s.joined {
		o.samples, s.joined, s.void = append(o.samples, s), true, l.voids[s.evidence.Sample]
	}
}

func (l *Ledger) close(ev shadow.Event) {
	e := *ev.Evidence
	s := l.sample(e.Sample)
	if s.closed {
		l.nonsense = append(l.nonsense, fmt.Sprintf("sample %s was closed twice", e.Sample))
		return
	}
	if e.Verdict.Outcome == shadow.Pending || !slices.Contains(shadow.Outcomes(), e.Verdict.Outcome) {
		l.nonsense = append(l.nonsense, fmt.Sprintf("sample %s was closed with outcome %q", e.Sample, e.Verdict.Outcome))
		return
	}
	s.closed, s.evidence, s.instance, s.end = true, e, ev.Instance, ev.Time
	l.join(s)
	o := l.order(e.Order)
	if e.Creates && e.Verdict.Outcome != shadow.Excluded {
		o.bornGray = true
	}
	o.bindings = append(o.bindings, e.Bindings...)
	if e.Verdict.Taints() {
		o.taints = append(o.taints, taintCause(e.Verdict))
	}
}

func taintCause(v shadow.Verdict) string {
	if v.Cause != "" {
		return v.Cause
	}
	return string(shadow.KindError)
}

func (l *Ledger) writeSet(w shadow.WriteSet) {
	switch {
	case w.Outcome == shadow.CommitUnknown:
		l.taintWrites(w.Order, shadow.CauseUnknownCommit)
	case w.Outcome == shadow.Committed && w.Cause != "":
		l.taintWrites(w.Order, w.Cause)
	case w.Outcome == shadow.Committed && w.Order != "":
		for _, s := range w.Statements {
			l.order(w.Order).shared.add(w.Side, s)
		}
	}
}

func (l *Ledger) applied(a shadow.Apply) {
	if a.Order == "" {
		if a.State != shadow.Applied && a.State != shadow.ApplyPending {
			l.loose = append(l.loose, a.Cause)
		}
		return
	}
	o := l.order(a.Order)
	if o.applies == nil {
		o.applies = map[string]shadow.ApplyState{}
	}
	if a.State == shadow.ApplyPending && o.applies[a.WriteSet] != "" {
		return // its end was told already
	}
	o.applies[a.WriteSet] = a.State
	switch a.State {
	case shadow.ApplyFailed, shadow.ApplyDropped, shadow.ApplyUnknown:
		cause := a.Cause
		if cause == "" {
			cause = shadow.CauseApply
		}
		l.taintWrites(a.Order, cause)
	}
}

func (l *Ledger) taintWrites(id, cause string) {
	l.taint(id, cause)
	if id != "" && l.order(id).writeTaint == "" {
		l.order(id).writeTaint = cause
	}
}

func (l *Ledger) taint(id, cause string) {
	if id == "" {
		l.loose = append(l.loose, cause)
		return
	}
	o := l.order(id)
	o.taints = append(o.taints, cause)
}

func (l *Ledger) sample(id string) *sample {
	if l.samples[id] == nil {
		l.samples[id] = &sample{}
	}
	return l.samples[id]
}

func (l *Ledger) order(id string) *order {
	if l.orders[id] == nil {
		l.orders[id] = &order{}
	}
	return l.orders[id]
}

func (l *Ledger) instance(id string) *instance {
	if l.instances[id] == nil {
		l.instances[id] = &instance{}
	}
	return l.instances[id]
}

// bucket is where a sample stands now. Precedence: mismatch, inconclusive, dropped, excluded, match.
func (l *Ledger) bucket(s *sample) (shadow.Outcome, string) {
	if !s.closed {
		return shadow.Pending, ""
	}
	v, o := s.evidence.Verdict, l.orders[s.evidence.Order]
	if cause := o.void(s); cause != "" {
		return shadow.Inconclusive, cause
	}
	if v.Outcome != shadow.Match {
		return v.Outcome, v.Cause
	}
	if o != nil && o.writeTaint != "" {
		return shadow.Inconclusive, o.writeTaint
	}
	if o != nil && o.pending() {
		return shadow.Pending, ""
	}
	return shadow.Match, ""
}

// Counts is the state of the ledger in numbers.
type Counts struct {
	Sampled  int                    `json:"sampled"`
	Outcomes map[shadow.Outcome]int `json:"outcomes"`
	Causes   map[string]int         `json:"causes,omitempty"` // "dropped(queue-full)" and the like
	Problems []string               `json:"problems,omitempty"`
}

// Balanced tells whether everything that was sampled is accounted for.
func (c Counts) Balanced() bool { return len(c.Problems) == 0 }

// Counts adds up. What does not add up is listed in Problems; a gate must not decide on it.
func (l *Ledger) Counts() Counts {
	c := Counts{Outcomes: map[shadow.Outcome]int{}, Causes: map[string]int{}}
	for _, outcome := range shadow.Outcomes() {
		c.Outcomes[outcome] = 0
	}
	for _, id := range slices.Sorted(maps.Keys(l.samples)) {
		s := l.samples[id]
		if !s.opened {
			c.Problems = append(c.Problems, fmt.Sprintf("sample %s was closed but never opened", id))
		}
		c.Sampled++
		outcome, cause := l.bucket(s)
		c.Outcomes[outcome]++
		if cause != "" {
			c.Causes[fmt.Sprintf("%s(%s)", outcome, cause)]++
		}
	}
	sum := 0
	for _, n := range c.Outcomes {
		sum += n
	}
	if sum != c.Sampled {
		c.Problems = append(c.Problems, fmt.Sprintf("%d samples, but the buckets add up to %d", c.Sampled, sum))
	}
	c.Problems = append(c.Problems, l.nonsense...)
	for _, cause := range l.loose {
		c.Problems = append(c.Problems, "a tagged write belongs to no known order: "+cause)
	}
	c.Problems = append(c.Problems, l.tallyProblems()...)
	return c
}

// tallyProblems holds what arrived against what each sidecar says it sent.
func (l *Ledger) tallyProblems() []string {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(l.instances)) {
		in := l.instances[name]
		if in.tally == nil {
			problems = append(problems, fmt.Sprintf("sidecar %s has not told its own count", name))
			continue
		}
		if in.tally.Lost > 0 {
			problems = append(problems, fmt.Sprintf("sidecar %s lost %d events", name, in.tally.Lost))
		}
		for _, c := range []struct {
			what      string
			got, told uint64
		}{{"opened", in.opened, in.tally.Sampled}, {"closed", in.closed, in.tally.Closed}, {"write sets", in.writeSets, in.tally.WriteSets}} {
			if c.got < c.told || (in.tally.Final && c.got != c.told) {
				problems = append(problems, fmt.Sprintf("sidecar %s: %d %s arrived, it counted %d", name, c.got, c.what, c.told))
			}
		}
	}
	return append(problems, l.lonely()...)
}

// lonely finds sidecars that share nothing and yet ran beside each other: one leaves out what the other found gray.
func (l *Ledger) lonely() []string {
	var problems []string
	names := slices.Sorted(maps.Keys(l.instances))
	for i, name := range names {
		for _, other := range names[:i] {
			a, b := l.instances[name], l.instances[other]
			if a.alone() && b.alone() && a.first.Before(b.last) && b.first.Before(a.last) {
				problems = append(problems, fmt.Sprintf("sidecars %s and %s ran beside each other without bus.share", other, name))
			}
		}
	}
	return problems
}

func (in *instance) alone() bool { return in.tally != nil && in.tally.Alone }

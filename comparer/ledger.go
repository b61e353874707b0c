package comparer

import (
	"fmt"
	"maps"
	"slices"

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
	loose     []string // causes of taints that name no order
	nonsense  []string // events that cannot be counted
}

type sample struct {
	evidence shadow.Evidence
	opened   bool
	closed   bool
}

type order struct {
	bornGray   bool
	running    int      // samples that are open
	taints     []string // causes, in order of arrival
	writeTaint string   // cause: a write set of the order is unknown or did not arrive
	applies    map[string]shadow.ApplyState
	mismatches []shadow.Mismatch
	bindings   []shadow.Binding
	shared     shared
	reads      []shadow.Mismatch
}

type instance struct {
	opened, closed, writeSets uint64
	tally                     *shadow.Tally
}

// NewLedger gives an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{seen: map[string]bool{}, samples: map[string]*sample{}, orders: map[string]*order{}, instances: map[string]*instance{}}
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
	switch {
	case ev.Kind == shadow.EventOpened && ev.Evidence != nil:
		in.opened++
		l.open(*ev.Evidence)
	case ev.Kind == shadow.EventClosed && ev.Evidence != nil:
		in.closed++
		l.close(*ev.Evidence)
	case ev.Kind == shadow.EventWriteSet && ev.WriteSet != nil:
		in.writeSets++
		l.writeSet(*ev.WriteSet)
	case ev.Kind == shadow.EventApplied && ev.Apply != nil:
		l.applied(*ev.Apply)
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
	return true
}

func (l *Ledger) open(e shadow.Evidence) {
	s := l.sample(e.Sample)
	if !s.opened && !s.closed {
		l.order(e.Order).running++
	}
	s.opened = true
	if !s.closed {
		s.evidence = e
	}
	if e.Creates {
		l.order(e.Order).bornGray = true
	}
}

func (l *Ledger) close(e shadow.Evidence) {
	s := l.sample(e.Sample)
	if s.closed {
		l.nonsense = append(l.nonsense, fmt.Sprintf("sample %s was closed twice", e.Sample))
		return
	}
	if e.Verdict.Outcome == shadow.Pending || !slices.Contains(shadow.Outcomes(), e.Verdict.Outcome) {
		l.nonsense = append(l.nonsense, fmt.Sprintf("sample %s was closed with outcome %q", e.Sample, e.Verdict.Outcome))
		return
	}
	if s.opened {
		l.order(s.evidence.Order).running--
	}
	s.closed, s.evidence = true, e
	o := l.order(e.Order)
	if e.Creates && e.Verdict.Outcome != shadow.Excluded {
		o.bornGray = true
	}
	o.mismatches = append(o.mismatches, e.Verdict.Mismatches...)
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
	v := s.evidence.Verdict
	if v.Outcome != shadow.Match {
		return v.Outcome, v.Cause
	}
	o := l.orders[s.evidence.Order]
	if o != nil && o.writeTaint != "" {
		return shadow.Inconclusive, o.writeTaint
	}
	if o != nil && o.pending() {
		return shadow.Pending, ""
	}
	return shadow.Match, ""
}

func (o *order) pending() bool {
	for _, state := range o.applies {
		if state == shadow.ApplyPending {
			return true
		}
	}
	return false
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
	return problems
}

// Order is what the ledger knows of one gray order.
type Order struct {
	ID         string
	BornGray   bool
	Taint      string // first cause; "" = clean
	Mismatches []shadow.Mismatch
	Data       []shadow.Mismatch // in what it added to shared rows, and in what it read
	Bindings   []shadow.Binding
}

// Orders lists the orders that have evidence, by id.
func (l *Ledger) Orders() []Order {
	out := make([]Order, 0, len(l.orders))
	running := l.running()
	for _, id := range slices.Sorted(maps.Keys(l.orders)) {
		o := l.orders[id]
		entry := Order{ID: id, BornGray: o.bornGray, Mismatches: o.mismatches, Bindings: o.bindings}
		if len(o.taints) > 0 {
			entry.Taint = o.taints[0]
		} else if o.pending() {
			entry.Taint = shadow.CauseApply
		}
		if entry.Taint == "" && !running[id] {
			entry.Data = slices.Concat(o.shared.mismatches(), o.reads)
		}
		out = append(out, entry)
	}
	return out
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
	case o.running > 0 || o.pending():
		return string(shadow.Pending), true
	}
	return "", false
}

// running are the orders with a sample that is not closed: one of their sides is ahead of the other.
func (l *Ledger) running() map[string]bool {
	out := map[string]bool{}
	for _, s := range l.samples {
		if !s.closed {
			out[s.evidence.Order] = true
		}
	}
	return out
}

package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Clock is the time of day, for people, and a reading that only grows, for hold times.
type Clock struct {
	Now     func() time.Time
	Reading func() time.Duration
}

// NewClock reads the machine's clocks. A jump of the time of day does not move the reading.
func NewClock() Clock {
	start := time.Now()
	return Clock{Now: time.Now, Reading: func() time.Duration { return time.Since(start) }}
}

// Deps is what a ladder works with.
type Deps struct {
	Audit     Audit
	Publisher Publisher
	Metrics   *Metrics
	Clock     Clock
	Log       *slog.Logger
}

// Ladder is one rollout. It is safe for concurrent use.
//
//	stage 1 ──PASS──► stage 2 ──► … ──► last ──PASS──► done
//	   └────────────────┴── ROLLBACK ──► rolled back ──a person clears──► stage 1, with evidence from then on
type Ladder struct {
	config Config
	deps   Deps

	disk  disk
	mu    sync.Mutex
	state state
	turn  uint64 // of the last snapshot
	last  gate.Decision
	read  time.Duration // of the clock, when Elapsed was brought up to date
	there bool          // the policy was in force everywhere then
	lag   error         // of the last publication

	paying sync.Mutex // one gives the audit what it is owed at a time
	haste  haste
}

// Open takes up the rollout that an earlier process left, or begins one, and what the publisher has in force beyond that.
// What was in force is published again by Step.
func Open(ctx context.Context, config Config, deps Deps) (*Ladder, error) {
	if err := errors.Join(config.Validate()...); err != nil {
		return nil, err
	}
	l := &Ladder{config: config, deps: deps, disk: disk{path: config.State, save: (*state).save}, read: deps.Clock.Reading(), last: gate.Decision{Verdict: gate.Hold, Reasons: []string{"nothing was judged since the comparer began"}}}
	kept, err := load(config.State)
	if err != nil {
		return nil, err
	}
	if kept == nil {
		return l, l.begin(ctx)
	}
	l.state = *kept
	if p := kept.Policy; p.Service != config.Service || p.Stable != config.Stable || p.Candidate != config.Candidate {
		return nil, fmt.Errorf("%s:1:1: state.policy: is of %s, %s to %s; try: a data folder of its own for each candidate", config.State, p.Service, p.Stable, p.Candidate)
	}
	if kept.Stage >= len(config.Stages) {
		return nil, fmt.Errorf("%s:1:1: state.stage: stage %d is in force, and there are %d; try: give the stage back", config.State, kept.Stage+1, len(config.Stages))
	}
	l.adopt()
	l.show()
	return l, nil
}

// begin begins above every epoch that the publisher has taken: it takes none of them again, a rollback's neither. Where it
// has a rollback in force, which an earlier state of this rollout knew, a person has to clear it.
func (l *Ladder) begin(ctx context.Context) error {
	p, highest := l.deps.Publisher.InForce()
	next := state{Policy: l.config.policy(highest+1, l.config.Stages[0]), Epoch: highest + 1}
	if !p.RolledBack {
		return l.enter(ctx, next, l.entry(Begun, Gate, next, nil))
	}
	reasons := []string{"a rollback is in force, and the state of its rollout is gone"}
	next = state{Policy: p, Epoch: highest, Rollback: &note{By: Gate, At: l.deps.Clock.Now(), Reasons: reasons}}
	return l.enter(ctx, next, l.entry(Begun, Gate, next, reasons))
}

// adopt takes over what was published and not kept any more: a rollback goes out before it is kept.
func (l *Ladder) adopt() {
	p, highest := l.deps.Publisher.InForce()
	l.state.Epoch = max(l.state.Epoch, highest)
	if p.RolledBack && l.state.Rollback == nil && p.Epoch >= l.state.Policy.Epoch {
		l.fall(p, Gate, []string{"a rollback was in force when the comparer began; who asked for it, and why, was not kept"})
	}
}

// Terms are what a decision about the stage in force has to be made under.
type Terms struct {
	Epoch uint64    // of the policy in force
	Bound float64   // mismatch rate that the evidence must exclude
	Since time.Time // of the evidence that counts; zero = all
}

// Terms gives them.
func (l *Ladder) Terms() Terms {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.terms()
}

func (l *Ladder) terms() Terms {
	return Terms{Epoch: l.state.Policy.Epoch, Bound: l.config.Stages[l.state.Stage].Bound, Since: l.state.Since}
}

// Publish has what is in force published again, as after a start.
func (l *Ladder) Publish(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.publish(ctx)
}

// Catch publishes what is in force where the last attempt failed, and notices when it is in force everywhere: it is to be
// called often.
func (l *Ladder) Catch(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tick()
	if l.lag == nil {
		return nil
	}
	return l.publish(ctx)
}

// Step takes a decision, does what follows from it, and has the policy in force published. It is to be called again after
// an error. A decision under other terms, because a person acted meanwhile, says nothing.
func (l *Ladder) Step(ctx context.Context, under Terms, d gate.Decision) error {
	err := l.step(ctx, under, d)
	if errors.Is(err, errHaste) {
		return err // the rollback that went first sees to its own entry, and may wait long for the audit
	}
	return errors.Join(err, l.Settle(ctx))
}

func (l *Ladder) step(ctx context.Context, under Terms, d gate.Decision) error {
	turn, now, err := l.move(ctx, under, d)
	return errors.Join(err, l.disk.keep(turn, now))
}

// move is step up to where it is kept: whoever waits for the disk holds up nobody.
func (l *Ladder) move(ctx context.Context, under Terms, d gate.Decision) (turn uint64, now state, err error) {
	unlock := l.lock(d.Verdict == gate.Rollback)
	defer unlock()
	if under != l.terms() {
		d = gate.Decision{Verdict: gate.Hold, Reasons: []string{"the rollout changed while it was judged"}}
	}
	l.last = d
	l.tick()
	l.acknowledge()
	err = l.act(ctx, d)
	l.show()
	err = errors.Join(err, l.publish(ctx))
	turn, now = l.snapshot()
	return turn, now, err
}

// lock takes the ladder. A rollback does not wait behind what waits for the audit.
func (l *Ladder) lock(rollback bool) (unlock func()) {
	if rollback {
		defer l.haste.ask()()
	}
	l.mu.Lock()
	return l.mu.Unlock
}

// tick counts the time of the stage while its policy is in force everywhere and this process runs; what a process did not
// see does not count.
func (l *Ladder) tick() {
	now := l.deps.Clock.Reading()
	passed, before := max(now-l.read, 0), l.there
	l.read = now
	if l.arrive(); before && l.there {
		l.state.Elapsed += passed
	}
}

// arrive looks whether the policy is in force everywhere. What was judged before that does not count for its stage.
func (l *Ladder) arrive() {
	l.there = l.lag == nil && unsettled(l.deps.Publisher.Subscribers(), l.state.Policy) == ""
	if l.there && l.state.Entering {
		l.state.Base, l.state.Entering = l.last.Judged, false
	}
}

// acknowledge remembers what all subscribers have in force.
func (l *Ladder) acknowledge() {
	if l.there && l.state.Rollback == nil {
		l.state.Good = &point{Policy: l.state.Policy, Stage: l.state.Stage}
	}
}

func (l *Ladder) act(ctx context.Context, d gate.Decision) error {
	switch {
	case l.state.Rollback != nil:
		return nil
	case d.Verdict == gate.Rollback:
		l.rollback(Gate, d.Reasons)
		return nil
	}
	if by, refused := refusal(l.deps.Publisher.Subscribers(), l.state.Policy); refused {
		return l.retreat(ctx, by)
	}
	if len(l.waitsFor(d)) > 0 {
		return nil
	}
	return l.ascend(ctx)
}

// waitsFor names everything that keeps the next stage away, except an approval.
func (l *Ladder) waitsFor(d gate.Decision) []string {
	var out []string
	stage := l.config.Stages[l.state.Stage]
	switch {
	case l.state.Rollback != nil && len(l.state.Owed) > 0:
		return []string{"rolled back: a person has to clear it", ErrOwed.Error()}
	case l.state.Rollback != nil:
		return []string{"rolled back: a person has to clear it"}
	case l.state.Done:
		return []string{"the last stage is proved"}
	case l.state.Held != nil:
		out = append(out, fmt.Sprintf("held by %s: %v", l.state.Held.By, l.state.Held.Reasons))
	}
	if d.Verdict != gate.Pass {
		out = append(out, d.Reasons...)
	}
	if seen := d.Judged - l.state.Base; seen < stage.MinOrders {
		out = append(out, fmt.Sprintf("%d orders judged in this stage, at least %d are asked for", max(seen, 0), stage.MinOrders))
	}
	if l.state.Elapsed < stage.Hold {
		out = append(out, fmt.Sprintf("%s of %s in this stage", l.state.Elapsed.Round(time.Second), stage.Hold))
	}
	if name := unsettled(l.deps.Publisher.Subscribers(), l.state.Policy); name != "" || l.lag != nil {
		out = append(out, "the policy is not in force everywhere: "+cmp.Or(name, fmt.Sprint(l.lag)))
	}
	return out
}

// ascend goes one stage up, or proposes to.
func (l *Ladder) ascend(ctx context.Context) error {
	next, stage := l.state, l.config.Stages[l.state.Stage]
	if next.Stage == len(l.config.Stages)-1 {
		next.Done = true
		return l.enter(ctx, next, l.entry(Completed, Gate, next, l.last.Reasons))
	}
	policy := l.config.policy(l.state.Epoch+1, l.config.Stages[l.state.Stage+1])
	by := Gate
	if stage.Approval {
		p := l.state.Proposal
		switch {
		case p == nil || p.Policy != policy:
			next.Proposal = &proposal{Policy: policy, By: cmp.Or(l.state.Starter, Gate), At: l.deps.Clock.Now()}
			return l.enter(ctx, next, l.entry(Proposed, next.Proposal.By, next, l.last.Reasons))
		case p.Approver == "":
			return nil
		}
		by = p.Approver
	}
	next.Stage++
	next.Policy, next.Epoch = policy, policy.Epoch
	next.Elapsed, next.Base, next.Entering, next.Proposal, next.Starter = 0, l.last.Judged, true, nil, ""
	return l.enter(ctx, next, l.entry(Promoted, by, next, l.last.Reasons))
}

// rollback takes everything from the candidate. Nothing stops it: it is published before it is kept, the audit is owed the
// entry, which Settle gives it then, and a disk that cannot keep the state is told of and no more. A process that is killed
// in between finds the rollback with the publisher, or an epoch above which one can be published.
func (l *Ladder) rollback(by string, reasons []string) {
	l.fall(shadow.Policy{Service: l.config.Service, Stable: l.config.Stable, Candidate: l.config.Candidate, Epoch: l.state.Epoch + 1, RolledBack: true}, by, reasons)
}

func (l *Ladder) fall(p shadow.Policy, by string, reasons []string) {
	next := l.state
	next.Policy, next.Epoch = p, max(next.Epoch, p.Epoch)
	next.Rollback = &note{By: by, At: l.deps.Clock.Now(), Reasons: reasons}
	next.Proposal, next.Done = nil, false
	next.Owed = append(slices.Clone(next.Owed), l.entry(RolledBack, by, next, reasons))
	l.state = next
	l.deps.Metrics.changed(RolledBack)
	l.deps.Log.Warn("rolled back", "epoch", next.Epoch, "by", by, "reasons", reasons)
}

// retreat goes back to what all had acknowledged, after somebody refused what came next; a person has to clear the way.
func (l *Ladder) retreat(ctx context.Context, by Subscriber) error {
	next := l.state
	reasons := []string{fmt.Sprintf("%s refused the policy of stage %d: %s", by.Name, l.state.Stage+1, by.Reason)}
	next.Held = &note{By: Gate, At: l.deps.Clock.Now(), Reasons: reasons}
	next.Proposal = nil
	switch good := l.state.Good; {
	case good != nil && good.Policy != l.state.Policy:
		next.Policy, next.Stage, next.Done = good.Policy, good.Stage, false
	case l.state.Held != nil:
		return nil // there is nothing to go back to, and that is known
	}
	return l.enter(ctx, next, l.entry(Retreated, Gate, next, reasons))
}

// enter has the audit take an entry, and then makes the next state the one in force.
func (l *Ladder) enter(ctx context.Context, next state, entry Entry) error {
	if err := l.audit(ctx, entry); err != nil {
		return fmt.Errorf("audit %s: %w", entry.Change, err)
	}
	l.turn++
	if err := l.disk.keep(l.turn, next); err != nil {
		return err
	}
	l.state = next
	l.deps.Metrics.changed(entry.Change)
	l.deps.Log.Info("rollout", "change", entry.Change, "by", entry.By, "stage", next.Stage+1, "epoch", next.Policy.Epoch)
	l.show()
	return nil
}

// audit waits until the audit has an entry. While something can be rolled back, a rollback ends the wait.
func (l *Ladder) audit(ctx context.Context, entry Entry) error {
	if len(l.state.Owed) > 0 {
		return ErrOwed
	}
	if l.state.Rollback != nil {
		return l.deps.Audit.Append(ctx, entry)
	}
	waiting, done := l.haste.patient(ctx)
	defer done()
	return l.deps.Audit.Append(waiting, entry)
}

func (l *Ladder) entry(c Change, by string, next state, reasons []string) Entry {
	e := Entry{
		Time: l.deps.Clock.Now(), Change: c, By: by, Stage: next.Stage + 1, Policy: next.Policy, Hash: next.Policy.Hash(), Reasons: reasons,
		Judged: l.last.Judged, Bad: l.last.Bad, Bound: l.last.Bound,
	}
	if l.state.Epoch > 0 {
		e.Before = l.state.Policy.Hash()
	}
	return e
}

func (l *Ladder) publish(ctx context.Context) error {
	defer l.arrive()
	if l.lag = l.deps.Publisher.Publish(ctx, l.state.Policy); l.lag != nil {
		return fmt.Errorf("publish policy %s: %w", l.state.Policy.Hash(), l.lag)
	}
	return nil
}

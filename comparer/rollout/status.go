package rollout

import (
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Phase is where a rollout is.
type Phase string

// The phases.
const (
	Climbing Phase = "climbing"
	Waiting  Phase = "waiting for approval"
	OnHold   Phase = "held"
	Back     Phase = "rolled back"
	Proved   Phase = "done"
)

// Status is a rollout as people see it.
type Status struct {
	Phase       Phase         `json:"phase"`
	Stage       int           `json:"stage"` // from 1
	Stages      int           `json:"stages"`
	Policy      shadow.Policy `json:"policy"`
	Hash        string        `json:"hash"`
	Elapsed     time.Duration `json:"elapsed"`            // in this stage, in nanoseconds
	WaitsFor    []string      `json:"waits_for"`          // what keeps the next stage away
	Proposed    string        `json:"proposed,omitempty"` // hash of the policy that waits for an approval
	ProposedBy  string        `json:"proposed_by,omitempty"`
	Reasons     []string      `json:"reasons,omitempty"` // of the hold or the rollback
	By          string        `json:"by,omitempty"`      // who held or rolled back
	Subscribers []Subscriber  `json:"subscribers"`
}

// Status tells where the rollout is.
func (l *Ladder) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	out := Status{
		Phase: Climbing, Stage: s.Stage + 1, Stages: len(l.config.Stages), Policy: s.Policy, Hash: s.Policy.Hash(), Elapsed: s.Elapsed,
		WaitsFor: l.waitsFor(l.last), Subscribers: l.deps.Publisher.Subscribers(),
	}
	switch {
	case s.Rollback != nil:
		out.Phase, out.By, out.Reasons = Back, s.Rollback.By, s.Rollback.Reasons
	case s.Held != nil:
		out.Phase, out.By, out.Reasons = OnHold, s.Held.By, s.Held.Reasons
	case s.Done:
		out.Phase = Proved
	case s.Proposal != nil && s.Proposal.Approver == "":
		out.Phase, out.Proposed, out.ProposedBy = Waiting, s.Proposal.Policy.Hash(), s.Proposal.By
	}
	return out
}

// Last is the decision of the last step.
func (l *Ladder) Last() gate.Decision {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

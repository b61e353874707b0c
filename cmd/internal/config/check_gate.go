package config

import (
	"encoding/hex"
	"fmt"
	"slices"
)

func (g *Gate) check(c *Checker, controlled bool) {
	if g.Budget == 0 {
		g.Budget = g.MaxBound
	}
	if g.Budget < g.MaxBound {
		c.Complain("gate.budget", "is below max_bound: what is rolled back could have been promoted", "budget: "+g.MaxBound.String())
	}
	for i, r := range g.Require {
		at := fmt.Sprintf("gate.require[%d]", i)
		if r.Route != "" && r.Check != "response" && r.Check != "call" {
			c.Complain(child(at, "route"), "is known of checks response and call only", "take it out")
		}
		if r.Channel != "" && r.Check != "books" {
			c.Complain(child(at, "channel"), "is known of check books only", "take it out")
		}
	}
	if g.Rollout == nil {
		return
	}
	g.Rollout.check(c, g.MaxBound)
	if !controlled {
		c.Complain("gate.rollout", "is carried out by nobody", "control_plane: {listen: …, service: …, stable: …, subscribers: […]}")
	}
}

func (r *Rollout) check(c *Checker, bound Fraction) {
	if r.Abandon <= r.Settle {
		c.Complain("gate.rollout.abandon", "is not longer than settle", "10m")
	}
	r.Audit.check(c, "gate.rollout.audit")
	approvals := false
	for i := range r.Stages {
		approvals = approvals || r.Stages[i].Approval
		r.checkStage(c, i, bound)
	}
	approvers := slices.ContainsFunc(r.People, func(p Person) bool { return slices.Contains(p.Roles, "approver") })
	if approvals && !approvers {
		c.Complain("gate.rollout.people", "has no approver, and a stage asks for an approval", "{name: ann, roles: [approver], token_sha256: …}")
	}
	names, digests := map[string]bool{}, map[string]bool{}
	for i, p := range r.People {
		at := fmt.Sprintf("gate.rollout.people[%d]", i)
		if raw, err := hex.DecodeString(p.Digest); err != nil || len(raw) != 32 {
			c.Complain(child(at, "token_sha256"), "is not a SHA-256", "the 64 hex digits of: printf %s \"$TOKEN\" | sha256sum")
		} else if digests[string(raw)] {
			c.Complain(child(at, "token_sha256"), "stands here a second time", "a token of its own for each person")
		} else {
			digests[string(raw)] = true
		}
		if p.Name != "" && names[p.Name] || p.Name == "gate" {
			c.Complain(child(at, "name"), "is taken", "one entry a person")
		}
		names[p.Name] = true
	}
}

func (r *Rollout) checkStage(c *Checker, i int, bound Fraction) {
	s, at := &r.Stages[i], fmt.Sprintf("gate.rollout.stages[%d]", i)
	if s.Bound == 0 {
		s.Bound = bound
	}
	last := i == len(r.Stages)-1
	switch {
	case s.Gray == 0 && s.Serve == 0:
		c.Complain(child(at, "gray"), "asks for nothing", "gray: 1%")
	case i > 0 && (s.Gray < r.Stages[i-1].Gray || s.Serve < r.Stages[i-1].Serve):
		c.Complain(at, "is below the stage before it", "stages that grow")
	case s.Bound < bound:
		c.Complain(child(at, "bound"), "is below max_bound", "bound: "+bound.String())
	case last && s.Bound != bound:
		c.Complain(child(at, "bound"), "is not max_bound, and it is the last stage", "take it out")
	case !last && r.Stages[i+1].Serve > s.Serve && s.Bound != bound:
		c.Complain(child(at, "bound"), "is not max_bound, and the candidate answers more in the next stage", "take it out")
	}
}

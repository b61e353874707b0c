package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/comparer/server"
	"github.com/seed-3356bd69/touchstone/proxy/xds"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// rolloutFile is a rollout's file in the comparer's data folder.
const rolloutFile = "rollout.json"

func rate(f config.Fraction) float64 { return float64(f) / config.PerBillion }

// policy is what the configuration tolerates.
func (j *judge) policy() gate.Policy {
	g := j.config.Gate
	p := gate.Policy{
		Test:            gate.Test{Budget: rate(g.Budget), MaxBound: rate(g.MaxBound), PromoteError: rate(g.PromoteError), RollbackError: rate(g.RollbackError)},
		MaxInconclusive: rate(g.MaxInconclusive), MinOrders: g.MinOrders, MinMerchants: g.MinMerchants,
	}
	for _, r := range g.Require {
		key := comparer.StratumKey{Check: comparer.Check(r.Check), Route: r.Route, Channel: r.Channel, Operation: r.Operation}
		p.Require = append(p.Require, gate.Requirement{StratumKey: key, MinOrders: r.MinOrders})
	}
	return p
}

// ladderConfig makes the ladder of its configuration.
func ladderConfig(cfg *config.Comparer) (rollout.Config, error) {
	r, plane := cfg.Gate.Rollout, cfg.ControlPlane
	out := rollout.Config{Service: plane.Service, Stable: plane.Stable, Candidate: cfg.Release, State: filepath.Join(string(cfg.Data), rolloutFile)}
	for _, s := range r.Stages {
		out.Stages = append(out.Stages, rollout.Stage{
			Gray: shadow.Share(s.Gray), Serve: shadow.Share(s.Serve), MinOrders: s.MinOrders, Hold: s.Hold, Bound: rate(s.Bound), Approval: s.Approval,
		})
	}
	for _, p := range r.People {
		person := rollout.Person{Name: p.Name}
		for _, role := range p.Roles {
			person.Roles = append(person.Roles, rollout.Role(role))
		}
		if _, err := hex.Decode(person.Token[:], []byte(p.Digest)); err != nil {
			return out, fmt.Errorf("gate.rollout.people: %w", err)
		}
		out.People = append(out.People, person)
	}
	return out, nil
}

// rolloutLoop looks at the evidence now and then, and takes the ladder where the gate's decision leads.
type rolloutLoop struct {
	run    *grayRun
	config *config.Rollout
	ladder *rollout.Ladder
	audit  *rolloutAudit
	canary *canary
	log    *slog.Logger

	mu     sync.Mutex // one look at a time
	anchor pace
}

// pace is where the present rate of evidence is measured from.
type pace struct {
	epoch  uint64
	judged int
	at     time.Time
}

// canaryBuffer is more than one canary takes.
const canaryBuffer = 64

// gating takes up the rollout where one is configured, with its own way onto the bus.
func (r *grayRun) gating(ctx context.Context, cfg *config.Comparer, login bus.Login, p *plane, reg prometheus.Registerer, version string) ([]daemon.Component, error) {
	if cfg.Gate.Rollout == nil {
		return nil, nil
	}
	seed := bus.NewPublisher(bus.PublisherConfig{Login: login, Buffer: canaryBuffer, Instance: canaryInstance, Logger: r.log, Registerer: reg})
	if err := r.openRollout(ctx, cfg, seed, p, reg, version); err != nil {
		return nil, err
	}
	return []daemon.Component{
		{Name: "canaries", Bound: partBound, Run: func(ctx context.Context) error {
			_ = seed.Run(ctx) // what is left at the end is a canary that nobody waits for
			return nil
		}},
		{Name: "gate", Bound: 2 * partBound, Run: r.rollout.Run},
	}, nil
}

// openRollout takes up the rollout that an earlier process left, or begins it.
func (r *grayRun) openRollout(ctx context.Context, cfg *config.Comparer, seed publisher, p controlPlane, reg prometheus.Registerer, version string) error {
	ladder, err := ladderConfig(cfg)
	if err != nil {
		return err
	}
	loop := &rolloutLoop{run: r, config: cfg.Gate.Rollout, log: r.log, canary: newCanary(seed, cfg.Release, r.judge.policy())}
	log, err := openAudit(ctx, cfg.Gate.Rollout.Audit, audit.Config{Who: "touchstone comparer " + version, Patience: rolloutPatience, Metrics: audit.NewMetrics(reg)})
	if err != nil {
		return fmt.Errorf("gate.rollout.audit: %w", err)
	}
	warnOfNoWitness(cfg.Gate.Rollout.Audit, "gate.rollout.audit", r.log)
	loop.audit = newRolloutAudit(log)
	loop.ladder, err = rollout.Open(ctx, ladder, rollout.Deps{
		Audit: loop.audit, Publisher: followers{p}, Metrics: rollout.NewMetrics(reg), Clock: rollout.NewClock(), Log: r.log,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("take up the rollout: %w", err), loop.closeAudit(ctx))
	}
	r.rollout = loop
	return nil
}

// Run looks every now and then until ctx ends, and then gives the audit log back. What the control plane or the audit could
// not take is tried again beside it, also while a look reads and judges. They share the ladder: a promotion that waits for its
// entry, at most rolloutPatience, holds up a publication; a rollback ends that wait.
func (g *rolloutLoop) Run(ctx context.Context) error {
	if err := g.ladder.Publish(ctx); err != nil {
		g.log.Warn("policy is not published yet", telemetry.KeyError, err)
	}
	var parts sync.WaitGroup
	parts.Go(func() { every(ctx, publishEvery, func() { _ = g.ladder.Catch(ctx) }) }) // the next look tells
	parts.Go(func() { every(ctx, settleEvery, func() { _ = g.ladder.Settle(ctx) }) })
	every(ctx, g.config.Every, func() {
		if _, err := g.look(ctx); err != nil && ctx.Err() == nil {
			g.log.Error("gate", telemetry.KeyError, err)
		}
	})
	parts.Wait()
	return g.closeAudit(ctx)
}

// closeAudit gives the log back within a bound.
func (g *rolloutLoop) closeAudit(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), partBound)
	defer cancel()
	return g.audit.Close(bounded)
}

// every does something now and then until ctx ends.
func every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do()
		case <-ctx.Done():
			return
		}
	}
}

// How often it is tried again what the control plane could not take, because no subscriber was there yet, and what the
// audit log could not.
const (
	publishEvery = 200 * time.Millisecond
	settleEvery  = time.Second
)

// followers are the proxies that the control plane gives policies to.
type followers struct{ controlPlane }

// Subscribers tells how far each has come. A fenced one has no newer policy, and cannot do harm with what it has.
func (f followers) Subscribers() []rollout.Subscriber {
	var out []rollout.Subscriber
	for _, s := range f.Status().Subscribers {
		settled := s.State == xds.Acked || s.State == xds.Fenced
		out = append(out, rollout.Subscriber{Name: s.Name, State: string(s.State), Settled: settled, Epoch: s.Epoch, Refused: s.Refused, Reason: s.Reason})
	}
	return out
}

// InForce gives what was published last, and the highest epoch that is taken.
func (f followers) InForce() (shadow.Policy, uint64) {
	s := f.Status()
	highest := max(s.InForce.Epoch, s.InForce.Fence)
	if s.Refused != nil {
		highest = max(highest, s.Refused.Epoch)
	}
	return s.InForce.Policy, highest
}

// look judges under the terms of the stage in force, and takes the ladder where that leads. What cannot be judged holds.
// That a decision cannot be kept changes nothing of it: it is kept once the ladder has it.
func (g *rolloutLoop) look(ctx context.Context) (judged, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	terms := g.ladder.Terms()
	out, err := g.judge(ctx, terms)
	if err != nil {
		out.decision = gate.Decision{Verdict: gate.Hold, Reasons: []string{"the evidence could not be judged: " + err.Error()}}
		return out, errors.Join(err, g.ladder.Step(ctx, terms, out.decision))
	}
	err = g.ladder.Step(ctx, terms, out.decision)
	return out, errors.Join(err, g.run.keep(ctx, out))
}

func (g *rolloutLoop) judge(ctx context.Context, terms rollout.Terms) (judged, error) {
	policy := g.run.judge.policy()
	policy.MaxBound = terms.Bound
	facts := gate.Facts{Partial: !terms.Since.IsZero(), PerSecond: g.anchor.rate(time.Now(), terms.Epoch, g.run.latest.Load())}
	if what := g.canary.prove(ctx, g.config.SelfTest); what != "" {
		facts.Invalid = append(facts.Invalid, what)
	}
	if silent := g.run.silent(); silent > g.config.Stale && !g.run.ended() {
		facts.Problems = append(facts.Problems, fmt.Sprintf("stale: no word from any sidecar for %s", silent.Round(time.Second)))
	}
	settled := time.Now().Add(-g.config.Settle)
	scope := comparer.Scope{Since: terms.Since, Settled: settled, Abandoned: settled.Add(-g.config.Abandon)}
	return g.run.decideLive(ctx, policy, scope, facts, g.config.Settle)
}

// rate is how many orders a second were judged since the policy in force was seen first; 0 = it is not known.
func (p *pace) rate(now time.Time, epoch uint64, last *looked) float64 {
	if last == nil {
		return 0
	}
	if p.epoch != epoch || last.decision.Judged < p.judged {
		*p = pace{epoch: epoch, judged: last.decision.Judged, at: last.at}
	}
	if elapsed := last.at.Sub(p.at).Seconds(); elapsed > 0 && now.Sub(last.at) < time.Hour {
		return float64(last.decision.Judged-p.judged) / elapsed
	}
	return 0
}

// ended tells whether there were sidecars, and every one has drained.
func (r *grayRun) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Ended()
}

// silent is how long no event has come.
func (r *grayRun) silent() time.Duration { return time.Since(r.start) - time.Duration(r.heard.Load()) }

// Gate is the latest decision and where the rollout is.
func (r *grayRun) Gate() server.Gate {
	last := looked{}
	if l := r.latest.Load(); l != nil {
		last = *l
	}
	if r.rollout == nil {
		return server.Describe(last.decision, last.at, time.Now(), last.probes, nil)
	}
	status := r.rollout.ladder.Status()
	return server.Describe(r.rollout.ladder.Last(), last.at, time.Now(), last.probes, &status)
}

// Act does what a person asks for.
func (r *grayRun) Act(ctx context.Context, token string, act rollout.Act, wish server.Wish) error {
	if r.rollout == nil {
		return server.ErrNoRollout
	}
	return r.rollout.ladder.Do(ctx, token, act, wish.Reason, wish.Policy)
}

// pause waits, or says that ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

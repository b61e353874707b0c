package rollout

import (
	"context"
	"errors"
	"fmt"
)

// Act is what a person asks for.
type Act string

// The acts.
const (
	ActHold     Act = "hold"     // no next stage until it is cleared
	ActRollback Act = "rollback" // at once
	ActClear    Act = "clear"    // end a hold; after a rollback begin anew, with the evidence from now on
	ActApprove  Act = "approve"  // the proposed next stage
)

// Do does what the person with a token asks for. The hash is that of the policy that an approval is about.
func (l *Ladder) Do(ctx context.Context, token string, act Act, reason, hash string) error {
	who, err := l.config.Authenticate(token)
	if err != nil {
		return err
	}
	role := Operator
	if act == ActApprove {
		role = Approver
	}
	if !who.Has(role) {
		return fmt.Errorf("%w: %s is no %s", ErrForbidden, who.Name, role)
	}
	if reason == "" {
		return fmt.Errorf("%w: a reason is needed", ErrConflict)
	}
	if act == ActRollback {
		return errors.Join(l.carryOut(ctx, who.Name, act, reason, hash), l.Settle(ctx))
	}
	if err := l.Settle(ctx); err != nil {
		return err
	}
	return l.carryOut(ctx, who.Name, act, reason, hash)
}

func (l *Ladder) carryOut(ctx context.Context, by string, act Act, reason, hash string) error {
	turn, now, err := l.carry(ctx, by, act, reason, hash)
	if err != nil || act != ActRollback {
		return err // the others were kept before they were done
	}
	return l.disk.keep(turn, now)
}

func (l *Ladder) carry(ctx context.Context, by string, act Act, reason, hash string) (turn uint64, now state, err error) {
	unlock := l.lock(act == ActRollback)
	defer unlock()
	l.tick()
	if err := l.do(ctx, by, act, []string{reason}, hash); err != nil {
		return 0, now, err
	}
	if err := l.publish(ctx); err != nil { // it is done all the same; Catch and Step publish until it is taken
		l.deps.Log.Warn("policy is not published yet", "err", err)
	}
	turn, now = l.snapshot()
	return turn, now, nil
}

func (l *Ladder) do(ctx context.Context, by string, act Act, reasons []string, hash string) error {
	switch act {
	case ActHold:
		return l.hold(ctx, by, reasons)
	case ActRollback:
		if l.state.Rollback != nil {
			return fmt.Errorf("%w: it is rolled back", ErrConflict)
		}
		l.rollback(by, reasons)
		l.show()
		return nil
	case ActClear:
		return l.clear(ctx, by, reasons)
	case ActApprove:
		return l.approve(ctx, by, reasons, hash)
	}
	return fmt.Errorf("%w: there is no act %q", ErrConflict, act)
}

func (l *Ladder) hold(ctx context.Context, by string, reasons []string) error {
	if l.state.Rollback != nil || l.state.Held != nil {
		return fmt.Errorf("%w: it is held or rolled back", ErrConflict)
	}
	next := l.state
	next.Held, next.Proposal = &note{By: by, At: l.deps.Clock.Now(), Reasons: reasons}, nil
	return l.enter(ctx, next, l.entry(Held, by, next, reasons))
}

// clear begins anew at the first stage after a rollback. What was judged before does not count any more: it would roll
// back again at once. After a hold over a refusal the stage begins anew where there was nothing to go back to.
func (l *Ladder) clear(ctx context.Context, by string, reasons []string) error {
	next := l.state
	next.Starter = by
	switch {
	case l.state.Rollback != nil:
		next.Epoch++
		next = state{Policy: l.config.policy(next.Epoch, l.config.Stages[0]), Epoch: next.Epoch, Since: l.deps.Clock.Now(), Starter: by, Owed: l.state.Owed}
	case l.state.Held != nil:
		next.Held = nil
		if _, refused := refusal(l.deps.Publisher.Subscribers(), l.state.Policy); refused { // it would be again
			next.Epoch++
			next.Policy.Epoch = next.Epoch
			next.Elapsed, next.Entering = 0, true
		}
	default:
		return fmt.Errorf("%w: it is neither held nor rolled back", ErrConflict)
	}
	return l.enter(ctx, next, l.entry(Cleared, by, next, reasons))
}

func (l *Ladder) approve(ctx context.Context, by string, reasons []string, hash string) error {
	p := l.state.Proposal
	switch {
	case p == nil:
		return fmt.Errorf("%w: nothing is proposed", ErrConflict)
	case p.Approver != "":
		return fmt.Errorf("%w: %s has approved it", ErrConflict, p.Approver)
	case hash != p.Policy.Hash():
		return fmt.Errorf("%w: proposed is policy %s, not %s", ErrConflict, p.Policy.Hash(), hash)
	case by == p.By:
		return fmt.Errorf("%w: %s has proposed it", ErrForbidden, by)
	}
	next := l.state
	signed := *p
	signed.Approver = by
	next.Proposal = &signed
	return l.enter(ctx, next, l.entry(Approved, by, next, reasons))
}

package batch

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// claim is a statement in the hands of one call. Each claim has a number of its own, the fence: whatever it writes is
// written only while no later claim exists. So a worker that slept through its lease can do no harm when it wakes.
type claim struct {
	r     *Runner
	p     *Profile
	s     Statement
	meter meter
}

// take claims a statement: from here on earlier claims are fenced.
func (r *Runner) take(ctx context.Context, p *Profile, id ID) (*claim, error) {
	c := &claim{r: r, p: p}
	err := r.DB.Tx(ctx, func(tx *store.Tx) error {
		changed, err := tx.Exec(ctx, "UPDATE statements SET fence = fence + 1, worker = ?, stage = '' WHERE id = ?", r.Worker, id.String())
		if err != nil {
			return fmt.Errorf("take statement %s: %w", id, err)
		}
		if changed == 0 {
			return fmt.Errorf("%s: %w", id, ErrNoStatement)
		}
		c.s, err = readStatement(ctx, tx, id)
		return err
	})
	return c, err
}

// tx runs do in a transaction that commits only while the claim holds.
func (c *claim) tx(ctx context.Context, do func(*store.Tx) error) error {
	return c.r.DB.Tx(ctx, func(tx *store.Tx) error {
		held, err := tx.Exec(ctx, "UPDATE statements SET beat = beat + 1 WHERE id = ? AND fence = ?", c.s.ID.String(), c.s.Fence)
		if err != nil {
			return fmt.Errorf("hold statement %s: %w", c.s.ID, err)
		}
		if held == 0 {
			return fmt.Errorf("%s: %w", c.s.ID, ErrFenced)
		}
		return do(tx)
	})
}

// save changes the statement, with whatever else belongs to the same step and comes before.
func (c *claim) save(ctx context.Context, change func(*Statement), more func(*store.Tx) error) error {
	var s Statement
	err := c.tx(ctx, func(tx *store.Tx) error {
		if more != nil {
			if err := more(tx); err != nil {
				return err
			}
		}
		s = c.s
		change(&s)
		s.Why = clip(s.Why)
		return s.save(ctx, tx)
	})
	if err != nil {
		return err
	}
	if s.Phase != c.s.Phase || s.Why != c.s.Why {
		c.r.Log.Info("statement", keyStatement, s.ID.String(), keyPhase, s.Phase, keyWhy, s.Why)
	}
	c.s = s
	return nil
}

// again is when a statement that cannot go on is looked at the next time.
func (c *claim) again(after time.Duration) time.Time { return c.r.Now().Add(max(after, c.p.Every)) }

// failed notes an error that the next call may not meet. A batch that was begun stays begun.
func (c *claim) failed(ctx context.Context, why error) error {
	return c.save(ctx, func(s *Statement) {
		phase := s.Phase
		if phase == Closed {
			phase = Waiting
		}
		s.enter(phase, "failed, tried again: "+why.Error(), c.r.Now())
		s.Next = c.again(0)
	}, nil)
}

package retention

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// errFenced means that another process took over.
var errFenced = errors.New("another worker retires")

// lease is how long a claim lasts without a transaction.
const lease = 10 * time.Minute

// claim is one run. Its fence is the store's, as that of statements.
type claim struct {
	*Keeper
	fence int64
	begun time.Time
}

// take claims the work where it is due, or now; nil = it is not, or another is at it.
func (k *Keeper) take(ctx context.Context, now bool) (c *claim, err error) {
	at := k.Now()
	until := store.Moment(at)
	if now {
		until = math.MaxInt64
	}
	err = k.DB.Tx(ctx, func(tx *store.Tx) error {
		c = nil
		due, err := tx.Exec(ctx, "UPDATE retention SET fence = fence + 1, worker = ?, next_us = ? WHERE id = 1 AND next_us <= ?", k.Worker, store.Moment(at.Add(lease)), until)
		if err != nil || due == 0 {
			return err
		}
		c = &claim{Keeper: k, begun: at}
		return tx.QueryRow(ctx, "SELECT fence FROM retention WHERE id = 1").Scan(&c.fence)
	})
	if err != nil {
		return nil, fmt.Errorf("take retention: %w", err)
	}
	return c, nil
}

// tx runs do in a transaction that commits only while the claim holds.
func (c *claim) tx(ctx context.Context, do func(*store.Tx) error) error {
	return c.until(ctx, c.Now().Add(lease), do)
}

// end gives the claim back until the next run.
func (c *claim) end(ctx context.Context, next time.Time) error {
	return c.until(ctx, next, func(*store.Tx) error { return nil })
}

func (c *claim) until(ctx context.Context, next time.Time, do func(*store.Tx) error) error {
	return c.DB.Tx(ctx, func(tx *store.Tx) error {
		held, err := tx.Exec(ctx, "UPDATE retention SET beat = beat + 1, next_us = ? WHERE id = 1 AND fence = ?", store.Moment(next), c.fence)
		switch {
		case err != nil:
			return fmt.Errorf("hold retention: %w", err)
		case held == 0:
			return errFenced
		}
		return do(tx)
	})
}

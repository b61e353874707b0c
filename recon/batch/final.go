package batch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// final is the third stage: findings become cases, the batch before is superseded, and the statement closes.
func (c *claim) final(ctx context.Context, b *Batch) error {
	old, err := c.before(ctx, b)
	if err != nil {
		return err
	}
	change, err := c.compare(ctx, b, old)
	if err != nil {
		return err
	}
	if c.r.Cases != nil {
		if err := c.hand(ctx, b, old); err != nil {
			return err
		}
	}
	return c.settle(ctx, b, old, change)
}

// hand tells the cases what the batch found, settled and wrote off, and what the batch before did and this one does not.
func (c *claim) hand(ctx context.Context, b, old *Batch) error {
	cases := c.r.Cases
	var done atomic.Int64
	c.meter.enter("cases", b.Result.Findings, done.Load)
	if err := each(ctx, c, ofBatch(b.ID), func(tx *store.Tx, page []Finding) error {
		done.Add(int64(len(page)))
		return cases.Open(ctx, tx, b, page)
	}); err != nil {
		return fmt.Errorf("open cases: %w", err)
	}
	if err := each(ctx, c, settlements(b.ID), func(tx *store.Tx, page []Settlement) error { return cases.Settle(ctx, tx, b, page) }); err != nil {
		return fmt.Errorf("settle cases: %w", err)
	}
	if err := each(ctx, c, writtenOff(b.ID), func(tx *store.Tx, page []WriteOff) error { return cases.Book(ctx, tx, b, page) }); err != nil {
		return fmt.Errorf("book write-offs: %w", err)
	}
	if old == nil {
		return nil
	}
	if err := each(ctx, c, goneFrom(old.ID, b.ID), func(tx *store.Tx, page []Finding) error { return cases.Withdraw(ctx, tx, b, page) }); err != nil {
		return fmt.Errorf("withdraw cases: %w", err)
	}
	if err := each(ctx, c, unsettled(old.ID, b.ID), func(tx *store.Tx, page []Settlement) error {
		open, err := c.stillFound(ctx, tx, page)
		if err != nil || len(open) == 0 {
			return err
		}
		return cases.Unsettle(ctx, tx, b, open)
	}); err != nil {
		return fmt.Errorf("open settled cases: %w", err)
	}
	if err := each(ctx, c, unbooked(old.ID, b.ID), func(tx *store.Tx, page []WriteOff) error { return cases.Unbook(ctx, tx, b, page) }); err != nil {
		return fmt.Errorf("take write-offs back: %w", err)
	}
	return nil
}

// before gives the settled batch whose place b takes, or nil.
func (c *claim) before(ctx context.Context, b *Batch) (*Batch, error) {
	old, err := settled(ctx, c.r.DB, c.s.ID)
	if err != nil || old == nil || old.ID == b.ID {
		return nil, err
	}
	return old, nil
}

// settled gives the batch of a statement that counts: settled, and not superseded; nil where there is none.
func settled(ctx context.Context, from store.Reader, id ID) (*Batch, error) {
	b, err := scanBatch(from.QueryRow(ctx, "SELECT "+batchColumns+" FROM batches WHERE statement = ? AND state = ? AND superseded = ''", id.String(), Settled))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read settled batch of %s: %w", id, err)
	}
	return &b, nil
}

// compare counts what is otherwise than in the batch before.
func (c *claim) compare(ctx context.Context, b, old *Batch) (*Change, error) {
	if old == nil {
		return nil, nil
	}
	change := &Change{From: old.ID}
	const same = "SELECT COUNT(*) FROM findings f JOIN findings n ON " + sameFinding + " WHERE f.batch = ?"
	if err := c.r.DB.QueryRow(ctx, same, b.ID, old.ID).Scan(&change.Unchanged); err != nil {
		return nil, fmt.Errorf("compare with batch before %s: %w", b.ID, err)
	}
	change.Opened, change.Gone = b.Result.Findings-change.Unchanged, old.Result.Findings-change.Unchanged
	return change, nil
}

// settle ends the batch, and closes the statement with it.
func (c *claim) settle(ctx context.Context, b, old *Batch, change *Change) error {
	now := c.r.Now()
	basis := fmt.Sprintf("findings %d", b.Result.Findings)
	var body []byte
	if change != nil {
		var err error
		if body, err = json.Marshal(change); err != nil {
			return fmt.Errorf("encode change of %s: %w", b.ID, err)
		}
		basis = fmt.Sprintf("findings %d: %d opened, %d gone, %d unchanged since %s", b.Result.Findings, change.Opened, change.Gone, change.Unchanged, change.From)
	}
	var again time.Time
	err := c.save(ctx, func(s *Statement) {
		s.enter(Closed, "", now)
		s.ClosedAt, s.Next = now, again
	}, func(tx *store.Tx) (err error) {
		if old != nil {
			if err := supersede(ctx, tx, old, b); err != nil {
				return err
			}
		}
		if err := b.move(ctx, tx, Settled, now, c.r.Worker, basis, []string{"changed"}, []any{body}); err != nil {
			return err
		}
		if again, err = c.afterwards(ctx, tx, b.Result); err != nil {
			return err
		}
		return c.passOn(ctx, tx, b)
	})
	if err != nil {
		return err
	}
	b.moved(Settled, now)
	b.Change = change
	c.r.Metrics.closed("final", now.Sub(c.s.Ready))
	c.r.Log.Info("batch settled", keyBatch, b.ID, "findings", b.Result.Findings)
	return nil
}

func supersede(ctx context.Context, tx *store.Tx, old, by *Batch) error {
	changed, err := tx.Exec(ctx, "UPDATE batches SET superseded = ? WHERE id = ? AND superseded = ''", by.ID, old.ID)
	if err == nil && changed == 0 {
		err = ErrLost
	}
	if err != nil {
		return fmt.Errorf("supersede batch %s: %w", old.ID, err)
	}
	return nil
}

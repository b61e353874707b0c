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
		var done atomic.Int64
		c.meter.enter("cases", b.Result.Findings, done.Load)
		if err := c.each(ctx, ofBatch(b.ID), func(tx *store.Tx, page []Finding) error {
			done.Add(int64(len(page)))
			return c.r.Cases.Open(ctx, tx, b, page)
		}); err != nil {
			return fmt.Errorf("open cases: %w", err)
		}
	}
	if c.r.Cases != nil && old != nil {
		if err := c.each(ctx, goneFrom(old.ID, b.ID), func(tx *store.Tx, page []Finding) error { return c.r.Cases.Withdraw(ctx, tx, b, page) }); err != nil {
			return fmt.Errorf("withdraw cases: %w", err)
		}
	}
	return c.settle(ctx, b, old, change)
}

// before gives the settled batch whose place b takes, or nil.
func (c *claim) before(ctx context.Context, b *Batch) (*Batch, error) {
	old, err := scanBatch(c.r.DB.QueryRow(ctx, "SELECT "+batchColumns+" FROM batches WHERE statement = ? AND state = ? AND superseded = '' AND id <> ?", c.s.ID.String(), Settled, b.ID))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read batch before %s: %w", b.ID, err)
	}
	return &old, nil
}

// compare counts what is otherwise than in the batch before.
func (c *claim) compare(ctx context.Context, b, old *Batch) (*Change, error) {
	if old == nil {
		return nil, nil
	}
	change := &Change{From: old.ID}
	const same = `SELECT COUNT(*) FROM findings f JOIN findings n ON n.key_id = f.key_id AND n.batch = ? AND n.key_kind = f.key_kind AND n.occurrence = f.occurrence AND n.break_name = f.break_name WHERE f.batch = ?`
	if err := c.r.DB.QueryRow(ctx, same, b.ID, old.ID).Scan(&change.Unchanged); err != nil {
		return nil, fmt.Errorf("compare with batch before %s: %w", b.ID, err)
	}
	change.Opened, change.Gone = b.Result.Findings-change.Unchanged, old.Result.Findings-change.Unchanged
	return change, nil
}

// each hands findings on page by page, each page in a transaction of its own.
func (c *claim) each(ctx context.Context, pages *cursor, do func(*store.Tx, []Finding) error) error {
	for {
		page, err := pages.next(ctx, c.r.DB)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := c.tx(ctx, func(tx *store.Tx) error { return do(tx, page) }); err != nil {
			return err
		}
	}
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
	err := c.save(ctx, func(s *Statement) {
		s.enter(Closed, "", now)
		s.ClosedAt, s.Next = now, time.Time{}
	}, func(tx *store.Tx) error {
		if old != nil {
			if err := supersede(ctx, tx, old, b); err != nil {
				return err
			}
		}
		return b.move(ctx, tx, Settled, now, c.r.Worker, basis, []string{"changed"}, []any{body})
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

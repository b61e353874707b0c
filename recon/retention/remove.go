package retention

import (
	"context"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// removeWritten goes on with files whose rows did not all leave the store.
func (c *claim) removeWritten(ctx context.Context) error {
	all, err := c.files(ctx, "WHERE removed_us = 0 ORDER BY at_us, sha256")
	for _, f := range all {
		if err := c.remove(ctx, f); err != nil {
			return err
		}
	}
	return err
}

// remove deletes what a file holds, once it is proved to be what was written.
func (c *claim) remove(ctx context.Context, f File) error {
	switch damage, err := hashFile(ctx, c.Archive.Path(f.SHA256), f.SHA256, nil); {
	case err != nil:
		return fmt.Errorf("prove archived %s: %w; nothing of it was deleted", f.Table, err)
	case damage != "":
		return fmt.Errorf("archived %s %s %s; nothing of it was deleted", f.Table, f.SHA256, damage)
	}
	var read int64
	err := each(c.Archive, &f, pageSize, func(page []record) error {
		read += int64(len(page))
		return c.removePage(ctx, &f, page)
	})
	switch {
	case err != nil:
		return err
	case read != f.Rows:
		return fmt.Errorf("archived %s %s has %d rows, not %d", f.Table, f.SHA256, read, f.Rows)
	}
	now := c.Now()
	if err := c.tx(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE retired SET removed_us = ? WHERE sha256 = ?", store.Moment(now), f.SHA256)
		return err
	}); err != nil {
		return fmt.Errorf("end retirement of %s: %w", f.Table, err)
	}
	c.Log.Info("retired", "table", f.Table, "rows", f.Rows, "first", f.First, "last", f.Last, "sha256", f.SHA256)
	return nil
}

// removePage deletes some rows in a transaction.
func (c *claim) removePage(ctx context.Context, f *File, page []record) error {
	var gone int64
	err := c.tx(ctx, func(tx *store.Tx) (err error) {
		switch f.Table {
		case Cases:
			gone, err = removeCases(ctx, tx, page)
		case Operations:
			gone, err = thinOperations(ctx, tx, f.SHA256, page)
		default:
			gone, err = shapeOf(f.Table).delete(ctx, tx, rowsOf(page))
		}
		return err
	})
	if err == nil {
		c.Metrics.gone(f.Table, gone)
	}
	return err
}

// removeCases deletes those cases that are as they were written, each with what belongs to it.
func removeCases(ctx context.Context, tx *store.Tx, page []record) (gone int64, err error) {
	for _, r := range page {
		place, err := r.Row.values(columnsOf("part# id version#"))
		if err != nil {
			return gone, err
		}
		same, err := tx.Exec(ctx, "DELETE FROM cases WHERE part = ? AND id = ? AND version = ? AND state = 'closed'", place...)
		if err != nil {
			return gone, fmt.Errorf("delete cases: %w", err)
		}
		if same == 0 {
			continue // gone already, or people changed it meanwhile: it is written anew one day
		}
		gone++
		for _, part := range []struct {
			query string
			want  int
		}{
			{"DELETE FROM case_events WHERE part = ? AND case_id = ?", len(r.Events)},
			{"DELETE FROM repairs WHERE part = ? AND case_id = ?", len(r.Repairs)},
		} {
			n, err := tx.Exec(ctx, part.query, place[:2]...)
			if err != nil {
				return gone, fmt.Errorf("delete what belongs to case %s: %w", r.Row.text("id"), err)
			}
			if n != int64(part.want) {
				return gone, fmt.Errorf("case %s has the version that was written, and %d lines of its history or repairs, not %d", r.Row.text("id"), n, part.want)
			}
		}
	}
	return gone, nil
}

// thinOperations takes out what was asked and answered. Id, digest and state stay: the same request must be known for ever.
func thinOperations(ctx context.Context, tx *store.Tx, sha256 string, page []record) (gone int64, err error) {
	payload := fmt.Appendf(nil, `{"retired":%q}`, sha256)
	for _, r := range page {
		place, err := r.Row.values(columnsOf("id version# state"))
		if err != nil {
			return gone, err
		}
		n, err := tx.Exec(ctx, "UPDATE operations SET payload = ?, answer = NULL, retired = ? WHERE id = ? AND version = ? AND state = ? AND retired = ''", append([]any{payload, sha256}, place...)...)
		if err != nil {
			return gone, fmt.Errorf("retire operation %s: %w", r.Row.text("id"), err)
		}
		gone += n
	}
	return gone, nil
}

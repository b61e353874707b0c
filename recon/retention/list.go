package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Filter chooses files. Empty fields choose all.
type Filter struct {
	Day   string // that a file has rows of
	Table Table
}

// Files gives what was retired, in the order in which it was.
func Files(ctx context.Context, db *store.DB, a batch.Archive, f Filter) ([]File, error) {
	k := &Keeper{DB: db, Archive: a}
	return k.files(ctx, "WHERE (? = '' OR first_day <= ? AND last_day >= ?) AND (? = '' OR name = ?) ORDER BY at_us, sha256", f.Day, f.Day, f.Day, string(f.Table), string(f.Table))
}

func (k *Keeper) files(ctx context.Context, condition string, args ...any) ([]File, error) {
	rows, err := k.DB.Query(ctx, "SELECT sha256, name, first_day, last_day, row_count, size, at_us, removed_us FROM retired "+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read what was retired: %w", err)
	}
	defer rows.Close()
	var all []File
	for rows.Next() {
		var f File
		var at, removed int64
		if err := rows.Scan(&f.SHA256, &f.Table, &f.First, &f.Last, &f.Rows, &f.Size, &at, &removed); err != nil {
			return nil, fmt.Errorf("read what was retired: %w", err)
		}
		f.At, f.Removed, f.Path = store.TimeOf(at), store.TimeOf(removed), k.Archive.Path(f.SHA256)
		all = append(all, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what was retired: %w", err)
	}
	return all, nil
}

// Search writes the lines about an id (of a case, batch, statement, order, booking, operation or write-off) that files hold,
// and tells how many there are. It reads each of the files.
func Search(ctx context.Context, a batch.Archive, files []File, id string, out io.Writer) (found int, err error) {
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for i := range files {
		f := &files[i]
		err := each(a, f, pageSize, func(page []record) error {
			for j := range page {
				if !page[j].about(id) {
					continue
				}
				found++
				if err := lines.Encode(struct {
					File string `json:"file"`
					record
				}{f.Path, page[j]}); err != nil {
					return fmt.Errorf("print archived row: %w", err)
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// about tells whether a record is about an id.
func (r *record) about(id string) bool {
	is := func(name string) bool { return r.Row.text(name) == id }
	if slices.ContainsFunc([]string{"id", "batch", "statement", "order_id", "key_id", "entry"}, is) {
		return true
	}
	return slices.ContainsFunc(r.Repairs, func(repair row) bool { return repair.text("id") == id })
}

package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Citations are who cites files, by their SHA-256.
type Citations map[string]string

// Add adds one; the first one is kept.
func (c Citations) Add(sha256, by string) {
	if _, there := c[sha256]; !there && sha256 != "" {
		c[sha256] = by
	}
}

// Cited gives the files of an archive that the store cites: batches, also those that were retired, what days carry over,
// files of retired rows, and audit entries on their way to the log. With an error there are more than it gives: nothing may be
// removed then.
func Cited(ctx context.Context, db *store.DB, a batch.Archive) (Citations, error) {
	k := &Keeper{DB: db, Archive: a}
	cited := Citations{}
	files, err := k.files(ctx, "ORDER BY sha256")
	if err != nil {
		return nil, err
	}
	var errs []error
	for i := range files {
		f := &files[i]
		cited.Add(f.SHA256, fmt.Sprintf("retired %s of %s to %s", f.Table, f.First, f.Last))
		if f.Table != Batches {
			continue
		}
		if err := each(a, f, pageSize, func(page []record) error { return cited.batches(rowsOf(page)) }); err != nil {
			errs = append(errs, fmt.Errorf("look for what retired batches cite: %w", err))
		}
	}
	return cited, errors.Join(append(errs, cited.present(ctx, db), cited.outbox(ctx, db))...)
}

// present adds what batches of the store cite.
func (c Citations) present(ctx context.Context, db *store.DB) error {
	all := &pages{shape: shapeOf(Batches), condition: "id <> ''", order: shapeOf(Batches).key}
	for {
		rows, err := all.next(ctx, db)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := c.batches(rows); err != nil {
			return err
		}
	}
}

func (c Citations) batches(rows []row) error {
	for _, r := range rows {
		all, err := batch.Cited([]byte(r.text("file")), []byte(r.text("result")))
		if err != nil {
			return fmt.Errorf("batch %s: %w", r.text("id"), err)
		}
		for sha256, what := range all {
			c.Add(sha256, what+" batch "+r.text("id"))
		}
	}
	return nil
}

// outbox adds what audit entries cite that the log does not have yet.
func (c Citations) outbox(ctx context.Context, db *store.DB) error {
	for last := int64(0); ; {
		rows, err := db.Query(ctx, "SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", last, pageSize)
		if err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
		n := 0
		for ; rows.Next(); n++ {
			var body []byte
			var e store.Entry
			if err = rows.Scan(&last, &body); err == nil {
				err = json.Unmarshal(body, &e)
			}
			if err != nil {
				break
			}
			if e.Archive != "" {
				c.Add(e.SHA256, "audit entry "+e.ID)
			}
		}
		if err == nil {
			err = rows.Err()
		}
		rows.Close()
		if err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
		if n < pageSize {
			return nil
		}
	}
}

// Attached gives the files that cases have as attachments, also those that were retired.
func Attached(ctx context.Context, db *store.DB, a batch.Archive) (Citations, error) {
	k := &Keeper{DB: db, Archive: a}
	cited := Citations{}
	files, err := k.files(ctx, "WHERE name = ?", string(Cases))
	if err != nil {
		return nil, err
	}
	for i := range files {
		if err := each(a, &files[i], pageSize, func(page []record) error {
			for j := range page {
				for _, e := range page[j].Events {
					cited.Add(e.text("sha256"), "retired case "+e.text("case_id"))
				}
			}
			return nil
		}); err != nil {
			return nil, fmt.Errorf("look for attachments of retired cases: %w", err)
		}
	}
	rows, err := db.Query(ctx, "SELECT DISTINCT sha256, case_id FROM case_events WHERE sha256 <> ''")
	if err != nil {
		return nil, fmt.Errorf("look for attachments: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var sha256, id string
		if err := rows.Scan(&sha256, &id); err != nil {
			return nil, fmt.Errorf("look for attachments: %w", err)
		}
		cited.Add(sha256, "case "+id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for attachments: %w", err)
	}
	return cited, nil
}

package batch

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Finding is one break of a batch as it is stored. Statement, Key, Occurrence and Break say which it is: the same in two
// versions of a file is one case.
type Finding struct {
	Key        recon.Key        `json:"key"`
	Occurrence int              `json:"occurrence"`
	Break      recon.Break      `json:"break"`
	Difference match.Difference `json:"difference"` // both sides' records, ours first, with the places they were read
}

// Cases is who takes care of findings. Calls run inside of transactions that may run again; a batch may call again with
// what it called with before a crash.
type Cases interface {
	// Open makes a case for each finding that has none. A case of the same statement, key, occurrence and break is left alone,
	// and one that was only withdrawn is opened again.
	Open(ctx context.Context, tx *store.Tx, b *Batch, found []Finding) error
	// Withdraw is told what an earlier version of the statement found and b did not. What people decided is kept.
	Withdraw(ctx context.Context, tx *store.Tx, b *Batch, gone []Finding) error
}

// newFinding takes over a difference, which is valid for the time of a call.
func newFinding(d *match.Difference) Finding {
	return Finding{Key: d.Key, Occurrence: d.Occurrence, Break: d.Break, Difference: *d}
}

// findingRows are the rows of findings of a batch.
func findingRows(batch string, found []Finding) (store.Rows, error) {
	rows := store.Rows{Table: "findings", Key: []string{"key_id", "batch", "key_kind", "occurrence"}, Columns: []string{"break_name", "body"}}
	for i := range found {
		f := &found[i]
		body, err := json.Marshal(&f.Difference)
		if err != nil {
			return rows, fmt.Errorf("encode finding %s: %w", f.Key, err)
		}
		rows.Values = append(rows.Values, []any{f.Key.ID, batch, string(f.Key.Kind), f.Occurrence, string(f.Break), body})
	}
	return rows, nil
}

// pageSize is how many findings one transaction takes.
const pageSize = 500

// cursor pages through findings in the order of their primary keys.
type cursor struct {
	query string // with the columns of a finding; ends before its condition on the place
	args  []any
	at    *Finding
}

// ofBatch pages through all findings of a batch.
func ofBatch(batch string) *cursor {
	return &cursor{query: "SELECT f.key_id, f.key_kind, f.occurrence, f.break_name, f.body FROM findings f WHERE f.batch = ?", args: []any{batch}}
}

// goneFrom pages through the findings of a batch that another does not have.
func goneFrom(old, fresh string) *cursor {
	return &cursor{query: `SELECT f.key_id, f.key_kind, f.occurrence, f.break_name, f.body FROM findings f
		LEFT JOIN findings n ON n.key_id = f.key_id AND n.batch = ? AND n.key_kind = f.key_kind AND n.occurrence = f.occurrence AND n.break_name = f.break_name
		WHERE f.batch = ? AND n.key_id IS NULL`, args: []any{fresh, old}}
}

// next gives the next page; none after the last.
func (c *cursor) next(ctx context.Context, from store.Reader) ([]Finding, error) {
	query, args := c.query, append([]any(nil), c.args...)
	if c.at != nil {
		query += " AND (f.key_id > ? OR f.key_id = ? AND (f.key_kind > ? OR f.key_kind = ? AND f.occurrence > ?))"
		args = append(args, c.at.Key.ID, c.at.Key.ID, string(c.at.Key.Kind), string(c.at.Key.Kind), c.at.Occurrence)
	}
	rows, err := from.Query(ctx, query+" ORDER BY f.key_id, f.key_kind, f.occurrence LIMIT ?", append(args, pageSize)...)
	if err != nil {
		return nil, fmt.Errorf("read findings: %w", err)
	}
	defer rows.Close()
	var page []Finding
	for rows.Next() {
		var f Finding
		var body []byte
		if err := rows.Scan(&f.Key.ID, &f.Key.Kind, &f.Occurrence, &f.Break, &body); err != nil {
			return nil, fmt.Errorf("read findings: %w", err)
		}
		if err := json.Unmarshal(body, &f.Difference); err != nil {
			return nil, fmt.Errorf("decode finding %s: %w", f.Key, err)
		}
		page = append(page, f)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read findings: %w", err)
	}
	if len(page) > 0 {
		c.at = &page[len(page)-1]
	}
	return page, nil
}

// Findings gives every finding of a batch, by key.
func Findings(ctx context.Context, from store.Reader, batch string, each func(*Finding) error) error {
	for c := ofBatch(batch); ; {
		page, err := c.next(ctx, from)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			if err := each(&page[i]); err != nil {
				return err
			}
		}
	}
}

package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Records streams the rows of several tables as records, in one read-only transaction so that the tables agree with
// each other. A row that cannot be read comes as a recon.Reject and the stream goes on.
func Records(ctx context.Context, db *sql.DB, tables ...Table) iter.Seq2[recon.Record, error] {
	return func(yield func(recon.Record, error) bool) {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
		if err != nil {
			yield(recon.Record{}, fmt.Errorf("begin read-only transaction: %w", err))
			return
		}
		defer tx.Rollback() //nolint:errcheck // nothing was written
		for _, t := range tables {
			if !readTable(ctx, tx, t, yield) {
				return
			}
		}
	}
}

func readTable(ctx context.Context, tx *sql.Tx, t Table, yield func(recon.Record, error) bool) bool {
	rows, err := tx.QueryContext(ctx, t.query())
	if err != nil {
		return yield(recon.Record{}, fmt.Errorf("read table %s: %w", t.Name, err))
	}
	defer rows.Close()
	names := t.columns()
	raw := make([]sql.RawBytes, len(names))
	into := make([]any, len(names))
	for i := range raw {
		into[i] = &raw[i]
	}
	r := row{names: names, values: make([][]byte, len(names))}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return yield(recon.Record{}, fmt.Errorf("read row of %s: %w", t.Name, err))
		}
		for i := range raw {
			r.values[i] = raw[i]
		}
		if !yield(t.record(r)) {
			return false
		}
	}
	if err := rows.Err(); err != nil {
		return yield(recon.Record{}, fmt.Errorf("read table %s: %w", t.Name, err))
	}
	return true
}

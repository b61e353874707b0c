package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"
)

// Reader is what DB and Tx have in common: statements that only read.
type Reader interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

var _, _ Reader = (*DB)(nil), (*Tx)(nil)

// Tx is a transaction under way. It belongs to the function that got it.
type Tx struct {
	tx      *sql.Tx
	dialect dialect
}

const (
	maxRetries = 12
	firstPause = 2 * time.Millisecond
	mostPause  = 500 * time.Millisecond
)

// Tx runs do in a transaction and commits what it did when it gives nil. Where the database undid the transaction for
// another one (a deadlock, a lock that did not come), do runs again from its beginning: it must have no effects but those on tx.
// An error of the commit itself leaves open whether it happened; whoever must know asks again, by state and version.
func (db *DB) Tx(ctx context.Context, do func(*Tx) error) error {
	pause := retry.WithMaxRetries(maxRetries, retry.WithFullJitter(retry.WithCappedDuration(mostPause, retry.NewExponential(firstPause))))
	return retry.Do(ctx, pause, func(ctx context.Context) error {
		err := db.once(ctx, do)
		if err != nil && db.dialect.again(err) {
			db.retries.Add(1)
			return retry.RetryableError(err)
		}
		return err
	})
}

func (db *DB) once(ctx context.Context, do func(*Tx) error) (err error) {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		if !done { // also where do panics: the one connection of a file must come back
			if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
				err = errors.Join(err, fmt.Errorf("roll back: %w", undo))
			}
		}
	}()
	if err := do(&Tx{tx, db.dialect}); err != nil {
		return err
	}
	done = true
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Query runs a reading statement that sees what the transaction wrote.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return tx.tx.QueryContext(ctx, query, args...)
}

// QueryRow is Query for one row.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return tx.tx.QueryRowContext(ctx, query, args...)
}

// Exec runs a writing statement and tells how many rows it changed.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (changed int64, err error) {
	result, err := tx.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Rows are rows of one table: the names of their columns, those of the primary key first, and their values.
type Rows struct {
	Table   string
	Key     []string
	Columns []string // behind the key
	Values  [][]any  // of key and columns
}

// Add inserts rows whose key is not there yet and leaves the others alone. It tells how many it added.
func (tx *Tx) Add(ctx context.Context, rows Rows) (added int64, err error) {
	return tx.insert(ctx, rows, tx.dialect.conflict(rows.Key, nil))
}

// Put inserts rows and, where the key is there, replaces the columns behind it.
func (tx *Tx) Put(ctx context.Context, rows Rows) error {
	_, err := tx.insert(ctx, rows, tx.dialect.conflict(rows.Key, rows.Columns))
	return err
}

// maxArguments is how many values go into one statement.
const maxArguments = 8192

func (tx *Tx) insert(ctx context.Context, rows Rows, end string) (changed int64, err error) {
	width := len(rows.Key) + len(rows.Columns)
	head := "INSERT INTO " + rows.Table + " (" + strings.Join(append(append([]string(nil), rows.Key...), rows.Columns...), ", ") + ") VALUES "
	row := "(" + strings.TrimSuffix(strings.Repeat("?, ", width), ", ") + ")"
	for left := rows.Values; len(left) > 0; {
		n := min(len(left), max(1, maxArguments/width))
		args := make([]any, 0, n*width)
		for _, values := range left[:n] {
			if len(values) != width {
				return changed, fmt.Errorf("insert into %s: %d values for %d columns", rows.Table, len(values), width)
			}
			args = append(args, values...)
		}
		did, err := tx.Exec(ctx, head+strings.TrimSuffix(strings.Repeat(row+", ", n), ", ")+end, args...)
		if err != nil {
			return changed, fmt.Errorf("insert into %s: %w", rows.Table, err)
		}
		changed, left = changed+did, left[n:]
	}
	return changed, nil
}

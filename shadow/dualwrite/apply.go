package dualwrite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// TableApplied holds the ids of write sets that are in the shadow.
const TableApplied = "touchstone_applied"

const createApplied = "CREATE TABLE IF NOT EXISTS " + TableApplied +
	" (id VARCHAR(64) NOT NULL PRIMARY KEY, applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)"

var (
	errAgain            = errors.New("shadow may take it later")
	errAway             = fmt.Errorf("%w: it is away", errAgain)
	errFinal            = errors.New("shadow cannot take it")
	errCommitUnanswered = errors.New("commit got no answer")
)

// target is the shadow's schema.
type target struct {
	db       *sql.DB
	mappings map[string]Mapping
	batched  bool // the pool takes several statements in one text

	mu        sync.Mutex
	generated map[string][]string // columns the shadow computes, by its own table's name
}

func newTarget(db *sql.DB, mappings map[string]Mapping, batched bool) *target {
	return &target{db: db, mappings: mappings, batched: batched, generated: map[string][]string{}}
}

// apply writes one set in one transaction together with its id. A set whose id is there is done.
func (t *target) apply(ctx context.Context, ws shadow.WriteSet) error {
	conn, err := t.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to shadow: %w", sorted(err))
	}
	defer func() { _ = conn.Close() }() // back to the pool
	restore, err := surround(ctx, conn, ws)
	defer restore()
	if err != nil {
		return fmt.Errorf("set up session on shadow: %w", sorted(err))
	}
	if done, err := t.batch(ctx, conn, ws); done || err != nil {
		return err
	}
	tx, err := conn.BeginTx(ctx, isolation(ws))
	if err != nil {
		return fmt.Errorf("begin on shadow: %w", sorted(err))
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "INSERT INTO "+TableApplied+" (id) VALUES (?)", ws.ID); err != nil {
		if is(err, errDuplicate) {
			return nil
		}
		return fmt.Errorf("note write set on shadow: %w", sorted(err))
	}
	for _, s := range ws.Statements {
		if err := t.statement(ctx, tx, s); err != nil {
			return fmt.Errorf("write on shadow: %w", sorted(err))
		}
	}
	if err := tx.Commit(); err != nil {
		err = sorted(err)
		if errors.Is(err, errAgain) {
			return fmt.Errorf("%w: %w", errCommitUnanswered, err)
		}
		return fmt.Errorf("commit on shadow: %w", err)
	}
	return nil
}

// isolation keeps changes by key from locking rows that are not there; inserts alone do not, and save the round trip.
func isolation(ws shadow.WriteSet) *sql.TxOptions {
	for _, s := range ws.Statements {
		if len(s.Key) > 0 {
			return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
		}
	}
	return nil
}

// surround gives the connection the settings under which the values were written. What restore cannot undo is not used again.
func surround(ctx context.Context, conn *sql.Conn, ws shadow.WriteSet) (restore func(), err error) {
	var set, undo []string
	var args []any
	if ws.TimeZone != "" {
		set, undo, args = append(set, "time_zone = ?"), append(undo, "time_zone = DEFAULT"), append(args, ws.TimeZone)
	}
	if ws.SQLMode != nil {
		set, undo, args = append(set, "sql_mode = ?"), append(undo, "sql_mode = DEFAULT"), append(args, *ws.SQLMode)
	}
	if len(set) == 0 {
		return func() {}, nil
	}
	restore = func() {
		if _, err := conn.ExecContext(ctx, "SET "+strings.Join(undo, ", ")); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // closes it
		}
	}
	_, err = conn.ExecContext(ctx, "SET "+strings.Join(set, ", "), args...)
	return restore, err
}

// statement brings the shadow's rows to where the statement brought the primary's: by key if the images have one, as
// inserts alone otherwise.
func (t *target) statement(ctx context.Context, tx *sql.Tx, s shadow.Statement) error {
	if len(s.Rows) == 0 && len(s.Before) == 0 {
		return nil
	}
	m := t.mappings[strings.ToLower(s.Table)]
	table := m.table(s.Table)
	computed, err := t.computed(ctx, tx, table)
	if err != nil {
		return err
	}
	im := images{tx: tx, table: table, key: m.columns(s.Key)}
	for i := range max(len(s.Rows), len(s.Before)) {
		var before, after *row
		if i < len(s.Before) {
			if before, err = m.row(s.Before[i], computed); err != nil {
				return err
			}
		}
		if i < len(s.Rows) {
			if after, err = m.row(s.Rows[i], computed); err != nil {
				return err
			}
		}
		if err := im.write(ctx, before, after); err != nil {
			if is(err, errGenerated) || is(err, errGeneratedMySQL) {
				t.forget(table)
				return fmt.Errorf("%w: a column of %s became a computed one", errAgain, table)
			}
			return err
		}
	}
	return nil
}

// computed gives the columns of a table that the shadow computes by itself.
func (t *target) computed(ctx context.Context, tx *sql.Tx, table string) ([]string, error) {
	names, known := t.knownComputed(table)
	if known {
		return names, nil
	}
	rows, err := tx.QueryContext(ctx, "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? AND COALESCE(generation_expression, '') <> ''", table)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	names = []string{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.generated[table] = names
	t.mu.Unlock()
	return names, nil
}

func (t *target) forget(table string) {
	t.mu.Lock()
	delete(t.generated, table)
	t.mu.Unlock()
}

const (
	errDuplicate      = 1062
	errNoParent       = 1452 // another write set may bring it
	errGenerated      = 1906
	errGeneratedMySQL = 3105
)

func is(err error, code uint16) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == code
}

// sorted marks errors after which another try makes sense. Of a server's error only the number is kept: its text may hold values.
func sorted(err error) error {
	var e *mysql.MySQLError
	if errors.Is(err, errAgain) || errors.Is(err, errFinal) {
		return err
	}
	if errors.As(err, &e) {
		switch e.Number {
		case errDeadlock, errLockTimeout, errNoParent, 1317:
			return fmt.Errorf("%w: mysql error %d", errAgain, e.Number)
		case 1040, 1053, 1203, 1290, 1836, 1927: // no room, shutting down, read-only, killed
			return fmt.Errorf("%w: mysql error %d", errAway, e.Number)
		}
		return fmt.Errorf("mysql error %d", e.Number)
	}
	var network net.Error
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.As(err, &network) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: no connection", errAway)
	}
	return fmt.Errorf("%w: %w", errAgain, err)
}

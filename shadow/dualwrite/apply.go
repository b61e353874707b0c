package dualwrite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"

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
	errCommitUnanswered = errors.New("commit got no answer")
)

// apply writes one set in one transaction together with its id. A set whose id is there is done.
func apply(ctx context.Context, db *sql.DB, ws shadow.WriteSet) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to shadow: %w", sorted(err))
	}
	defer func() { _ = conn.Close() }() // back to the pool
	restore, err := surround(ctx, conn, ws)
	defer restore()
	if err != nil {
		return fmt.Errorf("set up session on shadow: %w", sorted(err))
	}
	tx, err := conn.BeginTx(ctx, nil)
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
		for _, row := range s.Rows {
			if err := insert(ctx, tx, s.Table, row); err != nil {
				return fmt.Errorf("insert on shadow: %w", sorted(err))
			}
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

func insert(ctx context.Context, tx *sql.Tx, table string, row shadow.Row) error {
	names, marks := make([]string, len(row.Columns)), make([]string, len(row.Columns))
	args := make([]any, len(row.Columns))
	for i, v := range row.Values {
		names[i], marks[i] = quote(row.Columns[i]), "?"
		switch {
		case v.Null:
		case v.Binary:
			args[i] = []byte(v.Text)
		default:
			args[i] = v.Text
		}
	}
	text := "INSERT INTO " + quote(table) + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	_, err := tx.ExecContext(ctx, text, args...)
	return err
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

const errDuplicate = 1062

func is(err error, code uint16) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == code
}

// sorted marks errors after which another try makes sense. Of a server's error only the number is kept: its text may hold values.
func sorted(err error) error {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		switch e.Number {
		case errDeadlock, errLockTimeout, 1317:
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

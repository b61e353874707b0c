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
	tx, err := db.BeginTx(ctx, nil)
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

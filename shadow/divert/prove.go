package divert

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/shadow/stmt"
)

// TableProbe is where Prove leaves its row for a moment.
const TableProbe = "touchstone_probe"

// ErrSameDatabase means that what was written to the shadow can be read through the primary's connection.
var ErrSameDatabase = errors.New("shadow and primary are the same database")

const errNoSuchTable = 1146

// Prove shows that two connections lead to different databases: a fresh row written to the shadow must not be seen
// through the primary's connection. If that cannot be told, it is an error: the port stays closed.
func Prove(ctx context.Context, shadowDB, primaryDB *sql.DB) (err error) {
	nonce := rand.Text()
	if _, err := shadowDB.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+TableProbe+" (nonce VARCHAR(64) NOT NULL PRIMARY KEY)"); err != nil {
		return fmt.Errorf("create probe table on shadow: %w", err)
	}
	if _, err := shadowDB.ExecContext(ctx, "INSERT INTO "+TableProbe+" (nonce) VALUES (?)", nonce); err != nil {
		return fmt.Errorf("write probe to shadow: %w", err)
	}
	defer func() {
		if _, failed := shadowDB.ExecContext(context.WithoutCancel(ctx), "DELETE FROM "+TableProbe+" WHERE nonce = ?", nonce); failed != nil {
			err = errors.Join(err, fmt.Errorf("remove probe from shadow: %w", failed))
		}
	}()
	if n, err := count(ctx, shadowDB, nonce); err != nil || n != 1 {
		return fmt.Errorf("read probe from shadow: %d rows, %w", n, errors.Join(err, errNotReadBack))
	}
	n, err := count(ctx, primaryDB, nonce)
	var missing *mysql.MySQLError
	switch {
	case errors.As(err, &missing) && missing.Number == errNoSuchTable:
		return nil
	case err != nil:
		return fmt.Errorf("look for probe on primary: %w", err)
	case n != 0:
		return ErrSameDatabase
	}
	return nil
}

// ErrCanWrite means that the account of routed reads may do more than read.
var ErrCanWrite = errors.New("the account may do more than read")

// Errors by which a server refuses a write: no right to it, or it takes none at all.
const (
	errTableDenied = 1142
	errReadOnly    = 1290
)

// ProveReadOnly shows that an account of the primary can read tables and can write none of them: by what the server says
// of its rights, and by trying.
func ProveReadOnly(ctx context.Context, db *sql.DB, tables []string) error {
	grants, err := db.QueryContext(ctx, "SHOW GRANTS FOR CURRENT_USER()")
	if err != nil {
		return fmt.Errorf("ask for the account's rights: %w", err)
	}
	defer func() { _ = grants.Close() }() // Err below tells what went wrong
	for grants.Next() {
		var line string
		if err := grants.Scan(&line); err != nil {
			return fmt.Errorf("ask for the account's rights: %w", err)
		}
		if right := beyondReading(line); right != "" {
			return fmt.Errorf("%w: it has %s; try: an account with GRANT SELECT alone", ErrCanWrite, right)
		}
	}
	if err := grants.Err(); err != nil {
		return fmt.Errorf("ask for the account's rights: %w", err)
	}
	for _, t := range tables {
		if err := proveRead(ctx, db, stmt.Quote(t)); err != nil {
			return fmt.Errorf("table %s: %w", t, err)
		}
	}
	return nil
}

// beyondReading names the first right in a line of SHOW GRANTS that is more than reading; "" = there is none.
func beyondReading(line string) string {
	rights, _, ok := strings.Cut(strings.TrimPrefix(line, "GRANT "), " ON ")
	if !ok {
		return line // a role, which may hold anything
	}
	if strings.Contains(line, "WITH GRANT OPTION") {
		return "GRANT OPTION"
	}
	depth, from := 0, 0
	for i := 0; i <= len(rights); i++ {
		switch {
		case i < len(rights) && rights[i] == '(':
			depth++
		case i < len(rights) && rights[i] == ')':
			depth--
		case i == len(rights) || rights[i] == ',' && depth == 0:
			name, _, _ := strings.Cut(strings.TrimSpace(rights[from:i]), " (")
			if !slices.Contains([]string{"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES"}, name) {
				return name
			}
			from = i + 1
		}
	}
	return ""
}

// proveRead reads a table and tries to write it, in a transaction that is rolled back whatever comes.
func proveRead(ctx context.Context, db *sql.DB, table string) error {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	_, err = tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE FALSE")
	var refusal *mysql.MySQLError
	switch {
	case err == nil:
		return fmt.Errorf("%w: it deletes", ErrCanWrite)
	case errors.As(err, &refusal) && (refusal.Number == errTableDenied || refusal.Number == errReadOnly):
		return nil
	}
	return fmt.Errorf("try to write: %w", err)
}

var errNotReadBack = errors.New("the probe was not read back")

func count(ctx context.Context, db *sql.DB, nonce string) (n int, err error) {
	err = db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+TableProbe+" WHERE nonce = ?", nonce).Scan(&n)
	return n, err
}

package divert

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
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

var errNotReadBack = errors.New("the probe was not read back")

func count(ctx context.Context, db *sql.DB, nonce string) (n int, err error) {
	err = db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+TableProbe+" WHERE nonce = ?", nonce).Scan(&n)
	return n, err
}

package rows

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// restoreTimeout bounds giving a connection its session variables back.
const restoreTimeout = 5 * time.Second

// snapshot runs read in one read-only transaction that sees one state of the database, in UTC and UTF-8, and gives the
// connection back as it was.
func snapshot(ctx context.Context, db *sql.DB, read func(*sql.Tx) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	restore, err := prepareSession(ctx, conn)
	if err != nil {
		return err
	}
	defer restore()
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return fmt.Errorf("begin read-only transaction: %w", err)
	}
	err = read(tx)
	if end := tx.Rollback(); end != nil && !errors.Is(end, sql.ErrTxDone) {
		return errors.Join(err, fmt.Errorf("end read-only transaction: %w", end))
	}
	return err
}

// prepareSession sets the zone in which TIMESTAMP is read and the character set of results. What it gives back undoes
// that; a connection that cannot be restored is thrown away.
func prepareSession(ctx context.Context, conn *sql.Conn) (restore func(), err error) {
	var zone, charset sql.NullString
	if err := conn.QueryRowContext(ctx, "SELECT @@session.time_zone, @@session.character_set_results").Scan(&zone, &charset); err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "SET time_zone = '+00:00', character_set_results = 'utf8mb4'"); err != nil {
		return nil, fmt.Errorf("set session: %w", err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
		defer cancel()
		if _, err := conn.ExecContext(ctx, "SET time_zone = ?, character_set_results = ?", zone, charset); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // this is how database/sql closes one for good
		}
	}, nil
}

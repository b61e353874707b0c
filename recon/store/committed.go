package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// committed is a connector whose sessions read what is committed: a transaction that lost a race then sees the winner, not
// a snapshot of before. It is said once a connection, since saying it for each transaction costs a round trip.
type committed struct{ driver.Connector }

// Connect opens a session.
func (c committed) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	session, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(fmt.Errorf("set up session: %T runs no statements", conn), conn.Close())
	}
	if _, err := session.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", nil); err != nil {
		return nil, errors.Join(fmt.Errorf("set up session: %w", err), conn.Close())
	}
	return conn, nil
}

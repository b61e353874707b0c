package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
)

// open makes a pool. Every new connection reads dates as they are written, in the source's zone.
func (s Source) open() (*sql.DB, error) {
	c := s.Config.Clone()
	c.ParseTime, c.Logger = false, &mysql.NopLogger{}
	params := map[string]string{"time_zone": "'" + s.Zone + "'"}
	for name, value := range c.Params {
		params[name] = value
	}
	c.Params = params
	if err := c.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("open database at %s: %w", c.Addr, err)
	}
	return sql.OpenDB(connector), nil
}

// snapshots are connections that see a table at one moment, or as if at one moment.
type snapshots struct {
	conns  []*sql.Conn
	shared bool          // they see one moment
	locked time.Duration // for so long nobody could write to the table
}

// openSnapshots opens n connections that see one moment: none of them can be opened while somebody writes. Where the account
// may not lock the table, or the table is not to be had within LockWait, several connections are allowed only in a closed
// range of time, and else one: one sees one moment by itself.
func openSnapshots(ctx context.Context, db *sql.DB, s Source, n int) (*snapshots, error) {
	unlock := func() time.Duration { return 0 }
	shared := n == 1
	if n > 1 {
		var err error
		switch unlock, err = lock(ctx, db, s); {
		case err == nil:
			shared = true
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case s.Time.Until == "":
			n, shared = 1, true
		}
	}
	snap := &snapshots{shared: shared}
	err := snap.begin(ctx, db, n)
	snap.locked = unlock()
	if err != nil {
		snap.close()
		return nil, fmt.Errorf("open snapshots of %s: %w", s.Name(), err)
	}
	return snap, nil
}

func (p *snapshots) begin(ctx context.Context, db *sql.DB, n int) error {
	for range n {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		p.conns = append(p.conns, conn)
		for _, text := range []string{"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"} {
			if _, err := conn.ExecContext(ctx, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// close ends the transactions with their connections: the pool they belong to is closed next.
func (p *snapshots) close() {
	for _, conn := range p.conns {
		_ = conn.Close() // nothing was written
	}
}

// lock stops writers of the table, and of no other. The lock is the connection's: it cannot outlive it.
func lock(ctx context.Context, db *sql.DB, s Source) (unlock func() time.Duration, err error) {
	none := func() time.Duration { return 0 }
	conn, err := db.Conn(ctx)
	if err != nil {
		return none, fmt.Errorf("connect to %s: %w", s.Name(), err)
	}
	seconds := max(1, int(s.Options.LockWait.Seconds()))
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout = %d", seconds)); err != nil {
		return none, errors.Join(err, conn.Close())
	}
	began := time.Now()
	if _, err := conn.ExecContext(ctx, "FLUSH TABLES "+quote(s.Table)+" WITH READ LOCK"); err != nil {
		return none, errors.Join(fmt.Errorf("lock %s: %w", s.Name(), err), conn.Close())
	}
	return func() time.Duration {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "UNLOCK TABLES")
		if err != nil {
			_ = conn.Raw(func(any) error { return errDiscard }) // the server unlocks when the connection ends
		}
		_ = conn.Close()
		return time.Since(began)
	}, nil
}

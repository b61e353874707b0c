package embeddb

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func open(t *testing.T) *sql.DB {
	t.Helper()
	s, err := Start("pay")
	if err != nil {
		t.Fatal(err)
	}
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = "root", "tcp", s.Addr, "pay"
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() {
		db.Close()
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (id VARCHAR(32) PRIMARY KEY, amount DECIMAL(18,2))"); err != nil {
		t.Fatal(err)
	}
	return db
}

func count(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestConcurrentTransactionsLoseNothing(t *testing.T) {
	db := open(t)
	var wg sync.WaitGroup
	errs := make(chan error, 200)
	for w := range 8 {
		wg.Go(func() {
			for i := range 10 {
				if err := insertTwo(context.Background(), db, fmt.Sprintf("%d-%d", w, i), i%5 == 4); err != nil {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if n := count(t, db); n != 8*8*2 {
		t.Errorf("%d rows, want %d", n, 8*8*2)
	}
}

func insertTwo(ctx context.Context, db *sql.DB, id string, rollback bool) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, part := range []string{"a", "b"} {
		if _, err := tx.ExecContext(ctx, "INSERT INTO t (id, amount) VALUES (?, ?)", id+part, "19.99"); err != nil {
			return err
		}
	}
	if rollback {
		return nil
	}
	return tx.Commit()
}

func TestDroppedConnectionGivesTheLockBack(t *testing.T) {
	db := open(t)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "START TRANSACTION"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "INSERT INTO t (id) VALUES ('x')"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Raw(func(c any) error { return c.(interface{ Close() error }).Close() }); err != nil {
		t.Log(err) // the pool notices the broken connection later
	}
	if n := count(t, db); n != 0 {
		t.Errorf("%d rows of a dropped transaction", n)
	}
}

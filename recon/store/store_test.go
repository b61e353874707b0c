package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// server is the one MariaDB of this package's tests.
var server *mariadb.Server

func TestMain(m *testing.M) { os.Exit(mariadb.Main(m, &server)) }

func TestURLs(t *testing.T) {
	for name, c := range map[string]struct{ url, want string }{
		"file":              {"sqlite:///var/lib/x.db", ""},
		"relative file":     {"sqlite:x.db", ""},
		"schema":            {"mysql://u:p@h/s", ""},
		"tls":               {"mysql://u:p@h:1/s?tls=true", ""},
		"host of a file":    {"sqlite://x.db", `got host "x.db"`},
		"folder":            {"sqlite:///x/", "no path of a file"},
		"file parameters":   {"sqlite:///x?a=b", "takes no parameters"},
		"no user":           {"mysql://h/s", "no user"},
		"no schema":         {"mysql://u@h", "no schema"},
		"unknown parameter": {"mysql://u:hidden@h/s?user=root", "user: no such parameter"},
		"kind":              {"postgres://u:hidden@h/s", `unknown kind (got "postgres"); try: sqlite:///`},
		"not a URL":         {"mysql://u:hidden@h:port/s", "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			err := store.CheckURL(c.url)
			switch {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			case err != nil && strings.Contains(err.Error(), "hidden"):
				t.Errorf("a password shows: %v", err)
			}
		})
	}
}

func entry(id, subject string) store.Entry {
	return store.Entry{ID: id, Time: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC), Actor: "test", Action: "batch confirm", Subject: subject}
}

func TestTransactionIsWholeOrNothing(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		failed := errors.New("changed its mind")
		err := db.Tx(t.Context(), func(tx *store.Tx) error {
			if err := tx.Audit(t.Context(), entry("a", "B1")); err != nil {
				return err
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Fatalf("got %v", err)
		}
		if n, err := db.Waiting(t.Context()); err != nil || n != 0 {
			t.Fatalf("%d entries of a transaction that was rolled back, %v", n, err)
		}
		func() {
			defer func() { _ = recover() }() // the panic below
			_ = db.Tx(t.Context(), func(*store.Tx) error { panic("bug") })
		}()
		write := func(tx *store.Tx) error {
			return tx.Audit(t.Context(), entry("b", "B1"), entry("c", "B2"), entry("b", "again"))
		}
		if err := db.Tx(t.Context(), write); err != nil {
			t.Fatalf("after a panic: %v", err)
		}
		got, err := db.Outbox(t.Context(), 10)
		if err != nil || len(got) != 2 || got[0] != entry("b", "B1") || got[1].ID != "c" {
			t.Fatalf("got %+v, %v", got, err)
		}
		if err := db.Tx(t.Context(), func(tx *store.Tx) error { return tx.Logged(t.Context(), got[:1]) }); err != nil {
			t.Fatal(err)
		}
		if n, err := db.Waiting(t.Context()); err != nil || n != 1 {
			t.Fatalf("%d entries wait, want 1; %v", n, err)
		}
	})
}

func TestAddAndPut(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		rows := func(body string, ids ...string) store.Rows {
			r := store.Rows{Table: "outbox", Key: []string{"id"}, Columns: []string{"body"}}
			for _, id := range ids {
				r.Values = append(r.Values, []any{id, []byte(body)})
			}
			return r
		}
		var ids []string
		for i := range 9000 { // more than goes into one statement
			ids = append(ids, fmt.Sprint("n", i))
		}
		err := db.Tx(t.Context(), func(tx *store.Tx) error {
			for _, step := range []struct {
				ids  []string
				want int64
			}{{[]string{"a", "A", "a "}, 3}, {[]string{"b", "a", "c"}, 2}, {ids, 9000}, {ids, 0}} {
				if added, err := tx.Add(t.Context(), rows("{}", step.ids...)); err != nil || added != step.want {
					return fmt.Errorf("added %d, want %d: %w", added, step.want, err)
				}
			}
			return tx.Put(t.Context(), rows(`{"actor":"x"}`, "a", "z"))
		})
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRow(t.Context(), "SELECT COUNT(*) FROM outbox WHERE body = ?", []byte(`{"actor":"x"}`)).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if all, err := db.Waiting(t.Context()); err != nil || n != 2 || all != 9006 {
			t.Fatalf("%d replaced of %d rows, %v", n, all, err)
		}
	})
}

// TestNoUpdateIsLost has 64 writers read a number and write the next one.
func TestNoUpdateIsLost(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		const writers, rounds = 64, 5
		set := func(tx *store.Tx, n int) error {
			return tx.Put(t.Context(), store.Rows{Table: "outbox", Key: []string{"id"}, Columns: []string{"body"}, Values: [][]any{{"n", fmt.Sprint(n)}}})
		}
		if err := db.Tx(t.Context(), func(tx *store.Tx) error { return set(tx, 0) }); err != nil {
			t.Fatal(err)
		}
		var group errgroup.Group
		for range writers {
			group.Go(func() error {
				for range rounds {
					if err := db.Tx(t.Context(), func(tx *store.Tx) error {
						if _, err := tx.Exec(t.Context(), "UPDATE outbox SET body = body + 1 WHERE id = 'n'"); err != nil {
							return err
						}
						return tx.Audit(t.Context(), store.Entry{Actor: "writer"})
					}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := db.QueryRow(t.Context(), "SELECT body FROM outbox WHERE id = 'n'").Scan(&n); err != nil || n != writers*rounds {
			t.Fatalf("the number is %d, want %d; %v", n, writers*rounds, err)
		}
	})
}

// TestTransactionSeesTheWinner has a transaction on a server read again after another one committed.
func TestTransactionSeesTheWinner(t *testing.T) {
	db := stores.Open(t, stores.Schema(t, server))
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		for want := range 2 {
			var n int
			if err := tx.QueryRow(t.Context(), "SELECT COUNT(*) FROM outbox").Scan(&n); err != nil || n != want {
				return fmt.Errorf("sees %d rows, want %d: %w", n, want, err)
			}
			if err := db.Tx(t.Context(), func(other *store.Tx) error { return other.Audit(t.Context(), store.Entry{Actor: "winner"}) }); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestDeadlockIsTriedAgain makes two transactions want each other's row.
func TestDeadlockIsTriedAgain(t *testing.T) {
	db := stores.Open(t, stores.Schema(t, server))
	if err := db.Tx(t.Context(), func(tx *store.Tx) error { return tx.Audit(t.Context(), entry("a", ""), entry("b", "")) }); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	db.Measure(reg)
	both := make(chan struct{}, 2)
	var group errgroup.Group
	for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		group.Go(func() error {
			met := false
			return db.Tx(t.Context(), func(tx *store.Tx) error {
				for _, id := range order {
					if _, err := tx.Exec(t.Context(), "UPDATE outbox SET body = '{}' WHERE id = ?", id); err != nil {
						return err
					}
					if !met {
						met = true
						both <- struct{}{}
						for len(both) < 2 {
							time.Sleep(time.Millisecond)
						}
					}
				}
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader("# HELP touchstone_store_retries_total Transactions that the database undid for another one and that were tried again.\n# TYPE touchstone_store_retries_total counter\ntouchstone_store_retries_total 1\n")); err != nil {
		t.Error(err)
	}
}

func TestManyProcessesOpenOneStore(t *testing.T) {
	for name, url := range map[string]string{"sqlite": stores.File(t), "mariadb": stores.Schema(t, server)} {
		t.Run(name, func(t *testing.T) {
			var group errgroup.Group
			for range 6 {
				group.Go(func() error {
					db, err := store.Open(context.Background(), url)
					if err != nil {
						return err
					}
					return db.Close()
				})
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestNewerTablesAreRefused(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		if err := db.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO touchstone_schema (version_id, is_applied) VALUES (9999, 1)")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		url := "sqlite://" + db.Name()
		if !filepath.IsAbs(db.Name()) {
			url = "mysql://root@" + db.Name()
		}
		if _, err := store.Open(t.Context(), url); err == nil || !strings.Contains(err.Error(), "of version 9999") {
			t.Fatalf("got %v", err)
		}
	})
}

func TestMoments(t *testing.T) {
	at := time.Date(2026, 11, 23, 23, 59, 59, 123456000, time.FixedZone("", 8*3600))
	if got := store.TimeOf(store.Moment(at)); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("got %v, want %v", got, at)
	}
	if got := store.TimeOf(store.Moment(time.Time{})); !got.IsZero() {
		t.Errorf("got %v, want the zero time", got)
	}
}

package dualwrite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// states remembers the last state of each write set.
type states struct {
	mu   sync.Mutex
	last map[string]shadow.Apply
}

func (s *states) report(a shadow.Apply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[a.WriteSet] = a
}

func (s *states) tally() map[shadow.ApplyState]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[shadow.ApplyState]int{}
	for _, a := range s.last {
		out[a.State]++
	}
	return out
}

func startApplier(t *testing.T, db *sql.DB, change func(*ApplierConfig)) (*Applier, *states, func()) {
	t.Helper()
	st := &states{last: map[string]shadow.Apply{}}
	cfg := ApplierConfig{
		Shadow: db, Report: st.report, Backoff: 5 * time.Millisecond, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&cfg)
	}
	a := NewApplier(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return a, st, stop
}

func orderSet(id, order string) shadow.WriteSet {
	row := shadow.Row{Columns: []string{"order_no", "amount"}, Values: []shadow.Value{{Text: order}, {Text: "1"}}}
	return shadow.WriteSet{ID: id, Order: order, Outcome: shadow.Committed, Sealed: time.Now(),
		Statements: []shadow.Statement{{Verb: "insert", Table: "orders", Affected: 1, Rows: []shadow.Row{row}}}}
}

func TestShadowThatDiesInTheMiddleCatchesUp(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	second, err := mariadb.Start(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { second.Stop() }()
	root, err := second.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	must(t, root, "CREATE DATABASE side")
	must(t, root, "CREATE TABLE side.orders (order_no VARCHAR(64) PRIMARY KEY, amount BIGINT)")
	db, err := second.Open("side")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a, st, stop := startApplier(t, db, func(c *ApplierConfig) { c.Tries = 1000 })
	b := newBench(t, "catchup", Apply, a)
	client := b.open(nil)
	var slowest time.Duration
	for i := range 300 {
		start := time.Now()
		must(t, client, mark+"INSERT INTO orders (order_no, amount) VALUES (?, ?)", fmt.Sprint("C", i), i)
		slowest = max(slowest, time.Since(start))
		if i == 100 {
			second.Kill()
		}
	}
	if slowest > time.Second {
		t.Errorf("a client waited %s for a dead shadow", slowest)
	}
	if err := second.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	if got := st.tally(); got[shadow.Applied] != 300 || len(got) != 1 {
		t.Fatalf("states %v", got)
	}
	if n := count(t, db, "orders"); n != 300 {
		t.Fatalf("%d rows in the shadow", n)
	}
}

func TestApplierReportsWhatDoesNotArrive(t *testing.T) {
	db := createSchema(t, "reports")
	t.Run("refused by the shadow", func(t *testing.T) {
		a, st, stop := startApplier(t, db, nil)
		a.Submit(0, orderSet("1", "X"))
		a.Submit(0, orderSet("1", "X")) // the same set again is no second write
		a.Submit(0, orderSet("2", "X")) // another set with the same key is
		stop()
		if st.last["1"].State != shadow.Applied || st.last["2"].State != shadow.ApplyFailed || st.last["2"].Cause != shadow.CauseApply {
			t.Fatalf("%+v", st.last)
		}
	})
	t.Run("spoiled or unknown", func(t *testing.T) {
		a, st, stop := startApplier(t, db, nil)
		spoiled, unknown, nothing := orderSet("3", "Y"), orderSet("4", "Y"), orderSet("5", "Y")
		spoiled.Cause, unknown.Outcome, nothing.Outcome = shadow.CauseNotInsert, shadow.CommitUnknown, shadow.NothingWritten
		for _, ws := range []shadow.WriteSet{spoiled, unknown, nothing} {
			a.Submit(0, ws)
		}
		stop()
		if st.last["3"].State != shadow.ApplyFailed || st.last["4"].State != shadow.ApplyUnknown || len(st.last) != 2 {
			t.Fatalf("%+v", st.last)
		}
	})
	t.Run("no room, then no time", func(t *testing.T) {
		dead := server.Config("reports")
		dead.Addr = "127.0.0.1:1"
		c, err := mysql.NewConnector(dead)
		if err != nil {
			t.Fatal(err)
		}
		gone := sql.OpenDB(c)
		defer gone.Close()
		a, st, stop := startApplier(t, gone, func(c *ApplierConfig) {
			c.Workers, c.Queue, c.Tries, c.DrainTimeout = 1, 3, 1_000_000, 50*time.Millisecond
		})
		for i := range 20 {
			a.Submit(0, orderSet(fmt.Sprint("q", i), "Z"))
		}
		if n := st.tally()[shadow.ApplyDropped]; n < 16 {
			t.Errorf("%d dropped for want of room", n)
		}
		stop()
		a.Submit(0, orderSet("late", "Z"))
		if got := st.tally(); got[shadow.ApplyDropped] != 21 || st.last["late"].Cause != shadow.ReasonShutdown {
			t.Fatalf("%v", got)
		}
	})
	t.Run("tries used up", func(t *testing.T) {
		locked, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		must(t, locked, "INSERT INTO orders (order_no, amount) VALUES ('L', 1)")
		a, st, stop := startApplier(t, db, func(c *ApplierConfig) { c.Tries, c.TryTimeout = 2, 50*time.Millisecond })
		a.Submit(0, orderSet("locked", "L"))
		stop()
		if err := locked.Rollback(); err != nil {
			t.Fatal(err)
		}
		if st.last["locked"].State != shadow.ApplyFailed {
			t.Fatalf("%+v", st.last)
		}
	})
}

// Random transactions on several connections: in the end the shadow holds the tagged part of what committed, and no more.
func TestRandomTransactionsLeaveTheShadowEqual(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	side := createSchema(t, "random_shadow")
	a, st, stop := startApplier(t, side, nil)
	b := newBench(t, "random", Apply, a)
	must(t, b.direct, "INSERT INTO audit (id, what) VALUES (1,''),(2,''),(3,'')")
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(seed, uint64(worker)))
			db := b.open(func(c *mysql.Config) { c.InterpolateParams = worker%2 == 0 })
			for i := range 80 {
				if err := randomTransaction(t.Context(), db, r, fmt.Sprintf("W%d-%d", worker, i)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	wg.Wait()
	b.stop()
	stop()
	for _, q := range []string{"DELETE FROM orders WHERE note='untagged'", "DELETE FROM flows WHERE amount < 0"} {
		must(t, b.direct, q)
	}
	if got, want := b.dump(t, side), b.dump(t, b.direct); got != want || want == "" {
		t.Fatalf("seed %d: shadow\n%s\nprimary\n%s", seed, got, want)
	}
	if got := st.tally(); got[shadow.Applied] == 0 || len(got) != 1 {
		t.Fatalf("seed %d: states %v", seed, got)
	}
}

// randomTransaction runs a few statements in a transaction or outside of one. Deadlocks and duplicate keys are part of life.
func randomTransaction(ctx context.Context, db *sql.DB, r *rand.Rand, order string) error {
	run := func(q string, args ...any) error {
		_, err := db.ExecContext(ctx, q, args...)
		var e *mysql.MySQLError
		if errors.As(err, &e) && (e.Number == errDeadlock || e.Number == errLockTimeout || e.Number == errDuplicate || e.Number == 1305) {
			return nil
		}
		return err
	}
	begin := []string{"BEGIN", "START TRANSACTION", "SET autocommit=0", "DO 1"}[r.IntN(4)]
	if err := run(begin); err != nil {
		return err
	}
	for range 1 + r.IntN(5) {
		var err error
		switch r.IntN(9) {
		case 0, 1:
			err = run(mark+"INSERT INTO orders (order_no, amount, note) VALUES (?, ?, 'x')", order, r.IntN(100))
		case 2, 3:
			err = run(mark+"INSERT INTO flows (order_no, amount) VALUES (?, ?)", order, r.IntN(5))
		case 4:
			err = run("INSERT INTO orders (order_no, amount, note) VALUES (?, 1, 'untagged')", order+"-u")
		case 5:
			err = run("SAVEPOINT s" + fmt.Sprint(r.IntN(2)))
		case 6:
			err = run("ROLLBACK TO s" + fmt.Sprint(r.IntN(2)))
		case 7:
			err = run("UPDATE audit SET what=? WHERE id=?", order, 1+r.IntN(3))
		case 8:
			err = run([]string{"COMMIT AND CHAIN", "ROLLBACK AND CHAIN", "BEGIN", "RELEASE SAVEPOINT s0"}[r.IntN(4)])
		}
		if err != nil {
			return err
		}
	}
	if err := run([]string{"COMMIT", "ROLLBACK", "SET autocommit=1"}[r.IntN(3)]); err != nil {
		return err
	}
	if err := run("COMMIT"); err != nil {
		return err
	}
	return run("SET autocommit=1")
}

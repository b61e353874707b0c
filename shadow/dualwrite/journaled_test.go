package dualwrite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/journal"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

func openJournal(t *testing.T, dir string) (*journal.Journal, []journal.Entry) {
	t.Helper()
	j, left, damaged, err := journal.Open(journal.Config{Dir: dir, SegmentBytes: 16 << 10, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil || len(damaged) > 0 {
		t.Fatal(err, damaged)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j, left
}

// resume does what a restarted sidecar does with its journal.
func resume(t *testing.T, a *Applier, j *journal.Journal, left []journal.Entry) {
	t.Helper()
	for _, e := range left {
		payload, err := j.Payload(e.Seq)
		if err != nil {
			t.Fatal(err)
		}
		ws, err := Kept(payload, e.Committed)
		if err != nil {
			t.Fatal(err)
		}
		if e.Committed {
			a.Submit(e.Seq, ws)
		} else {
			a.Resolve(e.Seq, ws)
		}
	}
}

// Clients write on through a shadow that is away and a sidecar that ends and comes back: in the end every committed row
// is in the shadow, once, and the journal is empty. Only a few write sets fit into the applier's memory.
func TestJournaledSetsOutliveTheShadowAndTheSidecar(t *testing.T) {
	second, err := mariadb.Start(t.Context(), t.TempDir())
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
	side, err := second.Open("side")
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()

	dir, st := t.TempDir(), &states{last: map[string]shadow.Apply{}}
	b := &bench{t: t, schema: "journaled", direct: createSchema(t, "journaled"), seen: &notes{}, reg: prometheus.NewRegistry()}
	written := 0
	for life := range 3 {
		j, left := openJournal(t, dir)
		a := NewApplier(ApplierConfig{Shadow: side, Stored: j, Report: st.report, Queue: 8, Tries: 3, Backoff: 5 * time.Millisecond, DrainTimeout: 20 * time.Millisecond,
			Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
		resume(t, a, j, left)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := a.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		b.side, b.journal, b.reg = a, j, prometheus.NewRegistry()
		b.listen(server.Addr, Apply, b.seen)
		client := b.open(nil)
		for i := range 200 {
			if i == 100 && life == 0 {
				second.Kill()
			}
			if i == 50 && life == 2 {
				if err := second.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			must(t, client, mark+"INSERT INTO orders (order_no, amount) VALUES (?, ?)", fmt.Sprint("J", written), written)
			written++
		}
		if life == 2 {
			for deadline := time.Now().Add(20 * time.Second); st.tally()[shadow.Applied] < written && time.Now().Before(deadline); {
				time.Sleep(10 * time.Millisecond)
			}
		}
		b.stop()
		cancel()
		wg.Wait()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := st.tally(); got[shadow.Applied] != written || len(got) != 1 {
		t.Fatalf("%d written, states %v", written, got)
	}
	if n := count(t, side, "orders"); n != written {
		t.Fatalf("%d rows of %d in the shadow", n, written)
	}
	if _, left := openJournal(t, dir); len(left) != 0 {
		t.Fatalf("%d entries are left in the journal", len(left))
	}
}

// A moment and an empty date mean the same in the shadow as in the session that wrote them.
func TestSettingsOfTheSessionHoldInTheShadow(t *testing.T) {
	side := createSchema(t, "around_shadow")
	a, st, stop := startApplier(t, side, func(c *ApplierConfig) { c.Workers = 1 })
	b := newBench(t, "around", Apply, a)
	for _, db := range []*sql.DB{side, b.direct} {
		must(t, db, "ALTER TABLE orders ADD COLUMN ts TIMESTAMP(3) NULL, ADD COLUMN d DATE NULL")
	}
	client := b.open(nil)
	for i, around := range []string{"DO 1", "SET time_zone='+08:00'", "SET time_zone='-03:00', sql_mode=''", "SET time_zone='+00:00', sql_mode='ANSI_QUOTES'"} {
		must(t, client, around)
		must(t, client, mark+"INSERT INTO orders (order_no, amount, ts, d) VALUES (?, 1, '2026-01-01 00:00:00.123', ?)", fmt.Sprint("Z", i), map[bool]string{true: "0000-00-00", false: "2026-01-01"}[i == 2])
	}
	b.stop()
	stop()
	read := func(db *sql.DB) (out string) {
		for i := range 4 {
			var line string
			if err := db.QueryRowContext(t.Context(), "SELECT CONCAT(UNIX_TIMESTAMP(ts), ' ', d) FROM orders WHERE order_no = ?", fmt.Sprint("Z", i)).Scan(&line); err != nil {
				t.Fatal(i, err, st.tally())
			}
			out += line + "; "
		}
		return out
	}
	if got, want := read(side), read(b.direct); got != want {
		t.Fatalf("shadow %s, primary %s", got, want)
	}
}

package dualwrite

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// readBench is a port that compares reads of schema seen with schema seen_shadow.
type readBench struct {
	*bench
	mu    sync.Mutex
	noted []shadow.ReadNote
	base  map[string]float64
}

func newReadBench(t *testing.T) *readBench {
	t.Helper()
	rb := &readBench{bench: &bench{t: t, schema: "seen", direct: createSchema(t, "seen"), seen: &notes{}, reg: prometheus.NewRegistry()}}
	side := createSchema(t, "seen_shadow")
	must(t, side, "ALTER TABLE flows MODIFY amount DECIMAL(20,4)")
	dsn := func(schema string) string { return server.Config(schema).FormatDSN() }
	primary, err := OpenShadow(dsn("seen"), 2)
	if err != nil {
		t.Fatal(err)
	}
	other, err := OpenShadow(dsn("seen_shadow"), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { primary.Close(); other.Close() })
	c := NewReadComparer(ReadComparerConfig{Primary: primary, Shadow: other, Delay: 20 * time.Millisecond, Log: slog.New(slog.DiscardHandler), Metrics: rb.reg, Report: func(n shadow.ReadNote) {
		rb.mu.Lock()
		defer rb.mu.Unlock()
		rb.noted = append(rb.noted, n)
	}})
	go func() { _ = c.Run(t.Context()) }()
	rb.reads = c
	rb.listen(server.Addr, Observe, rb.seen)
	return rb
}

// outcome waits for the next read to be counted.
func (rb *readBench) outcome() string {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		all, _ := rb.reg.Gather()
		for _, m := range all {
			if m.GetName() != "touchstone_reads_total" {
				continue
			}
			for _, v := range m.GetMetric() {
				name, n := v.GetLabel()[0].GetValue(), v.GetCounter().GetValue()
				if n > rb.base[name] {
					rb.base[name] = n
					return name
				}
			}
		}
	}
	return "none"
}

func (rb *readBench) take() string {
	rb.mu.Lock()
	defer rb.mu.Unlock()
	var lines []string
	for _, n := range rb.noted {
		for _, m := range n.Mismatches {
			lines = append(lines, fmt.Sprintf("%s %s %s %s %s", n.Order, m.Name, m.Field, m.Expected, m.Actual))
		}
	}
	rb.noted = nil
	return strings.Join(lines, "; ")
}

func TestTaggedReadsAreRunAgainOnTheShadow(t *testing.T) {
	rb := newReadBench(t)
	rb.base = map[string]float64{}
	for _, schema := range []string{"seen", "seen_shadow"} {
		must(t, rb.direct, "INSERT INTO "+schema+".orders VALUES ('A', 5, NULL, x'00ff', '2026-01-02 03:04:05.600000'), ('B', -7, 'it''s', NULL, NULL), ('C', 1, 'x', NULL, NULL)")
		must(t, rb.direct, "INSERT INTO "+schema+".flows (order_no, amount) VALUES ('A', 1.50), ('A', -0.10), ('B', 3)")
	}
	must(t, rb.direct, "UPDATE seen_shadow.orders SET amount = 6 WHERE order_no = 'C'")
	must(t, rb.direct, "DELETE FROM seen_shadow.flows WHERE order_no = 'B'")
	must(t, rb.direct, "INSERT INTO seen_shadow.flows (order_no, amount) SELECT 'A', 1.50 FROM DUAL WHERE FALSE")
	for _, prepared := range []bool{false, true} {
		db := rb.open(func(c *mysql.Config) { c.InterpolateParams = !prepared })
		for _, c := range []struct{ run, order, want, note string }{
			{"SELECT * FROM orders WHERE order_no = ?", "A", readMatch, ""},
			{"SELECT * FROM orders WHERE order_no = ?", "B", readMatch, ""},
			{"SELECT order_no, amount FROM flows WHERE order_no = ? ORDER BY amount", "A", readMatch, ""},
			{"SELECT SUM(amount), COUNT(*), amount * 1e0 FROM flows WHERE order_no = ? GROUP BY amount", "A", readMatch, ""},
			{"SELECT amount, note FROM orders WHERE order_no = ?", "C", readMismatch, "C orders amount 1 6"},
			{"SELECT amount FROM flows WHERE order_no = ?", "B", readMismatch, "B flows rows 1 rows 0 rows"},
			{"SELECT amount FROM orders WHERE order_no = ?", "nobody", readMatch, ""},
			{"SELECT amount FROM orders WHERE order_no = ? LIMIT 1", "A", skipVaries, ""},
			{"SELECT amount, NOW() FROM orders WHERE order_no = ?", "A", skipVaries, ""},
			{"SELECT COUNT(*) FROM orders WHERE amount > 0 AND note <> ?", "A", skipUnbound, ""},
			{"SELECT o.amount FROM orders o JOIN flows f ON f.order_no = o.order_no WHERE o.order_no = ?", "A", skipUnbound, ""},
			{"SELECT REPEAT('x', 100000) FROM orders WHERE order_no = ?", "A", skipUnread, ""},
		} {
			rows, err := db.Query(mark+c.run, c.order)
			if err != nil {
				t.Fatal(c.run, err)
			}
			for rows.Next() {
			}
			rows.Close()
			if got := rb.outcome(); got != c.want {
				t.Errorf("%s: %s, want %s", c.run, got, c.want)
			}
			if got := rb.take(); got != c.note {
				t.Errorf("%s: noted %q, want %q", c.run, got, c.note)
			}
		}
	}
	db := rb.open(nil)
	must(t, db, "SELECT amount FROM orders WHERE order_no = 'C'") // untagged
	must(t, db, "BEGIN")
	must(t, db, mark+"INSERT INTO flows (order_no, amount) VALUES ('A', 9)")
	must(t, db, mark+"SELECT amount FROM flows WHERE order_no = 'A'")
	if got := rb.outcome(); got != skipTransaction {
		t.Errorf("a read that sees its own writes: %s", got)
	}
	must(t, db, "ROLLBACK")
}

func TestReadThatSettlesIsNoDifference(t *testing.T) {
	rb := newReadBench(t)
	rb.base = map[string]float64{}
	must(t, rb.direct, "INSERT INTO seen.orders (order_no, amount) VALUES ('A', 5)")
	db := rb.open(nil)
	must(t, db, mark+"SELECT amount FROM orders WHERE order_no = 'A'")
	time.Sleep(30 * time.Millisecond)
	must(t, rb.direct, "UPDATE seen.orders SET amount = 8")
	must(t, rb.direct, "INSERT INTO seen_shadow.orders (order_no, amount) VALUES ('A', 8)")
	if got := rb.outcome(); got != readMatch || rb.take() != "" {
		t.Errorf("outcome %s", got)
	}
}

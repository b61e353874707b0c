package rows

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

var server *mariadb.Server

func TestMain(m *testing.M) { os.Exit(mariadb.Main(m, &server)) }

// sides is two schemas of one server: what the primary holds and what the shadow holds.
type sides struct {
	t               *testing.T
	primary, shadow *sql.DB
	config          Config
}

const tables = `CREATE TABLE payments (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_no VARCHAR(64) NOT NULL, payment_no VARCHAR(64) NOT NULL UNIQUE, amount DECIMAL(12,2), currency CHAR(3),
 status VARCHAR(20), note VARCHAR(200), at DATETIME(3), raw VARBINARY(20), trace VARCHAR(40), KEY (order_no));
CREATE TABLE entries (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_no VARCHAR(64) NOT NULL, payment_no VARCHAR(64), line INT, amount DECIMAL(12,2), KEY (order_no));
CREATE TABLE keyless (order_no VARCHAR(64), what VARCHAR(20))`

func policy() []Table {
	yuan := MoneyColumn{Unit: recon.UnitMajor, Currency: "CNY"}
	return []Table{
		{Name: "payments", Key: []string{"payment_no"}, Order: "order_no", Aliases: map[string]string{"id": "payment_id", "payment_no": "payment_no"},
			Money: map[string]MoneyColumn{"amount": {Unit: recon.UnitMajor, CurrencyColumn: "currency"}}, TimeTolerance: map[string]time.Duration{"at": time.Second},
			Noise: map[string]Noise{"trace": {"a random id of the request", "payments team"}}},
		{Name: "entries", Key: []string{"payment_no", "line"}, Order: "order_no", Aliases: map[string]string{"id": "entry_id", "payment_no": "payment_no"}, Money: map[string]MoneyColumn{"amount": yuan}},
	}
}

func newSides(t *testing.T) *sides {
	t.Helper()
	s := &sides{t: t}
	name := fmt.Sprintf("r%d", time.Now().UnixNano())
	for suffix, db := range map[string]**sql.DB{"_p": &s.primary, "_s": &s.shadow} {
		cfg := server.Config("")
		cfg.MultiStatements = true
		c, err := mysql.NewConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		root := sql.OpenDB(c)
		if _, err := root.Exec("CREATE DATABASE " + name + suffix + "; USE " + name + suffix + "; " + tables); err != nil {
			t.Fatal(err)
		}
		_ = root.Close()
		if *db, err = server.Open(name + suffix); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = (*db).Close() })
	}
	s.config = Config{
		Primary: s.primary, Shadow: s.shadow, Tables: policy(), Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
		Sleep: func(context.Context, time.Duration) error { return nil },
	}
	return s
}

func (s *sides) run(db *sql.DB, statements ...string) {
	s.t.Helper()
	for _, text := range statements {
		if _, err := db.Exec(text); err != nil {
			s.t.Fatalf("%.200s: %v", text, err)
		}
	}
}

// both runs statements on both sides.
func (s *sides) both(statements ...string) {
	s.t.Helper()
	s.run(s.primary, statements...)
	s.run(s.shadow, statements...)
}

func (s *sides) compare(bindings map[string][]shadow.Binding, orders ...string) map[string]Result {
	s.t.Helper()
	c, err := New(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	got, err := c.Compare(s.t.Context(), orders, bindings)
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

// lines prints a result's mismatches: "payments.amount value 1.50 CNY -> 1.51 CNY".
func lines(r Result) string {
	var out []string
	for _, m := range r.Mismatches {
		out = append(out, fmt.Sprintf("%s.%s %s %s %s -> %s", m.Name, m.Field, m.Kind, m.Class, m.Expected, m.Actual))
	}
	if r.Cause != "" {
		out = append(out, "cause "+r.Cause)
	}
	return strings.Join(out, "; ")
}

package divert

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

var server *mariadb.Server

func TestMain(m *testing.M) { os.Exit(mariadb.Main(m, &server, "--max-allowed-packet=64M")) }

type notes struct {
	mu   sync.Mutex
	sets []shadow.WriteSet
}

func (n *notes) WriteSet(ws shadow.WriteSet) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sets = append(n.sets, ws)
}

func (n *notes) take() []shadow.WriteSet {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.sets
	n.sets = nil
	return out
}

func sqlExec(t *testing.T, db *sql.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.60s: %v", q, err)
		}
	}
}

func direct(t *testing.T, schema string) *sql.DB {
	t.Helper()
	db, err := server.Open(schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// port opens a divert port for schema "side" and gives a driver's configuration for it.
func port(t *testing.T, change ...func(*Config)) (*mysql.Config, *notes, *prometheus.Registry) {
	t.Helper()
	root := direct(t, "")
	sqlExec(t, root, "DROP DATABASE IF EXISTS side", "CREATE DATABASE side", "DROP DATABASE IF EXISTS live", "CREATE DATABASE live", "CREATE TABLE live.orders (order_no VARCHAR(64) PRIMARY KEY)",
		"CREATE TABLE side.orders (order_no VARCHAR(64) PRIMARY KEY, amount BIGINT)", "CREATE FUNCTION side.f() RETURNS INT NO SQL RETURN 1", "CREATE PROCEDURE side.p() SELECT 1")
	seen, reg := &notes{}, prometheus.NewRegistry()
	own := Config{
		Listen: "127.0.0.1:0", Shadow: server.Addr, Schema: "side", Observer: seen, DrainTimeout: 100 * time.Millisecond,
		Known:  []string{"Orders", "notes"},
		Tables: []dualwrite.Table{{Name: "orders", Key: []string{"order_no"}, OrderColumn: "order_no"}},
		Log:    slog.New(slog.DiscardHandler), Metrics: reg,
	}
	for _, f := range change {
		f(&own)
	}
	p := New(own)
	if err := p.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	cfg := server.Config("side")
	cfg.Addr = p.Addr()
	return cfg, seen, reg
}

func open(t *testing.T, cfg *mysql.Config) *sql.DB {
	t.Helper()
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func refusals(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, m := range all {
		if m.GetName() == "touchstone_mysql_refused_total" {
			for _, v := range m.GetMetric() {
				out[v.GetLabel()[0].GetValue()] = v.GetCounter().GetValue()
			}
		}
	}
	return out
}

func TestRefusalsNameTheirRuleAndKeepTheConnection(t *testing.T) {
	cfg, _, reg := port(t)
	cfg.MultiStatements = true
	db := open(t, cfg)
	var before int
	if err := db.QueryRow("SELECT CONNECTION_ID()").Scan(&before); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, rule string }{
		{"SELEC 1", "unparsed"},
		{"XA START 'x'", "unparsed"},
		{"SELECT 1 /*!99999 , 2 */", "unparsed"},
		{"SELECT 1 /*M! INTO OUTFILE '/tmp/x' */", "unparsed"},
		{"HANDLER orders OPEN", "unparsed"},
		{"SELECT * FROM live.orders", "schema"},
		{"SELECT * FROM orders WHERE order_no IN (SELECT order_no FROM live.orders)", "schema"},
		{"INSERT INTO live.orders VALUES ('x')", "schema"},
		{"INSERT INTO information_schema.tables VALUES (1)", "schema"},
		{"DELETE o FROM orders o JOIN live.orders l ON l.order_no=o.order_no", "schema"},
		{"SELECT live.f()", "schema"},
		{"SELECT mysql.user.host FROM orders", "schema"},
		{"SHOW TABLES FROM mysql", "schema"},
		{"USE live", "schema"},
		{"SELECT * FROM rates", "table"},
		{"INSERT INTO orders (order_no) SELECT name FROM rates", "table"},
		{"SELECT 1 FROM orders JOIN side.rates", "table"},
		{"SHOW CREATE TABLE rates", "table"},
		{"DROP TABLE orders", "ddl"},
		{"CREATE TEMPORARY TABLE x (a INT)", "ddl"},
		{"TRUNCATE orders", "ddl"},
		{"LOCK TABLES orders WRITE", "ddl"},
		{"CALL p()", "admin"},
		{"KILL 1", "admin"},
		{"SHUTDOWN", "admin"},
		{"GRANT ALL ON *.* TO x", "admin"},
		{"FLUSH TABLES", "admin"},
		{"PREPARE s FROM 'DROP TABLE orders'", "admin"},
		{"EXECUTE s", "admin"},
		{"DO 1", "admin"},
		{"LOAD DATA INFILE '/etc/passwd' INTO TABLE orders", "admin"},
		{"EXPLAIN ANALYZE SELECT 1", "admin"},
		{"SELECT 1 INTO OUTFILE '/tmp/x'", "file"},
		{"SELECT GET_LOCK('a', 1)", "function"},
		{"SELECT f()", "function"},
		{"SELECT LOAD_FILE('/etc/passwd')", "function"},
		{"SELECT SLEEP(1)", "function"},
		{"INSERT INTO orders (order_no) VALUES (f())", "function"},
		{"SET GLOBAL max_connections=5", "setting"},
		{"SET @@global.read_only=0", "setting"},
		{"SET sql_log_bin=0", "setting"},
		{"SET sql_mode='ANSI_QUOTES'", "setting"},
		{"SELECT 1; DROP TABLE orders", "ddl"},
	} {
		t.Run(c.query, func(t *testing.T) {
			count := refusals(t, reg)[c.rule]
			var e *mysql.MySQLError
			if _, err := db.Exec(c.query); !errors.As(err, &e) || string(e.SQLState[:]) != "42000" || !strings.Contains(e.Message, "rule "+c.rule) {
				t.Fatalf("as text: %v", err)
			}
			if s, err := db.Prepare(c.query); !errors.As(err, &e) || !strings.Contains(e.Message, "rule "+c.rule) {
				t.Fatalf("prepared: %v %v", s, err)
			}
			if got := refusals(t, reg)[c.rule]; got != count+2 {
				t.Fatalf("%v refusals were counted", got-count)
			}
		})
	}
	var after int
	if err := db.QueryRow("SELECT CONNECTION_ID()").Scan(&after); err != nil || after != before {
		t.Fatalf("connection %d became %d: %v", before, after, err)
	}
}

func TestOrdinaryWorkPasses(t *testing.T) {
	cfg, seen, reg := port(t)
	cfg.MultiStatements = true
	db := open(t, cfg)
	sqlExec(t, db, "SET NAMES utf8mb4", "SET SESSION sql_mode='STRICT_TRANS_TABLES', time_zone='+00:00'", "SET @a = 1", "USE side", "SHOW TABLES", "SELECT @@version, DATABASE(), COUNT(*), NOW() FROM side.orders",
		"SELECT * FROM information_schema.tables LIMIT 1", "SELECT * FROM orders FOR UPDATE", "EXPLAIN SELECT * FROM orders", "BEGIN",
		"/* gray='v2' */ INSERT INTO orders (order_no, amount) VALUES ('A', 1)", "SAVEPOINT s", "ROLLBACK TO s", "COMMIT",
		"/* gray='v2' */ UPDATE orders SET amount=amount+1 WHERE order_no='A'; SELECT 1", "SET autocommit=1", "WITH c AS (SELECT 1) SELECT * FROM c", "SELECT x.order_no FROM orders AS x", "DELETE o FROM orders o JOIN orders p ON p.order_no = o.order_no WHERE o.order_no = 'nobody'")
	if _, err := db.Exec("/* gray='v2' */ INSERT INTO orders (order_no, amount) VALUES (?, ?)", "B", 2); err != nil {
		t.Fatal(err)
	}
	sets := seen.take()
	if len(sets) != 3 || sets[0].Side != shadow.Shadow || sets[0].Order != "A" || sets[1].Order != "A" || sets[1].Cause != "" || sets[2].Order != "B" || len(sets[2].Statements[0].Rows) != 1 {
		t.Fatalf("%+v", sets)
	}
	for rule, n := range refusals(t, reg) {
		if n != 0 {
			t.Errorf("%v refusals by rule %s", n, rule)
		}
	}
}

func TestLoginToAnotherSchemaIsRefused(t *testing.T) {
	cfg, _, _ := port(t)
	for _, name := range []string{"live", "mysql", "SIDE"} {
		other := cfg.Clone()
		other.DBName = name
		var e *mysql.MySQLError
		if err := open(t, other).Ping(); !errors.As(err, &e) || e.Number != 1142 || !strings.Contains(e.Message, "schema") {
			t.Fatalf("%s: %v", name, err)
		}
	}
	none := cfg.Clone()
	none.DBName = ""
	if err := open(t, none).Ping(); err != nil {
		t.Fatal(err)
	}
}

func TestStatementTooLongToReadIsRefused(t *testing.T) {
	cfg, _, _ := port(t)
	cfg.MaxAllowedPacket = 32 << 20
	db := open(t, cfg)
	var e *mysql.MySQLError
	if _, err := db.Exec("SELECT '" + strings.Repeat("x", 2<<20) + "'"); !errors.As(err, &e) || !strings.Contains(e.Message, "too-long") {
		t.Fatal(err)
	}
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
}

func TestProveTellsTwoDatabasesFromOne(t *testing.T) {
	root := direct(t, "")
	sqlExec(t, root, "DROP DATABASE IF EXISTS one", "DROP DATABASE IF EXISTS two", "CREATE DATABASE one", "CREATE DATABASE two")
	one, again, two := direct(t, "one"), direct(t, "one"), direct(t, "two")
	if err := Prove(t.Context(), one, two); err != nil {
		t.Fatal(err)
	}
	if err := Prove(t.Context(), two, one); err != nil { // now both have the table
		t.Fatal(err)
	}
	if err := Prove(t.Context(), one, again); !errors.Is(err, ErrSameDatabase) {
		t.Fatalf("the same database: %v", err)
	}
	sqlExec(t, root, "DROP TABLE two."+TableProbe, "CREATE VIEW two."+TableProbe+" AS SELECT * FROM one."+TableProbe)
	if err := Prove(t.Context(), one, two); !errors.Is(err, ErrSameDatabase) {
		t.Fatalf("the same rows by another name: %v", err)
	}
	sqlExec(t, root, "CREATE OR REPLACE VIEW two."+TableProbe+" AS SELECT 1 AS other")
	if err := Prove(t.Context(), one, two); err == nil {
		t.Fatal("a primary that cannot tell was taken for another database")
	}
	dead := direct(t, "nowhere")
	if err := Prove(t.Context(), one, dead); err == nil {
		t.Fatal("an unreachable primary proved something")
	}
	var left int
	if err := one.QueryRow("SELECT COUNT(*) FROM " + TableProbe).Scan(&left); err != nil || left != 0 {
		t.Fatalf("%d probes are left: %v", left, err)
	}
}

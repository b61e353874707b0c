package dualwrite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// server is the MariaDB all tests of the package share; each has schemas of its own.
var server *mariadb.Server

func TestMain(m *testing.M) {
	os.Exit(mariadb.Main(m, &server, "--local-infile=1", "--innodb-lock-wait-timeout=2", "--max-allowed-packet=64M"))
}

const mark = "/* gray='v2' */ "

// notes collects write sets.
type notes struct {
	mu   sync.Mutex
	sets []shadow.WriteSet
}

func (n *notes) WriteSet(ws shadow.WriteSet) {
	n.mu.Lock()
	n.sets = append(n.sets, ws)
	n.mu.Unlock()
}

func (n *notes) take() []shadow.WriteSet {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := n.sets
	n.sets = nil
	return out
}

// bench is a port in front of a schema of its own.
type bench struct {
	t       *testing.T
	schema  string
	direct  *sql.DB // to the server, not through the port
	seen    *notes
	side    Shadow // nil = write sets are only told
	journal Journal
	addr    string
	stop    func()
	reg     *prometheus.Registry
	reads   Reads
}

func tables() []Table {
	return []Table{
		{Name: "orders", Key: []string{"order_no"}, OrderColumn: "order_no"},
		{Name: "flows", Key: []string{"id"}, OrderColumn: "order_no", AutoIncrement: "id"},
		{Name: "balances", Key: []string{"id"}, Shared: []string{"amount"}},
	}
}

const schemaSQL = `CREATE TABLE %[1]s.orders (order_no VARCHAR(64) PRIMARY KEY, amount BIGINT NOT NULL, note VARCHAR(200), raw LONGBLOB, at DATETIME(6)) ENGINE=InnoDB;
CREATE TABLE %[1]s.flows (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_no VARCHAR(64) NOT NULL, amount DECIMAL(20,2), UNIQUE KEY u (order_no, amount)) ENGINE=InnoDB;
CREATE TABLE %[1]s.audit (id INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100)) ENGINE=InnoDB`

func createSchema(t *testing.T, name string) *sql.DB {
	t.Helper()
	cfg := server.Config("")
	cfg.MultiStatements = true
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	root := sql.OpenDB(c)
	defer root.Close()
	for _, q := range []string{"DROP DATABASE IF EXISTS " + name, "CREATE DATABASE " + name, fmt.Sprintf(schemaSQL, name)} {
		if _, err := root.Exec(q); err != nil {
			t.Fatal(q, err)
		}
	}
	db, err := server.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newBench(t *testing.T, schema string, mode Mode, side Shadow) *bench {
	t.Helper()
	b := &bench{t: t, schema: schema, direct: createSchema(t, schema), seen: &notes{}, side: side, reg: prometheus.NewRegistry()}
	b.listen(server.Addr, mode, b.seen)
	return b
}

func (b *bench) listen(upstream string, mode Mode, observer Observer) {
	b.t.Helper()
	log := slog.New(slog.DiscardHandler)
	rs := New(Config{Port: "dual-write", Side: shadow.Primary, Mode: mode, Schema: b.schema, Tables: tables(), Observer: observer, Shadow: b.side, Journal: b.journal, Reads: b.reads, Log: log, Metrics: b.reg})
	s := wire.New(wire.Config{Port: "dual-write", Listen: "127.0.0.1:0", Upstream: upstream, Sessions: rs, Log: log, Metrics: b.reg, DrainTimeout: 200 * time.Millisecond})
	if err := s.Listen(); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b.addr = s.Addr()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	})
	b.t.Cleanup(b.stop)
}

// settle waits until what the last answer sealed was told: that comes before the connection's next command.
func settle(t *testing.T, db *sql.DB) {
	t.Helper()
	must(t, db, "DO 0")
}

// open gives a pool of one connection through the port.
func (b *bench) open(change func(*mysql.Config)) *sql.DB {
	b.t.Helper()
	cfg := server.Config(b.schema)
	cfg.Addr = b.addr
	if change != nil {
		change(cfg)
	}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	b.t.Cleanup(func() { db.Close() })
	return db
}

func must(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%.80s: %v", query, err)
	}
}

// brief prints write sets as "outcome order cause: verb table rows".
func brief(sets []shadow.WriteSet) []string {
	var out []string
	for _, ws := range sets {
		line := fmt.Sprintf("%s %s %s:", ws.Outcome, ws.Order, ws.Cause)
		for _, s := range ws.Statements {
			line += fmt.Sprintf(" %s/%s/%d/%s", s.Verb, s.Table, len(s.Rows), s.Cause)
		}
		out = append(out, line)
	}
	return out
}

// one runs a statement as text, or prepared if the server can prepare it.
func (b *bench) one(t *testing.T, db *sql.DB, q string, prepared bool) error {
	if prepared {
		if s, err := db.PrepareContext(t.Context(), q); err == nil {
			defer s.Close()
			_, err = s.ExecContext(t.Context())
			return err
		}
	}
	_, err := db.ExecContext(t.Context(), q)
	return err
}

// listenFresh opens another port with numbers of its own in front of upstream.
func (b *bench) listenFresh(upstream string) {
	b.t.Helper()
	b.reg = prometheus.NewRegistry()
	b.listen(upstream, Apply, b.seen)
}

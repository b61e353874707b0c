package rowlog

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

var server *mariadb.Server

func logging() []string { return append(mariadb.RowLog(), "--innodb-lock-wait-timeout=2") }

func TestMain(m *testing.M) { os.Exit(mariadb.Main(m, &server, logging()...)) }

const mark = "/* gray='v2' */ "

// taken is a sink that keeps everything.
type taken struct {
	mu      sync.Mutex
	sets    []shadow.WriteSet
	foreign []string
	hold    bool // nothing is done until release
	held    []func()
}

func (s *taken) WriteSet(_ context.Context, ws shadow.WriteSet, done func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sets = append(s.sets, ws)
	if s.hold {
		s.held = append(s.held, done)
	} else {
		done()
	}
	return nil
}

func (s *taken) Foreign(order string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foreign = append(s.foreign, order)
}

func (s *taken) now() ([]shadow.WriteSet, []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]shadow.WriteSet(nil), s.sets...), append([]string(nil), s.foreign...)
}

// bench is a schema of its own and a reader of its log.
type bench struct {
	t      *testing.T
	schema string
	db     *sql.DB
	sink   *taken
	cfg    Config
	reader *Reader
	stop   func() error
}

func policies() []Table {
	return []Table{
		{Name: "orders", Policy: All, OrderColumn: "order_no"},
		{Name: "flows", Policy: InsertOnly, OrderColumn: "order_no"},
		{Name: "accounts", Policy: All},
		{Name: "notes", Policy: Ignore},
		{Name: "keyless", Policy: All, OrderColumn: "order_no"},
		{Name: "moves", Policy: All, OrderColumn: "order_no"},
		{Name: "kinds", Policy: All, OrderColumn: "order_no"},
	}
}

const tables = `
CREATE TABLE orders (order_no VARCHAR(64) PRIMARY KEY, amount DECIMAL(20,2) NOT NULL, state VARCHAR(20));
CREATE TABLE flows (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_no VARCHAR(64) NOT NULL, amount BIGINT);
CREATE TABLE accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL);
CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, what TEXT);
CREATE TABLE keyless (order_no VARCHAR(64), amount BIGINT);
CREATE TABLE moves (id INT AUTO_INCREMENT PRIMARY KEY, order_no VARCHAR(64)) ENGINE=MyISAM;
CREATE TABLE undeclared (id INT AUTO_INCREMENT PRIMARY KEY, order_no VARCHAR(64));
INSERT INTO accounts VALUES (1, 100), (2, 100)`

func open(t *testing.T, s *mariadb.Server, schema string) *sql.DB {
	t.Helper()
	cfg := s.Config(schema)
	cfg.MultiStatements = true
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newBench(t *testing.T, on *mariadb.Server) *bench {
	t.Helper()
	schema := strings.ToLower(fmt.Sprintf("s%d", time.Now().UnixNano()))
	exec(t, open(t, on, ""), "CREATE DATABASE "+schema)
	b := &bench{t: t, schema: schema, db: open(t, on, schema), sink: &taken{}}
	exec(t, b.db, tables)
	b.cfg = Config{
		DSN: on.Config(schema).FormatDSN(), ServerID: 77, Schema: schema, Tables: policies(), PositionFile: filepath.Join(t.TempDir(), "position"),
		Backoff: 20 * time.Millisecond, Sink: b.sink, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	}
	return b
}

// start opens a reader and runs it until stop.
func (b *bench) start() {
	b.t.Helper()
	cfg := b.cfg
	cfg.Metrics = prometheus.NewRegistry()
	reader, err := New(cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := reader.Open(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- reader.Run(ctx) }()
	var once sync.Once
	var result error
	b.reader, b.stop = reader, func() error {
		once.Do(func() {
			cancel()
			result = <-ended
			_ = reader.Close()
		})
		return result
	}
	stop := b.stop
	b.t.Cleanup(func() {
		if err := stop(); err != nil {
			b.t.Error("reader:", err)
		}
	})
}

// opened gives a reader that is not running yet.
func (b *bench) opened() *Reader {
	b.t.Helper()
	r, err := New(b.cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = r.Close() })
	if err := r.Open(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return r
}

func exec(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, text string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// sets waits for so many write sets, and gives them.
func (b *bench) sets(n int) []shadow.WriteSet {
	b.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		sets, _ := b.sink.now()
		if len(sets) >= n {
			return sets
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%d write sets, want %d: %+v", len(sets), n, sets)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// settled writes one more tagged transaction and waits for it: all before it was read by then.
func (b *bench) settled() []shadow.WriteSet {
	b.t.Helper()
	last := fmt.Sprintf("end-%d", time.Now().UnixNano())
	exec(b.t, b.db, mark+"INSERT INTO orders VALUES ('"+last+"', 0, 'end')")
	for n := 1; ; n++ {
		sets := b.sets(n)
		if sets[len(sets)-1].Order == last {
			return sets[:len(sets)-1]
		}
	}
}

package drivers

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/divert"
	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

const release = "v2"

// notes collects write sets.
type notes struct {
	mu   sync.Mutex
	sets []shadow.WriteSet
}

func (n *notes) WriteSet(ws shadow.WriteSet) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sets = append(n.sets, ws)
}

func (n *notes) all() []shadow.WriteSet {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.sets)
}

// port is one running port of the sidecar.
type port struct {
	addr    string
	seen    *notes
	metrics *prometheus.Registry
	stop    func()
}

// policy is of the table that the scripts of clients write.
func policy() []dualwrite.Table {
	return []dualwrite.Table{
		{Name: "pay", Key: []string{"order_no"}, OrderColumn: "order_no"},
		{Name: "flow", Key: []string{"id"}, OrderColumn: "order_no", AutoIncrement: "id"},
	}
}

// portTagging tags every connection of a port, since the clients' SQL carries no mark.
func portTagging() dualwrite.Tagging { return dualwrite.Tagging{Release: release, Port: true} }

func tls() *wire.TLS { return &wire.TLS{Server: keys.Server, Client: keys.Client} }

// dualWrite starts a dual-write port before upstream.
func dualWrite(t *testing.T, upstream, schema string, tagging dualwrite.Tagging) *port {
	t.Helper()
	p := &port{seen: &notes{}, metrics: prometheus.NewRegistry()}
	log := slog.New(slog.DiscardHandler)
	recorders := dualwrite.New(dualwrite.Config{
		Port: "dual-write", Side: shadow.Primary, Schema: schema, Tables: policy(), Tagging: tagging, Observer: p.seen, Log: log, Metrics: p.metrics,
	})
	p.serve(t, wire.New(wire.Config{
		Port: "dual-write", Listen: "127.0.0.1:0", Upstream: upstream, TLS: tls(), Sessions: recorders, Log: log, Metrics: p.metrics, DrainTimeout: time.Second,
	}))
	return p
}

// diverted starts a divert port before the shared server.
func diverted(t *testing.T, schema string) *port {
	t.Helper()
	p := &port{seen: &notes{}, metrics: prometheus.NewRegistry()}
	p.serve(t, divert.New(divert.Config{
		Listen: "127.0.0.1:0", Shadow: server.Addr, Schema: schema, Tables: policy(), Observer: p.seen, DrainTimeout: time.Second,
		Log: slog.New(slog.DiscardHandler), Metrics: p.metrics,
	}))
	return p
}

// listener is what both kinds of ports are.
type listener interface {
	Listen() error
	Addr() string
	Run(ctx context.Context) error
}

func (p *port) serve(t *testing.T, l listener) {
	t.Helper()
	if err := l.Listen(); err != nil {
		t.Fatal(err)
	}
	p.addr = l.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(p.stop)
}

// counter gives the sum of a counter over its labels.
func (p *port) counter(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := p.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// checkPanics: neither the relay nor what watches broke.
func (p *port) checkPanics(t *testing.T) {
	t.Helper()
	for _, name := range []string{"touchstone_mysql_panics_total", "touchstone_dualwrite_panics_total"} {
		if n := p.counter(t, name); n != 0 {
			t.Errorf("%s is %v", name, n)
		}
	}
}

// direct is a pool on the database itself.
func direct(t *testing.T, schema string) *sql.DB {
	t.Helper()
	db, err := server.Open(schema)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustExec(t *testing.T, db *sql.DB, queries ...string) {
	t.Helper()
	for _, q := range queries {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.60s: %v", q, err)
		}
	}
}

// openCfg is a pool of one connection.
func openCfg(t *testing.T, cfg *mysql.Config) *sql.DB {
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

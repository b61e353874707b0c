package divert

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

const portName = "divert"

// Config is one divert port. Call Prove before its Run.
type Config struct {
	Listen         string            // host:port
	Shadow         string            // host:port of the shadow server
	TLS            *wire.TLS         // nil = plain text only
	Schema         string            // the only schema that may be named, in its exact case
	Tables         []dualwrite.Table // policy of the tables, for the write sets
	Known          []string          // tables that may be named; none = all of the schema
	Login          *wire.Login       // nil = the shadow server answers logins
	Reads          *Reads            // nil = nothing is read elsewhere; Known is not empty then
	Observer       dualwrite.Observer
	MaxConnections int           // 0 = the default of wire.Config
	DialTimeout    time.Duration // 0 = the default of wire.Config
	DrainTimeout   time.Duration // 0 = the default of wire.Config
	Capture        int           // bytes of a statement that are read; longer ones are refused; 0 = the default of wire.Config
	Log            *slog.Logger
	Metrics        prometheus.Registerer
}

// Reads are the tables the candidate reads from the primary or a replica of it. Call ProveReadOnly before Run.
type Reads struct {
	Tables  []string
	Addr    string       // host:port
	Account wire.Account // that can read these tables and nothing else
	Schema  string
	TLS     *tls.Config // nil = plain text
}

// second is the server of routed reads; its sessions cannot write, whatever the account may do.
func (r *Reads) second() *wire.Second {
	if r == nil {
		return nil
	}
	return &wire.Second{Addr: r.Addr, Account: r.Account, Schema: r.Schema, TLS: r.TLS, Settings: []string{"SET autocommit=1", "SET SESSION TRANSACTION READ ONLY"}}
}

// Port relays the candidate to the shadow server.
type Port struct{ server *wire.Server }

// New makes a port. It fails closed: unknown commands and whatever its own code cannot digest are refused.
func New(cfg Config) *Port {
	recorders := dualwrite.New(dualwrite.Config{
		Port: portName, Side: shadow.Shadow, Mode: dualwrite.Observe, Schema: cfg.Schema, Tables: cfg.Tables,
		Observer: cfg.Observer, Log: cfg.Log, Metrics: cfg.Metrics,
	})
	return &Port{server: wire.New(wire.Config{
		Port: portName, Listen: cfg.Listen, Upstream: cfg.Shadow, TLS: cfg.TLS, FailClosed: true, Capture: cfg.Capture, Login: cfg.Login, Second: cfg.Reads.second(),
		MaxConnections: cfg.MaxConnections, DialTimeout: cfg.DialTimeout, DrainTimeout: cfg.DrainTimeout,
		Sessions: newGuards(cfg, recorders), Log: cfg.Log, Metrics: cfg.Metrics,
	})}
}

// Listen opens the port, so that Addr is known before Run.
func (p *Port) Listen() error { return p.server.Listen() }

// Addr is the port's address after Listen.
func (p *Port) Addr() string { return p.server.Addr() }

// Run serves until ctx ends and its transactions are drained.
func (p *Port) Run(ctx context.Context) error { return p.server.Run(ctx) }

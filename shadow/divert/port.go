package divert

import (
	"context"
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
	Observer       dualwrite.Observer
	MaxConnections int           // 0 = the default of wire.Config
	DialTimeout    time.Duration // 0 = the default of wire.Config
	DrainTimeout   time.Duration // 0 = the default of wire.Config
	Capture        int           // bytes of a statement that are read; longer ones are refused; 0 = the default of wire.Config
	Log            *slog.Logger
	Metrics        prometheus.Registerer
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
		Port: portName, Listen: cfg.Listen, Upstream: cfg.Shadow, TLS: cfg.TLS, FailClosed: true, Capture: cfg.Capture,
		MaxConnections: cfg.MaxConnections, DialTimeout: cfg.DialTimeout, DrainTimeout: cfg.DrainTimeout,
		Sessions: newGuards(cfg.Schema, cfg.Known, recorders, cfg.Metrics), Log: cfg.Log, Metrics: cfg.Metrics,
	})}
}

// Listen opens the port, so that Addr is known before Run.
func (p *Port) Listen() error { return p.server.Listen() }

// Addr is the port's address after Listen.
func (p *Port) Addr() string { return p.server.Addr() }

// Run serves until ctx ends and its transactions are drained.
func (p *Port) Run(ctx context.Context) error { return p.server.Run(ctx) }

package app

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/internal/resident"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/proxy/egress"
	"github.com/seed-3356bd69/touchstone/proxy/xds"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/divert"
	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
	"github.com/seed-3356bd69/touchstone/shadow/rowlog"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

const (
	busDrain   = time.Minute // each event is synced to disk by the bus, and disks can be slow
	proveBound = 15 * time.Second
	sqlDrain   = 5 * time.Second
)

// sidecar is the wiring of one sidecar process.
type sidecar struct {
	cfg      *config.Sidecar
	log      *slog.Logger
	registry *prometheus.Registry
	health   *telemetry.Health
	tracing  *telemetry.Tracing
	signer   *shadow.Signer
	bus      *bus.Publisher
	sink     *sink
	values   *bus.Values             // nil where there is one sidecar
	fence    *fence                  //
	guard    *egress.Guard           // nil without outgoing calls
	applier  *dualwrite.Applier      // nil in a service cutover
	rowLog   *rowlog.Reader          // nil where the wire tells all
	reads    *dualwrite.ReadComparer // nil where reads are not compared
	control  *xds.Client             // nil: the configuration says what is gray
	proxy    *proxy.Sidecar
	parts    []daemon.Component
	closers  []func() error
}

// RunSidecar runs the sidecar until ctx ends.
//
// Parts start in the order in which they feed each other and stop in the reverse: first the port of the clients, then
// the mirror queue, the ports of the two releases, the applier, and last the bus that carries the evidence away.
func RunSidecar(ctx context.Context, cfg *config.Sidecar, p Process) (err error) {
	s := &sidecar{cfg: cfg, log: p.Log.With(telemetry.KeyRole, "sidecar"), registry: telemetry.NewRegistry(p.Version), health: &telemetry.Health{}}
	defer func() { err = errors.Join(err, s.close()) }()
	instance := cfg.Instance + "-" + uuid.NewString()[:8]
	if s.signer, err = shadow.NewSigner(cfg.Tag.KeyFile.Bytes(), cfg.Tag.MaxAge); err != nil {
		return fmt.Errorf("tag key: %w", err)
	}
	s.part("keys", partBound, s.keys)
	s.part("program", partBound, resident.New(s.log, s.registry).Run)
	s.tracing, err = telemetry.NewTracing(ctx, telemetry.TracingConfig{
		Endpoint: cfg.Telemetry.OTLPEndpoint, Agent: string(cfg.Telemetry.JaegerAgent), PerMillion: uint32(cfg.Telemetry.Sample), Service: "touchstone-sidecar",
		Version: p.Version, Instance: instance, Registerer: s.registry,
	})
	if err != nil {
		return fmt.Errorf("set up tracing: %w", err)
	}
	s.closers = append(s.closers, func() error {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpDrain)
		defer cancel()
		return s.tracing.Shutdown(end)
	})
	if err := s.publisher(instance); err != nil {
		return err
	}
	s.sink = newSink(instance, s.bus, cfg.Tag.SaltFile.Bytes())
	if s.tracing.Exports() {
		s.sink.statements = newStatementSpans(s.tracing.Provider)
	}
	for _, step := range []func(context.Context) error{s.admin, s.evidence, s.sharing, s.rollbacks, s.databases, s.egress, s.http, s.follows} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	group := daemon.NewGroup(s.log, s.parts...)
	s.health.Add("parts", func(context.Context) error { return group.Ready() })
	s.health.Tell("bus", func(context.Context) error { return s.bus.Ready() })
	s.log.Info("sidecar listens", telemetry.KeyAddress, string(cfg.HTTP.Listen), telemetry.KeyInstance, instance)
	return group.Run(ctx)
}

const keysEvery = 5 * time.Second

// keys takes a new signing secret over when its file changes: add the new key below the old one everywhere, then put it
// first everywhere, then take the old one out.
func (s *sidecar) keys(ctx context.Context) error {
	known := s.cfg.Tag.KeyFile.Bytes()
	for tick := time.NewTicker(keysEvery); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return nil
		case <-tick.C:
		}
		secret, err := s.cfg.Tag.KeyFile.Again()
		if bytes.Equal(secret, known) && err == nil {
			continue
		}
		if err == nil {
			known = secret
			err = s.signer.Rotate(secret)
		}
		if err != nil {
			s.log.Error("the signing key stays as it was", telemetry.KeyError, err)
			continue
		}
		s.log.Info("the signing key was read again", telemetry.KeyFile, s.cfg.Tag.KeyFile.Path())
	}
}

func (s *sidecar) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}

func (s *sidecar) part(name string, bound time.Duration, run func(context.Context) error) {
	s.parts = append(s.parts, daemon.Component{Name: name, Bound: bound, Run: run})
}

// serve opens a port now, so that a taken address is an error at start, and serves it as a part.
func (s *sidecar) serve(name string, addr config.Addr, handler http.Handler, drain time.Duration) error {
	ln, err := s.listen(name, addr)
	if err != nil {
		return err
	}
	s.part(name, drain+partBound, func(ctx context.Context) error { return daemon.Serve(ctx, s.log, ln, handler, drain) })
	return nil
}

func (s *sidecar) listen(name string, addr config.Addr) (net.Listener, error) {
	ln, err := net.Listen("tcp", string(addr))
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", name, err)
	}
	s.closers = append(s.closers, func() error {
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("close %s: %w", name, err)
		}
		return nil
	})
	return ln, nil
}

func (s *sidecar) admin(context.Context) error {
	mux := telemetry.AdminMux(s.registry, s.health)
	mux.HandleFunc("POST /rollback", func(w http.ResponseWriter, r *http.Request) { s.fence.ServeHTTP(w, r) })
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.status()) // a client that went away cannot be told
	})
	return s.serve("admin", s.cfg.Admin.Listen, mux, httpDrain)
}

// status is the sidecar's own view of its work.
type status struct {
	Instance string       `json:"instance"`
	Cutover  string       `json:"cutover"`
	Release  string       `json:"release"`
	Tally    shadow.Tally `json:"tally"`
	Unsent   int          `json:"unsent"` // events that the bus has not acknowledged yet
	Rollback uint64       `json:"rollback_epoch"`

	Policy *xds.Directive `json:"policy,omitempty"` // that a control plane put into force here

	Applier *dualwrite.ApplierStatus `json:"applier,omitempty"` // of a database cutover
	RowLog  string                   `json:"row_log,omitempty"` // position up to which the shadow has all of the primary's log
}

func (s *sidecar) status() status {
	out := status{Instance: s.sink.instance, Cutover: string(s.cfg.Cutover), Release: s.cfg.Release, Tally: s.tally(), Unsent: s.bus.Pending(), Rollback: s.fence.at()}
	if s.applier != nil {
		a := s.applier.Status()
		out.Applier = &a
	}
	if s.rowLog != nil {
		out.RowLog = s.rowLog.Position()
	}
	if s.control != nil {
		d := s.fence.policy()
		out.Policy = &d
	}
	return out
}

func (s *sidecar) tally() shadow.Tally {
	t := s.proxy.Tally()
	t.WriteSets, t.Lost, t.Alone = s.sink.writeSets.Load(), s.bus.Lost(), s.values == nil
	return t
}

// publisher opens the way of the evidence, with what an earlier run could not bring away.
func (s *sidecar) publisher(instance string) error {
	b := s.cfg.Bus
	cfg := bus.PublisherConfig{Login: busLogin(b), Buffer: b.Buffer, Drain: busDrain, Instance: instance, Logger: s.log, Registerer: s.registry}
	if dir := s.spoolFolder(); dir != "" {
		spool, err := bus.OpenSpool(bus.SpoolConfig{Dir: dir, MaxBytes: int64(b.SpoolMax), Logger: s.log, Registerer: s.registry})
		if err != nil {
			return fmt.Errorf("bus.spool: %w", err)
		}
		s.closers = append(s.closers, spool.Close)
		cfg.Spool = spool
	}
	s.bus = bus.NewPublisher(cfg)
	return nil
}

const evidenceFolder = "evidence" // in the journal's, where bus.spool names none

// spoolFolder is where evidence waits; a database cutover always has one, since a write set whose end nobody hears of
// leaves its order inconclusive.
func (s *sidecar) spoolFolder() string {
	if b, a := s.cfg.Bus, s.cfg.MySQL.Apply; b.Spool == "" && a != nil {
		return filepath.Join(string(a.Journal), evidenceFolder)
	}
	return string(s.cfg.Bus.Spool)
}

// evidence is the bus and, just before it, the sidecar's own count.
func (s *sidecar) evidence(context.Context) error {
	s.part("bus", busDrain+partBound, s.bus.Run)
	s.part("tally", partBound, func(ctx context.Context) error { return s.sink.tallies(ctx, s.tally) })
	return nil
}

// databases proves that the two databases are two, then opens the MySQL ports.
func (s *sidecar) databases(ctx context.Context) error {
	m := s.cfg.MySQL
	if err := s.prove(ctx); err != nil {
		return err
	}
	var kept keptSets
	if m.Apply != nil {
		var err error
		if kept, err = s.applying(ctx); err != nil {
			return err
		}
	}
	recorders := dualwrite.New(s.recording(kept))
	primaryTLS, err := portTLS(m.Primary.TLS)
	if err != nil {
		return fmt.Errorf("mysql.primary.tls: %w", err)
	}
	if err := s.mysql(dualWritePort, wire.New(wire.Config{
		Port: dualWritePort, TLS: primaryTLS, Listen: string(m.Primary.Listen), Upstream: string(m.Primary.Upstream), DrainTimeout: sqlDrain,
		Sessions: recorders, Log: s.log, Metrics: s.registry,
	})); err != nil {
		return err
	}
	if m.Divert == nil {
		return nil
	}
	return s.divert(ctx)
}

const dualWritePort = "dual-write"

// recording is how the dual-write port's recorders work; without an applier they only tell.
func (s *sidecar) recording(kept keptSets) dualwrite.Config {
	m := s.cfg.MySQL
	cfg := dualwrite.Config{
		Port: dualWritePort, Side: shadow.Primary, Tables: writtenTables(m.Tables), Observer: s.sink, Log: s.log, Metrics: s.registry,
		Tagging: dualwrite.Tagging{Release: s.cfg.Release, Port: m.Tag.Port, UserSuffix: m.Tag.UserSuffix, Variable: m.Tag.Variable},
	}
	if s.reads != nil {
		cfg.Reads = s.reads
	}
	switch {
	case s.rowLog != nil:
		cfg.Mode = dualwrite.Follow
	case s.applier != nil:
		cfg.Mode, cfg.Shadow, cfg.Journal, cfg.Sync = dualwrite.Apply, s.applier, kept.journal, m.Apply.Wait > 0
	}
	return cfg
}

// portTLS gives what a port encrypts with; nil = plain text only.
func portTLS(t *config.PortTLS) (*wire.TLS, error) {
	if t == nil {
		return nil, nil
	}
	server, err := t.Server()
	if err != nil {
		return nil, err
	}
	client, err := t.Client()
	if err != nil {
		return nil, err
	}
	return &wire.TLS{Server: server, Client: client}, nil
}

func writtenTables(tables []config.Table) []dualwrite.Table {
	out := []dualwrite.Table{}
	for _, t := range tables {
		out = append(out, dualwrite.Table{Name: t.Name, Key: t.Key, OrderColumn: t.Order, AutoIncrement: t.AutoIncrement, Ignore: t.Policy == config.TableIgnore, Shared: t.Shared})
	}
	return out
}

// knownTables are those the shadow has something of.
func knownTables(m config.MySQL) []string {
	names := slices.Clone(m.References)
	for _, t := range m.Tables {
		names = append(names, t.Name)
	}
	return names
}

// mysqlPort is one of the two MySQL ports.
type mysqlPort interface {
	Listen() error
	Run(ctx context.Context) error
}

// mysql opens a MySQL port now and runs it as a part.
func (s *sidecar) mysql(name string, port mysqlPort) error {
	if err := port.Listen(); err != nil {
		return fmt.Errorf("listen for %s: %w", name, err)
	}
	s.part(name, sqlDrain+partBound, port.Run)
	return nil
}

func (s *sidecar) open(dsn config.SecretFile) (*sql.DB, error) {
	db, err := openDSN(dsn.Text())
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, db.Close)
	return db, nil
}

// prove keeps the ports closed unless primary and shadow are different databases.
func (s *sidecar) prove(ctx context.Context) error {
	primary, err := s.open(s.cfg.MySQL.Prove.PrimaryDSN)
	if err != nil {
		return fmt.Errorf("open primary: %w", err)
	}
	second, err := s.open(s.cfg.MySQL.Prove.ShadowDSN)
	if err != nil {
		return fmt.Errorf("open shadow: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, proveBound)
	defer cancel()
	if err := divert.Prove(ctx, second, primary); err != nil {
		return fmt.Errorf("prove that shadow and primary are two databases: %w", err)
	}
	return nil
}

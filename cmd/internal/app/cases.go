package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/access"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/api"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// askTimeout bounds one call of a payment service, a channel or an issuer.
const askTimeout = 20 * time.Second

// RunCases runs the desk until ctx ends: the API of cases, and the audit log, of which it is the one writer.
func RunCases(ctx context.Context, cfg *config.Cases, p Process) (err error) {
	registry, health := telemetry.NewRegistry(p.Version), &telemetry.Health{}
	log := p.Log.With(telemetry.KeyRole, "cases")
	ln, err := net.Listen("tcp", string(cfg.Listen))
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	defer ln.Close()
	db, err := store.Open(ctx, cfg.StoreURL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.Measure(registry)
	entries, err := openAudit(ctx, cfg.Audit, audit.Config{Who: "touchstone recon serve " + p.Version, Metrics: audit.NewMetrics(registry)})
	if err != nil {
		return err
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), partBound)
		defer cancel()
		err = errors.Join(err, entries.Close(bounded))
	}()
	desk, closeDesk, err := newDesk(ctx, cfg, db, entries, registry)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDesk()) }()
	who, err := people(ctx, cfg)
	if err != nil {
		return err
	}
	channels := newAskedChannels(cfg.Channels, log, registry)
	if len(channels) > 0 {
		desk.Channels = channels
	}
	group := daemon.NewGroup(log,
		daemon.Component{Name: "adapters", Bound: partBound, Run: channels.run},
		daemon.Component{Name: "outbox", Bound: partBound, Run: func(ctx context.Context) error {
			entries.Drain(ctx, db, log)
			return nil
		}},
		daemon.Component{Name: "repairs", Bound: partBound, Run: func(ctx context.Context) error { return followRepairs(ctx, cfg.Operations, desk, log) }},
		daemon.Component{Name: "api", Bound: 2 * httpDrain, Run: func(ctx context.Context) error {
			mux := telemetry.AdminMux(registry, health)
			mux.Handle("/api/", (&api.API{Desk: desk, Who: who, Traces: newCaseTraces(cfg.Traces)}).Handler())
			return daemon.Serve(ctx, log, ln, mux, httpDrain)
		}},
	)
	health.Add("parts", func(context.Context) error { return group.Ready() })
	warnOfNoWitness(cfg.Audit, "audit", log)
	log.Info("cases listen", telemetry.KeyAddress, ln.Addr().String())
	return group.Run(ctx)
}

// newDesk wires the desk to where repairs are applied.
func newDesk(ctx context.Context, cfg *config.Cases, db *store.DB, entries *audit.Log, registry prometheus.Registerer) (*casework.Desk, func() error, error) {
	done := func() error { return nil }
	sla, err := cfg.SLA.Policy()
	if err != nil {
		return nil, done, err
	}
	files, err := casework.NewAttachments(string(cfg.Attachments))
	if err != nil {
		return nil, done, err
	}
	desk := &casework.Desk{DB: db, Log: entries, SLA: sla, Now: time.Now, Attachments: files, Targets: map[casework.RepairKind]casework.Target{}, Metrics: casework.NewMetrics(registry)}
	if s := cfg.Service; s != nil {
		desk.Targets[casework.RepairReversal] = &casework.Service{Base: s.URL, Client: &http.Client{Timeout: askTimeout}, Token: s.Token.Text()}
	}
	if cfg.Operations {
		desk.Targets[casework.RepairSupplement] = &operatedRepairs{desk: desk, kind: batch.Supplement}
		desk.Targets[casework.RepairReversal] = &operatedRepairs{desk: desk, kind: batch.Reversal}
	}
	if cfg.Books == nil {
		return desk, done, nil
	}
	books, err := openBooks(cfg.Books.DSN)
	if err != nil {
		return nil, done, err
	}
	target, err := casework.NewBooks(ctx, books, cfg.Books.Tables)
	if err != nil {
		return nil, done, errors.Join(err, books.Close())
	}
	desk.Targets[casework.RepairSupplement] = target
	return desk, books.Close, nil
}

func openBooks(dsn config.SecretFile) (*sql.DB, error) {
	c, err := booksConfig(dsn.Text())
	if err != nil {
		return nil, fmt.Errorf("open books: %s holds no data source name", dsn.Path())
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("open books: %w", err)
	}
	return sql.OpenDB(connector), nil
}

// booksConfig counts the rows that a statement changed, whatever the data source name says: how many tells whether a repair
// was applied before.
func booksConfig(text string) (*mysql.Config, error) {
	c, err := mysql.ParseDSN(text)
	if err == nil {
		c.ClientFoundRows = false
	}
	return c, err
}

// people are those of the configuration and those of the issuer.
func people(ctx context.Context, cfg *config.Cases) (api.Who, error) {
	var holders access.Tokens
	for _, t := range cfg.Tokens {
		holders = append(holders, access.Holder{Name: t.Name, Role: t.Role, Hash: t.SHA256})
	}
	if cfg.OIDC == nil {
		return holders, nil
	}
	o := cfg.OIDC
	issuer, err := access.NewOIDC(ctx, &http.Client{Timeout: askTimeout}, o.Issuer.String(), o.Audience, access.Claims{Name: o.Name, Roles: o.Groups, Role: o.Roles}, time.Now)
	return access.Any{holders, issuer}, err
}

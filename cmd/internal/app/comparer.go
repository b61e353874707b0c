package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/comparer/server"
)

// Process is what a role gets from the command that runs it.
type Process struct {
	Log     *slog.Logger
	Version string
}

// Bounds of a shutdown, per part.
const (
	httpDrain = 5 * time.Second
	partBound = 10 * time.Second
)

// RunComparer runs the comparer until ctx ends.
func RunComparer(ctx context.Context, cfg *config.Comparer, p Process) (err error) {
	if err := os.MkdirAll(string(cfg.Data), 0o755); err != nil {
		return fmt.Errorf("create data folder: %w", err)
	}
	registry := telemetry.NewRegistry(p.Version)
	health := &telemetry.Health{}
	log := p.Log.With(telemetry.KeyRole, "comparer")
	ln, err := net.Listen("tcp", string(cfg.Listen))
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	defer ln.Close()
	login, components, stopBus, err := comparerBus(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer stopBus()
	consumer := bus.NewConsumer(bus.ConsumerConfig{Login: login, Durable: "comparer", Logger: log, Registerer: registry})
	fleet, err := openAdapters(cfg, log, registry)
	if err != nil {
		return err
	}
	j := judge{config: cfg, log: log, adapters: fleet}
	if err := j.openRows(registry); err != nil {
		return err
	}
	defer j.closeRows()
	run, err := openRun(ctx, string(cfg.Data), j, newRunMetrics(registry), consumer, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.store.Close()) }()
	if err := run.openNearLine(ctx, cfg, registry); err != nil {
		return err
	}
	components = append(components, daemon.Component{Name: "adapters", Bound: partBound, Run: fleet.Run})
	components = append(components, run.nearLine()...)
	plane, err := openPlane(cfg, registry, log)
	if err != nil {
		return err
	}
	if plane != nil {
		defer plane.ln.Close()
		components = append(components, plane.part())
	}
	gating, err := run.gating(ctx, cfg, login, plane, registry, p.Version)
	if err != nil {
		return err
	}
	components = append(components, gating...)
	components = append(components,
		daemon.Component{Name: "evidence", Bound: partBound, Run: func(ctx context.Context) error { return consumer.Run(ctx, run.take) }},
		daemon.Component{Name: "ledger", Bound: partBound, Run: run.count},
		daemon.Component{Name: "api", Bound: 2 * httpDrain, Run: func(ctx context.Context) error {
			mux := telemetry.AdminMux(registry, health)
			mux.Handle("/api/", server.Handler(run))
			if plane != nil {
				mux.HandleFunc("GET /api/v1/control-plane", plane.show)
			}
			return daemon.Serve(ctx, log, ln, mux, httpDrain)
		}},
	)
	group := daemon.NewGroup(log, components...)
	health.Add("parts", func(context.Context) error { return group.Ready() })
	health.Add("bus", func(context.Context) error { return consumer.Ready() })
	log.Info("comparer listens", telemetry.KeyAddress, ln.Addr().String())
	return group.Run(ctx)
}

// comparerBus starts the embedded bus where the configuration asks for one, and says where and as whom to connect.
func comparerBus(ctx context.Context, cfg *config.Comparer, log *slog.Logger) (bus.Login, []daemon.Component, func(), error) {
	if !cfg.Bus.Embedded() {
		return bus.Login{URL: cfg.Bus.URL.String(), User: cfg.Bus.User, Password: cfg.Bus.PasswordFile.Text()}, nil, func() {}, nil
	}
	var own bus.Login
	users := []bus.User{}
	for _, u := range cfg.Bus.Users {
		users = append(users, bus.User{Name: u.Name, Password: u.PasswordFile.Text(), Role: bus.Role(u.Role)})
		if bus.Role(u.Role) == bus.RoleComparer {
			own.User, own.Password = u.Name, u.PasswordFile.Text()
		}
	}
	s, err := bus.Embedded(ctx, bus.EmbeddedConfig{Listen: string(cfg.Bus.Listen), StoreDir: filepath.Join(string(cfg.Data), "bus"), Users: users, Logger: log})
	if err != nil {
		return own, nil, nil, fmt.Errorf("start the embedded bus: %w", err)
	}
	own.URL = s.URL()
	return own, []daemon.Component{ownBus(s)}, s.Close, nil
}

// ownBus closes the process's own bus as the last of all parts.
func ownBus(s *bus.Server) daemon.Component {
	return daemon.Component{Name: "bus", Bound: partBound, Run: func(ctx context.Context) error {
		<-ctx.Done()
		s.Close()
		return nil
	}}
}

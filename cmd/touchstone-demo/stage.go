package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/app"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/payservice"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/world"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/test/channelsim"
	"github.com/seed-3356bd69/touchstone/test/loopback"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// stage is everything that runs during a demo. Parts are closed in the reverse order of their start.
type stage struct {
	options  options
	bin      string // folder of the built binaries
	settings world.Settings
	channel  *channelsim.Sim
	sidecar  *world.Process
	rival    *world.Process  // the candidate; nil in a database cutover
	shadow   *world.Database // which a fault may break
	closers  []func() error
}

func (s *stage) onClose(close func() error) { s.closers = append(s.closers, close) }

// close ends every part; the first is the last.
func (s *stage) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// build starts the parts in the order in which they need each other.
func (s *stage) build(ctx context.Context) error {
	for _, step := range []func(context.Context) error{s.folder, s.databases, s.bank, s.files, s.comparer, s.services, s.guard} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// folder empties the run's folder and chooses the addresses.
func (s *stage) folder(context.Context) error {
	if err := os.RemoveAll(s.options.Out); err != nil {
		return fmt.Errorf("empty the run's folder: %w", err)
	}
	if err := os.MkdirAll(s.options.Out, 0o755); err != nil {
		return fmt.Errorf("create the run's folder: %w", err)
	}
	free, err := loopback.FreeAddrs(12)
	if err != nil {
		return err
	}
	s.settings = world.Settings{
		Cutover: s.options.Cutover, Capture: s.options.Capture, Release: "v2", GrayPercent: "50%", MaxBound: s.options.maxBound(), Account: payservice.Account,
		Stable: free[0], Candidate: free[1], HTTP: free[2], Admin: free[3], Bus: free[4], Comparer: free[5],
		Stages: s.options.stages(), Control: free[11],
		EgressPrimary: free[6], EgressShadow: free[7], DualWrite: free[8], Divert: free[9], ChannelAddr: free[10],
	}
	return nil
}

func (s *stage) databases(ctx context.Context) error {
	shadowColumns := payservice.StableColumns()
	if s.options.Cutover == cutoverDatabase {
		if shadowColumns = payservice.NewColumns(); s.options.Bug == bugSchema {
			shadowColumns = payservice.NarrowColumns()
		}
	}
	for _, d := range []struct {
		name    string
		columns payservice.Columns
		addr    *string
	}{{"primary", payservice.StableColumns(), &s.settings.PrimaryDB}, {"shadow", shadowColumns, &s.settings.ShadowDB}} {
		db, err := world.StartDatabase(ctx, s.options.DB, filepath.Join(s.options.Out, "mariadb-"+d.name), d.columns, s.logging(d.name)...)
		if err != nil {
			return fmt.Errorf("%s database: %w", d.name, err)
		}
		s.onClose(db.Stop)
		s.shadow = db // the last one
		*d.addr = db.Addr
	}
	return nil
}

// logging gives the arguments of a server whose row log is read.
func (s *stage) logging(name string) []string {
	if s.options.Capture == world.RowLog && name == "primary" {
		return mariadb.RowLog()
	}
	return nil
}

// bank starts the payment channel.
func (s *stage) bank(context.Context) error {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return fmt.Errorf("load the channel's time zone: %w", err)
	}
	clock := world.NewClock(zone)
	s.settings.Day = clock.Day()
	merchant, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make the merchant's key: %w", err)
	}
	platform, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("make the channel's key: %w", err)
	}
	if err := world.WriteKeys(s.options.Out, merchant, &platform.PublicKey); err != nil {
		return err
	}
	s.channel = channelsim.New(channelsim.Config{
		MchID: payservice.Account, Now: time.Now, BookedAt: clock.Now, MerchantKey: &merchant.PublicKey, PlatformKey: platform, ReadyAfter: -1,
	})
	ln, err := net.Listen("tcp", s.settings.ChannelAddr)
	if err != nil {
		return fmt.Errorf("listen for the channel: %w", err)
	}
	server := &http.Server{Handler: s.channel, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	s.onClose(func() error {
		if err := errors.Join(server.Close(), <-done); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("stop the channel: %w", err)
		}
		return nil
	})
	return nil
}

// files writes the configuration of both roles, with the adapter pinned by its digest.
func (s *stage) files(context.Context) error {
	adapter, err := s.binary("touchstone-adapter-wechat")
	if err != nil {
		return err
	}
	s.settings.Adapter = adapter
	if s.settings.AdapterSHA256, err = plugins.FileSHA256(adapter); err != nil {
		return err
	}
	return world.WriteFiles(s.options.Out, s.settings)
}

// comparer runs the comparer in this process, from its configuration file.
func (s *stage) comparer(ctx context.Context) error {
	cfg, err := config.LoadComparer(filepath.Join(s.options.Out, "comparer.yaml"))
	if err != nil {
		return err
	}
	logFile, err := os.Create(filepath.Join(s.options.Out, "comparer.log"))
	if err != nil {
		return fmt.Errorf("create the comparer's log: %w", err)
	}
	log, err := telemetry.NewLogger(logFile, telemetry.FormatText, 0)
	if err != nil {
		return errors.Join(err, logFile.Close())
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // it ends last, after the sidecar has told it everything
	var ended error
	done := make(chan struct{})
	go func() {
		ended = app.RunComparer(ctx, cfg, app.Process{Log: log, Version: "demo"})
		close(done)
	}()
	s.onClose(func() error {
		cancel()
		<-done
		return errors.Join(ended, logFile.Close())
	})
	return world.WaitReady(ctx, "http://"+s.settings.Comparer+"/readyz", done)
}

// services starts the stable release and, in a service cutover, the candidate.
func (s *stage) services(ctx context.Context) error {
	stableBug := payservice.NoBug
	if s.options.Bug == payservice.RollsBack {
		stableBug = payservice.RollsBack
	}
	stable, err := s.release("stable", "v1", stableBug, s.settings.Stable, s.settings.DualWrite, s.settings.EgressPrimary)
	if err != nil {
		return err
	}
	if err := stable.Ready(ctx, "http://"+s.settings.Stable+"/healthz"); err != nil {
		return err
	}
	if s.options.Cutover == cutoverDatabase {
		return nil
	}
	if s.rival, err = s.release("candidate", "v2", s.options.Bug, s.settings.Candidate, s.settings.Divert, s.settings.EgressShadow); err != nil {
		return err
	}
	return s.rival.Ready(ctx, "http://"+s.settings.Candidate+"/healthz")
}

func (s *stage) release(name, release string, bug payservice.Bug, listen, database, channel string) (*world.Process, error) {
	self, err := s.binary("touchstone-demo")
	if err != nil {
		return nil, err
	}
	p, err := world.Spawn(name, filepath.Join(s.options.Out, name+".log"), self, "service", "--release", release, "--bug="+string(bug), fmt.Sprintf("--in-steps=%t", s.options.Capture == world.RowLog),
		"--listen", listen, "--dsn", world.DSN(database, world.Schema), "--channel", "http://"+channel, "--account", payservice.Account,
		"--key", filepath.Join(s.options.Out, world.MerchantKey))
	if err != nil {
		return nil, err
	}
	s.onClose(func() error { p.Kill(); return nil })
	return p, nil
}

// guard starts the sidecar.
func (s *stage) guard(ctx context.Context) error {
	binary, err := s.binary("touchstone")
	if err != nil {
		return err
	}
	s.sidecar, err = world.Spawn("sidecar", filepath.Join(s.options.Out, "sidecar.log"), binary, "sidecar", filepath.Join(s.options.Out, "sidecar.yaml"))
	if err != nil {
		return err
	}
	s.onClose(func() error { s.sidecar.Kill(); return nil })
	return s.sidecar.Ready(ctx, "http://"+s.settings.Admin+"/readyz")
}

// binary finds one of the built binaries.
func (s *stage) binary(name string) (string, error) {
	path := filepath.Join(s.bin, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not in %s; try: make build", name, s.bin)
	}
	return path, nil
}

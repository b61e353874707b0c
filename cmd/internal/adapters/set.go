package adapters

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/plugins"
)

// Set is the adapters of a process with their settings. It runs nothing before Run.
type Set struct {
	fleet    *plugins.Fleet
	mappings *plugins.Mappings
	profiles *profiles
	files    []string // that are watched
	every    time.Duration
	log      *slog.Logger
	metrics  *Metrics

	reloading sync.Mutex
	hosts     map[string]plugins.HostConfig
}

// Config says what a Set runs.
type Config struct {
	Adapters *config.Adapters     // nil: none
	More     []plugins.HostConfig // adapters outside of the folder
	Every    time.Duration        // between looks at the files of settings and profiles; default 2 s
	Timing   plugins.Timing
	Logger   *slog.Logger
	Metrics  *Metrics
}

const defaultEvery = 2 * time.Second

// New reads the settings and holds the binaries of the folder against their pins.
func New(cfg Config) (*Set, error) {
	s := &Set{every: cfg.Every, log: cfg.Logger, metrics: cfg.Metrics, hosts: map[string]plugins.HostConfig{}}
	if s.every <= 0 {
		s.every = defaultEvery
	}
	own := cfg.Adapters
	if own == nil {
		own = &config.Adapters{}
	}
	var err error
	if s.profiles, err = readProfiles(own.Run); err != nil {
		return nil, err
	}
	common := plugins.HostConfig{Timing: cfg.Timing, Logger: cfg.Logger, Metrics: cfg.Metrics.adapters}
	if s.fleet, err = s.assemble(own, common, cfg.More); err != nil {
		return nil, err
	}
	path := string(own.Mappings)
	s.mappings, err = plugins.NewMappings(func() (map[plugins.MappingKey]plugins.Settings, error) { return readMappings(path, s.Names()) })
	if err != nil {
		return nil, err
	}
	if s.files = s.profiles.files(); path != "" {
		s.files = append(s.files, path)
	}
	return s, nil
}

// assemble makes a keeper for each adapter of the folder, and for those outside.
func (s *Set) assemble(own *config.Adapters, common plugins.HostConfig, more []plugins.HostConfig) (*plugins.Fleet, error) {
	pins, by := map[string]string{}, map[string]config.Adapter{}
	for _, a := range own.Run {
		pins[a.Name], by[a.Name] = a.SHA256, a
	}
	fleet, err := plugins.NewFleet(string(own.Folder), pins, common, func(name string, host *plugins.HostConfig) {
		a := by[name]
		host.Memory, host.CPUs, host.Secrets = int64(a.Memory), a.CPUs, config.Texts(a.Secrets)
		s.hosts[name] = *host
		host.Secrets = s.profiles.with(name, host.Secrets)
	})
	if err != nil {
		return nil, err
	}
	for _, m := range more {
		m.Timing, m.Logger, m.Metrics = common.Timing, common.Logger, common.Metrics
		if err := fleet.Add(m); err != nil {
			return nil, err
		}
	}
	return fleet, nil
}

// Adapter gives an adapter that is kept running.
func (s *Set) Adapter(name string) (*plugins.Keeper, error) { return s.fleet.Adapter(name) }

// Names lists the adapters.
func (s *Set) Names() []string { return s.fleet.Names() }

// Settings gives the settings for an account with what is said beside them, which wins.
func (s *Set) Settings(adapter, account string, beside plugins.Settings) plugins.Settings {
	out, ok := s.mappings.Settings(adapter, account)
	if !ok {
		out = plugins.Settings{}
	}
	maps.Copy(out, beside)
	return out
}

// Reload reads settings and profiles again and takes them whole, or leaves all as it was. An adapter with another profile
// is started anew; the calls it works on fail.
func (s *Set) Reload() error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	changed, err := s.profiles.again()
	if err == nil {
		err = s.mappings.Reload()
	}
	if err != nil {
		s.metrics.reloads.WithLabelValues(outcomeRefused).Inc()
		return fmt.Errorf("reload adapters: %w", err)
	}
	s.profiles.take(changed)
	for name := range changed {
		k, err := s.fleet.Adapter(name)
		if err != nil {
			return err
		}
		host := s.hosts[name]
		host.Secrets = s.profiles.with(name, host.Secrets)
		k.Swap(host)
	}
	s.metrics.reloads.WithLabelValues(outcomeTaken).Inc()
	return nil
}

// Run keeps the adapters running, and reloads when a file changes or the process gets a SIGHUP, until ctx ends.
func (s *Set) Run(ctx context.Context) error {
	hangup, stop := daemon.Hangups()
	defer stop()
	var wait sync.WaitGroup
	wait.Go(func() { s.follow(ctx, hangup) })
	err := s.fleet.Run(ctx)
	wait.Wait()
	return err
}

// follow reloads until ctx ends. What a refused reload complains about is in the log, once for each change.
func (s *Set) follow(ctx context.Context, hangup <-chan struct{}) {
	seen := stamps(s.files)
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		case <-tick.C:
			if now := stamps(s.files); maps.Equal(now, seen) {
				continue
			}
		}
		seen = stamps(s.files)
		if err := s.Reload(); err != nil {
			s.log.Error("settings of adapters are refused, those before stay", "err", err)
			continue
		}
		s.log.Info("settings of adapters were read again", "adapters", s.Names())
	}
}

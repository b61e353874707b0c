package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/adapters"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Recon is daily reconciliation with its store open.
type Recon struct {
	*batch.Runner
	adapters *adapters.Set // nothing runs before With or RunWorker
}

// OpenRecon opens the store and puts together what the configuration names. Now is the clock of hours and deadlines.
func OpenRecon(ctx context.Context, cfg *config.Recon, p Process, reg prometheus.Registerer, now func() time.Time) (*Recon, error) {
	log := p.Log.With(telemetry.KeyRole, "recon")
	set, err := reconAdapters(cfg, log, reg)
	if err != nil {
		return nil, err
	}
	ruled := rules.NewMetrics(reg)
	var profiles []*batch.Profile
	for i := range cfg.Channels {
		profile, err := profileOf(&cfg.Channels[i], set)
		if err != nil {
			return nil, err
		}
		if profile.Rules != nil {
			profile.Rules.Metrics = ruled
		}
		profiles = append(profiles, profile)
	}
	db, err := store.Open(ctx, cfg.StoreURL())
	if err != nil {
		return nil, err
	}
	db.Measure(reg)
	archive := batch.Archive{Folder: string(cfg.Archive)}
	shards := shardsOf(cfg.Shards)
	if err := errors.Join(archive.Sweep(now()), shards.Sweep(now())); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Recon{adapters: set, Runner: &batch.Runner{
		DB: db, Archive: archive, Profiles: profiles, Memory: int64(cfg.Memory), Threads: cfg.Threads, Temp: string(cfg.Temp), Worker: workerName(),
		Shards: shards, Cases: caseIntake{&casework.Intake{SLA: casework.DefaultSLA(), Now: now}}, Now: now, Log: log, Metrics: batch.NewMetrics(reg),
	}}, nil
}

// With keeps the adapters running while do works.
func (r *Recon) With(ctx context.Context, do func(context.Context) error) error {
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.adapters.Run(running) }()
	err := do(ctx)
	stop()
	return errors.Join(err, <-ended)
}

// Close gives the store back.
func (r *Recon) Close() error { return errors.Join(r.Shards.CloseIdle(time.Time{}), r.DB.Close()) }

// shardsOf says which batches are done in parts; nil: none.
func shardsOf(c *config.Shards) *batch.Shards {
	if c == nil || c.Above == 0 {
		return nil
	}
	return &batch.Shards{Above: int64(c.Above), Folder: string(c.Folder), PartSize: int64(c.Part)}
}

// workerName tells the processes of all machines apart.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + strconv.Itoa(os.Getpid())
}

func profileOf(s *config.ReconStatement, set *adapters.Set) (*batch.Profile, error) {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone of %s: %w", s.Name, err)
	}
	p := &batch.Profile{
		Channel: s.Name, Account: s.Account, Kind: s.Kind, Zone: zone, Provisional: s.Provisional, From: s.From, Due: s.Due, Every: s.Every,
		MaxRejected: int64(s.MaxRejected), Compared: s.Compared(), Rules: s.BuiltRules(), Calendar: s.BusinessDays(), Business: s.OnBusinessDays(),
	}
	for _, name := range s.Off {
		for d := time.Sunday; d <= time.Saturday; d++ {
			if strings.EqualFold(d.String(), name) {
				p.Off = append(p.Off, d)
			}
		}
	}
	if s.Rules != nil {
		p.First = string(s.Rules.First)
	}
	if p.Books, err = booksOf(&s.Books); err != nil {
		return nil, err
	}
	if s.Adapter != nil {
		source, err := newAdapterSource(set, s)
		if err == nil && s.Callbacks != nil {
			p.Callbacks = callbacksOf(s.Callbacks, source.channelAdapter)
		}
		p.Source = source
		return p, err
	}
	p.Source, err = openFolder(s.Folder)
	return p, err
}

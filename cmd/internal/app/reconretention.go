package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/retention"
)

// retentionEvery is how often a worker looks whether retention is due.
const retentionEvery = time.Minute

// Keeper retires what is past the terms; nil where the configuration has none.
func (r *Recon) Keeper(cfg *config.Recon, m *retention.Metrics) *retention.Keeper {
	terms := cfg.Retention
	if terms == nil {
		return nil
	}
	k := &retention.Keeper{
		DB: r.DB, Archive: r.Archive, Worker: r.Worker, Now: r.Now, Log: r.Log, Metrics: m,
		Terms: retention.Terms{Findings: int(terms.Findings), Batches: int(terms.Batches), Cases: int(terms.Cases), Operations: int(terms.Operations)},
	}
	for i := range cfg.Channels {
		if rules := cfg.Channels[i].Rules; rules != nil {
			k.Late = max(k.Late, rules.Late)
		}
	}
	return k
}

// retentionParts are the parts of a worker that look after retention.
func retentionParts(r *Recon, cfg *config.Recon, reg prometheus.Registerer) []daemon.Component {
	metrics := retention.NewMetrics(reg)
	k := r.Keeper(cfg, metrics)
	if k == nil {
		return nil
	}
	return []daemon.Component{{Name: "retention", Bound: partBound, Run: func(ctx context.Context) error {
		retain(ctx, k, metrics)
		return nil
	}}}
}

// retain looks until ctx ends. What fails is counted and comes again; nothing else depends on it.
func retain(ctx context.Context, k *retention.Keeper, metrics *retention.Metrics) {
	tick := time.NewTicker(retentionEvery)
	defer tick.Stop()
	for weighed := false; ; {
		did, err := k.Look(ctx)
		if err == nil && (did || !weighed) {
			var bytes int64
			if bytes, err = retention.Weigh(k.Archive.Folder); err == nil {
				metrics.Weigh(bytes)
				weighed = true
			}
		}
		if err != nil && ctx.Err() == nil {
			k.Log.Error("retention waits", telemetry.KeyError, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Cited gives the files of the archive that anything cites: the store, and an audit log where one is named. With an error
// there are more than it gives.
func (r *Recon) Cited(ctx context.Context, log AuditLog) (retention.Citations, error) {
	cited, err := retention.Cited(ctx, r.DB, r.Archive)
	if err != nil || log.Folder == "" {
		return cited, err
	}
	verifier, err := audit.ReadVerifier(log.Key)
	if err != nil {
		return cited, err
	}
	return cited, audit.Cited(ctx, log.Folder, verifier, func(sha256, id string) { cited.Add(sha256, "audit entry "+id) })
}

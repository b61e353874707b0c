package audit

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Bounds of draining.
const (
	drainAtOnce = 2048 // entries
	drainEvery  = 200 * time.Millisecond
	drainRetry  = 5 * time.Second // after a failure
)

// Drain moves what machines left in a store's outbox into the log until ctx ends. What fails is counted, told and tried
// again: the outbox keeps it meanwhile.
func (l *Log) Drain(ctx context.Context, db *store.DB, logger *slog.Logger) {
	d := drain{log: l, db: db, unsure: true}
	for pause := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		switch moved, err := d.once(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			logger.ErrorContext(ctx, "audit outbox waits", "error", err)
			pause = drainRetry
		case moved == drainAtOnce:
			pause = 0
		default:
			pause = drainEvery
		}
	}
}

// DrainOnce moves what waits now, all of it, and tells how much that was.
func (l *Log) DrainOnce(ctx context.Context, db *store.DB) (int, error) {
	d := drain{log: l, db: db, unsure: true}
	for total := 0; ; {
		moved, err := d.once(ctx)
		total += moved
		if err != nil || moved < drainAtOnce {
			return total, err
		}
	}
}

// drain knows whether the entries that wait may be in the log already: after a start, or after an append of which nobody
// knows how it ended.
type drain struct {
	log    *Log
	db     *store.DB
	unsure bool
}

func (d *drain) once(ctx context.Context) (int, error) {
	waiting, err := d.db.Outbox(ctx, drainAtOnce)
	if err != nil {
		return 0, err
	}
	d.log.cfg.Metrics.outbox(len(waiting))
	if len(waiting) == 0 {
		return 0, d.log.catchUp(ctx)
	}
	missing, err := d.missing(ctx, waiting)
	if err != nil {
		return 0, err
	}
	d.unsure = true
	if _, err := d.log.AppendBatch(ctx, missing); err != nil {
		return 0, fmt.Errorf("move outbox to audit log: %w", err)
	}
	if err := d.db.Tx(ctx, func(tx *store.Tx) error { return tx.Logged(ctx, waiting) }); err != nil {
		return 0, err
	}
	d.unsure = false
	return len(waiting), nil
}

// missing gives those that the log does not have. A move that broke off is the last thing of its size that the log took:
// what is behind it came from people, meanwhile.
func (d *drain) missing(ctx context.Context, waiting []store.Entry) ([]Entry, error) {
	known := map[string]bool{}
	if d.unsure {
		err := d.log.settle(ctx)
		if err != nil {
			return nil, err
		}
		if known, err = latest(ctx, d.log.cfg.Dir, d.log.cfg.Key.verifier, 4*drainAtOnce); err != nil {
			return nil, err
		}
	}
	var out []Entry
	for _, e := range waiting {
		if !known[e.ID] {
			out = append(out, ofMachine(e))
		}
	}
	return out, nil
}

// ofMachine is an outbox row as an entry of the log. A basis that an earlier release stored longer is cut here.
func ofMachine(e store.Entry) Entry {
	out := Entry{ID: e.ID, Time: e.Time, Trace: e.Trace, Actor: e.Actor, Action: e.Action, Subject: e.Subject, SHA256: e.SHA256, Archive: e.Archive}
	if e.Basis != "" {
		out.Basis = map[string]string{"why": store.Cut(e.Basis, store.MaxBasis)}
	}
	return out
}

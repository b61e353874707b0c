package app

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/comparer/nearline"
	"github.com/seed-3356bd69/touchstone/recon/window"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// openNearLine prepares near-line comparison where it is configured, and tells it what the store knows of these days: an
// event of a window that has closed goes into the day's digest alone.
func (r *grayRun) openNearLine(ctx context.Context, cfg *config.Comparer, reg prometheus.Registerer) error {
	c := cfg.NearLine
	if c == nil {
		return nil
	}
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return fmt.Errorf("near_line.zone: %w", err)
	}
	r.near, err = nearline.New(nearline.Config{
		Windows: window.Config{Size: c.Size, Lateness: c.Lateness, Patience: c.Patience, Keep: c.Keep, Zone: zone, MaxDays: nearDays, Metrics: window.NewMetrics(reg)},
		Primary: tables(cfg.Sides.Primary.Tables, ""), Shadow: tables(cfg.Sides.Shadow.Tables, ""),
		Excuse: r.excuse, Metrics: nearline.NewMetrics(reg), Log: r.log,
	})
	if err != nil {
		return fmt.Errorf("near_line: %w", err)
	}
	now := time.Now()
	y, m, d := now.In(zone).Date()
	since := time.Date(y, m, d-nearDays+1, 0, 0, 0, 0, zone)
	return r.store.Events(ctx, func(ev shadow.Event) {
		if !ev.Time.Before(since) {
			r.near.Take(now, ev)
		}
	})
}

// nearDays is today and yesterday.
const nearDays = 2

// excuse asks the ledger why the sides of an order may differ.
func (r *grayRun) excuse(order string) (cause string, passing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ledger.Excuse(order)
}

// Windows gives the latest windows of near-line comparison.
func (r *grayRun) Windows() ([]nearline.Report, bool) {
	if r.near == nil {
		return nil, false
	}
	return r.near.Reports(), true
}

// nearLine is the part that closes windows.
func (r *grayRun) nearLine() []daemon.Component {
	if r.near == nil {
		return nil
	}
	return []daemon.Component{{Name: "near-line", Bound: partBound, Run: r.near.Run}}
}

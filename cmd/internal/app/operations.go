package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// operations looks after what is to happen at channels, by schedule. Any number of workers may do so: each move is one
// compare-and-swap, and nothing is sent before the move that says so.
type operations struct {
	config   *config.ReconOperations // nil: there are none
	look     *batch.Compensator
	payments *paymentKeeper // nil: they are left alone
	log      *slog.Logger
	closers  []func() error
}

// openOperations puts together what looks after operations.
func openOperations(ctx context.Context, cfg *config.Recon, r *Recon, reg prometheus.Registerer) (o *operations, err error) {
	o = &operations{config: cfg.Operations, log: r.Log}
	if o.config == nil {
		return o, nil
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
		}
	}()
	metrics := batch.NewOperationMetrics(reg)
	channel, err := o.channel(ctx, cfg, r)
	if err != nil {
		return o, err
	}
	o.look = &batch.Compensator{
		DB: r.DB, Channel: channel, Patience: o.config.Patience, Parallel: o.config.Parallel, Actor: r.Worker, Now: r.Now, Metrics: metrics,
	}
	if o.config.Ledger == nil {
		return o, nil
	}
	db, err := openBooks(o.config.Ledger.DSN)
	if err != nil {
		return o, err
	}
	o.closers = append(o.closers, db.Close)
	ledger := &bookedLedger{db, o.config.Ledger, o.config.Timeout}
	o.payments = &paymentKeeper{
		payments: &batch.Payments{DB: r.DB, Ledger: ledger, Actor: r.Worker, Now: r.Now, Metrics: metrics},
		ledger:   ledger, every: o.config.Every, after: o.config.Ledger.After, log: r.Log,
	}
	return o, nil
}

func (o *operations) channel(ctx context.Context, cfg *config.Recon, r *Recon) (*operationChannel, error) {
	c := &operationChannel{adapters: map[string]channelAdapter{}, timeout: o.config.Timeout}
	for i := range cfg.Channels {
		s := &cfg.Channels[i]
		if s.Adapter == nil {
			continue
		}
		a, err := newChannelAdapter(r.adapters, s.Adapter)
		if err != nil {
			return nil, fmt.Errorf("adapter of %s: %w", s.Name, err)
		}
		c.adapters[s.Name+"/"+s.Account] = a
	}
	if s := o.config.Service; s != nil {
		c.service = &operationService{casework.Service{Base: s.URL, Client: &http.Client{}, Token: s.Token.Text()}} // each call has its deadline
	}
	if o.config.Books == nil {
		return c, nil
	}
	db, err := openBooks(o.config.Books.DSN)
	if err != nil {
		return nil, err
	}
	o.closers = append(o.closers, db.Close)
	c.books, err = casework.NewBooks(ctx, db, o.config.Books.Tables)
	return c, err
}

func (o *operations) close() error {
	var errs []error
	for _, c := range o.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// run looks until ctx ends. What is under way then is cut off, and found by the next look of any worker.
func (o *operations) run(ctx context.Context) error {
	if o.config == nil {
		<-ctx.Done()
		return nil
	}
	return looking(ctx, o.config.Every, func() {
		if _, err := o.look.Look(ctx, o.config.Limit); err != nil && ctx.Err() == nil {
			o.log.Warn("operations wait", telemetry.KeyError, err)
		}
	})
}

// looking looks every so often until ctx ends.
func looking(ctx context.Context, every time.Duration, look func()) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		look()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/recon/batch"
)

// paymentKeeper looks after payments that nobody finished, beside the operations: a ledger that is away or hangs holds up no
// refund. Nothing is booked before the ledger's table was seen to book a payment at most once.
type paymentKeeper struct {
	payments *batch.Payments
	ledger   *bookedLedger
	every    time.Duration
	after    time.Duration
	log      *slog.Logger
	checked  bool
}

// run looks until ctx ends. A nil keeper leaves payments alone.
func (k *paymentKeeper) run(ctx context.Context) error {
	if k == nil {
		<-ctx.Done()
		return nil
	}
	return looking(ctx, k.every, func() {
		if err := k.once(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("payments wait", telemetry.KeyError, err)
		}
	})
}

func (k *paymentKeeper) once(ctx context.Context) error {
	if !k.checked {
		if err := k.ledger.check(ctx); err != nil {
			k.payments.Metrics.LedgerAway()
			return err
		}
		k.checked = true
	}
	_, err := k.payments.Look(ctx, k.after)
	return err
}

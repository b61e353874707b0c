package batch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

const (
	paymentPage  = 256
	mostTimeouts = 3  // in a row: the ledger hangs, and each further question would take its whole time
	keptErrors   = 20 // of one look; the others are counted
)

// Look goes on with payments that nobody finished: what is PREPARING for longer than after is confirmed, the ledger being
// asked first, and what is CONFIRMED is settled. It tells how many it moved. A payment that fails does not hold up the
// others, another that moved it meanwhile is no error, and a ledger that hangs is left alone until the next look.
func (s *Payments) Look(ctx context.Context, after time.Duration) (moved int, err error) {
	l := paymentLook{payments: s}
	err = errors.Join(
		l.all(ctx, Preparing, s.Now().Add(-after), s.Confirm),
		l.all(ctx, Confirmed, s.Now(), s.Settle),
	)
	if l.failed > len(l.errs) {
		l.errs = append(l.errs, fmt.Errorf("and %d payments more", l.failed-len(l.errs)))
	}
	return l.moved, errors.Join(append(l.errs, err)...)
}

// paymentLook is one look.
type paymentLook struct {
	payments *Payments
	moved    int
	failed   int
	errs     []error // the first of those that failed
	timeouts int     // in a row
}

// all does a step with each payment of a state that did not move since a moment.
func (l *paymentLook) all(ctx context.Context, state State, since time.Time, do func(context.Context, string) error) error {
	for last := (Payment{}); ; {
		page, err := payments(ctx, l.payments.DB, state, store.Moment(since), last, paymentPage)
		if err != nil {
			return err
		}
		for i := range page {
			l.note(do(ctx, page[i].ID))
			if ctx.Err() != nil || l.timeouts == mostTimeouts {
				l.timeouts = 0
				return nil
			}
		}
		if len(page) < paymentPage {
			return nil
		}
		last = page[len(page)-1]
	}
}

// note takes down what became of one payment. A single time-out may be that of one row, which another session holds.
func (l *paymentLook) note(err error) {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		l.timeouts++
	} else {
		l.timeouts = 0
	}
	switch {
	case err == nil:
		l.moved++
		l.payments.Metrics.looked(paymentMoved)
		return
	case errors.Is(err, ErrLost):
		return
	case errors.Is(err, ErrUnknown):
		l.payments.Metrics.looked(paymentUnknown)
	default:
		l.payments.Metrics.looked(paymentFailed)
	}
	if l.failed++; l.failed <= keptErrors {
		l.errs = append(l.errs, err)
	}
}

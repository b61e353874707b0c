package batch

import (
	"context"
	"errors"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

const paymentPage = 256

// Look goes on with payments that nobody finished: what is PREPARING for longer than after is confirmed, the ledger being
// asked first, and what is CONFIRMED is settled. It tells how many it moved. A payment that fails does not hold up the
// others; another that moved it meanwhile is no error.
func (s *Payments) Look(ctx context.Context, after time.Duration) (moved int, err error) {
	var errs []error
	for _, step := range []struct {
		state State
		since time.Time
		do    func(context.Context, string) error
	}{{Preparing, s.Now().Add(-after), s.Confirm}, {Confirmed, s.Now(), s.Settle}} {
		last := Payment{}
		for {
			page, err := payments(ctx, s.DB, step.state, store.Moment(step.since), last, paymentPage)
			if err != nil {
				return moved, errors.Join(append(errs, err)...)
			}
			for i := range page {
				n, err := s.looked(step.do(ctx, page[i].ID))
				moved, errs = moved+n, append(errs, err)
			}
			if len(page) < paymentPage || ctx.Err() != nil {
				break
			}
			last = page[len(page)-1]
		}
	}
	return moved, errors.Join(errs...)
}

func (s *Payments) looked(err error) (int, error) {
	switch {
	case err == nil:
		s.Metrics.looked(paymentMoved)
		return 1, nil
	case errors.Is(err, ErrLost):
		return 0, nil
	case errors.Is(err, ErrUnknown):
		s.Metrics.looked(paymentUnknown)
	default:
		s.Metrics.looked(paymentFailed)
	}
	return 0, err
}

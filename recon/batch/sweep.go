package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/events"
)

// SweepEvents removes the events of days before the last ones that are of no more use: their statement is closed, or
// nobody ever expected it. Events of a statement that is open stay, however old they are.
func (r *Runner) SweepEvents(ctx context.Context, back int) error {
	for _, p := range r.Profiles {
		if p.Callbacks == nil {
			continue
		}
		today := r.Now().In(p.Zone)
		days, err := events.Days(ctx, r.DB, p.ID("").line(), today.AddDate(0, 0, -back).Format(time.DateOnly))
		if err != nil {
			return err
		}
		for _, day := range days {
			if err := r.sweepDay(ctx, p.ID(day), day < today.AddDate(0, 0, -watchedDays).Format(time.DateOnly)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepDay removes the events of a statement that has ended. One that is not known may still become so, unless it is old.
func (r *Runner) sweepDay(ctx context.Context, id ID, old bool) error {
	s, err := readStatement(ctx, r.DB, id)
	unknown := errors.Is(err, ErrNoStatement)
	switch {
	case err != nil && !unknown:
		return err
	case unknown && !old, !unknown && (s.Phase != Closed || s.ClosedAt.IsZero()):
		return nil
	}
	n, err := events.Remove(ctx, r.DB, id.line(), id.Day)
	if err != nil {
		return fmt.Errorf("sweep events: %w", err)
	}
	r.Log.Info("events removed", keyStatement, id.String(), "events", n)
	return nil
}

package batch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// What a day carries out is what the next day carries in. So a day with rules waits for the one before it, and is done
// again when that one carries out something else. Both are found by comparing digests of what is in the store, never by
// remembering that something is to be done: whoever dies leaves nothing half asked for.

// dayBefore names the statement whose bookings are carried in; "" where the line begins with this one, or has no rules.
func (c *claim) dayBefore() (ID, error) {
	if c.p.Rules == nil {
		return ID{}, nil
	}
	day, err := c.p.neighbour(c.s.Day, -1)
	if err != nil || day < c.p.First {
		return ID{}, err
	}
	return c.p.ID(day), nil
}

// carrier gives the batch whose bookings are carried in; nil where nothing is.
func (c *claim) carrier(ctx context.Context) (*Batch, error) { return c.carrierIn(ctx, c.r.DB) }

func (c *claim) carrierIn(ctx context.Context, from store.Reader) (*Batch, error) {
	id, err := c.dayBefore()
	if err != nil || id == (ID{}) {
		return nil, err
	}
	return settled(ctx, from, id)
}

// outdated tells whether a result was made from other bookings than the day before carries out now.
func (c *claim) outdated(ctx context.Context, from store.Reader, r *Result) (bool, error) {
	if c.p.Rules == nil || r == nil || r.Rules == nil {
		return false, nil
	}
	now, err := c.carrierIn(ctx, from)
	return r.Rules.CarriedIn != carriedOut(now), err
}

// waits tells whether the day before has to be settled first, and then notes that.
func (c *claim) waits(ctx context.Context) (bool, error) {
	id, err := c.dayBefore()
	if err != nil || id == (ID{}) {
		return false, err
	}
	why, err := c.missing(ctx, id)
	if err != nil || why == "" {
		return false, err
	}
	return true, c.save(ctx, func(s *Statement) {
		s.enter(Running, why, c.r.Now())
		s.Next = c.again(0)
	}, nil)
}

// missing says what keeps a day from being carried over; "" = nothing.
func (c *claim) missing(ctx context.Context, before ID) (string, error) {
	switch done, err := settled(ctx, c.r.DB, before); {
	case err != nil:
		return "", err
	case done != nil:
		return "", nil
	}
	s, err := readStatement(ctx, c.r.DB, before)
	switch {
	case err == nil:
		return fmt.Sprintf("waits for %s, which is %s: %s", before.Day, s.Phase, s.Why), nil
	case !errors.Is(err, ErrNoStatement):
		return "", err
	}
	earlier, err := c.earlier(ctx)
	if err != nil || earlier == "" {
		return "", err // this is where the line begins
	}
	return fmt.Sprintf("waits for %s, which nobody expects, though %s is known; try: touchstone recon run --date %s, or rules.first where the line begins anew", before.Day, earlier, before.Day), nil
}

// earlier gives the last known statement of the line before this one; "" = none.
func (c *claim) earlier(ctx context.Context) (id string, err error) {
	err = c.r.DB.QueryRow(ctx, "SELECT id FROM statements WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1", c.p.ID(c.p.First).String(), c.s.ID.String()).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for days before %s: %w", c.s.ID, err)
	}
	return id, nil
}

// redo makes another batch of the file that the statement was closed with, where that was done with other bookings than
// the day before carries out now; else nil.
func (c *claim) redo(ctx context.Context) (*Batch, error) {
	if c.s.Phase != Closed && c.s.Phase != Waiting {
		return nil, nil
	}
	old, err := settled(ctx, c.r.DB, c.s.ID)
	if err != nil || old == nil {
		return nil, err
	}
	if other, err := c.outdated(ctx, c.r.DB, old.Result); err != nil || !other {
		return nil, err
	}
	b, err := c.open(ctx, old.File, fmt.Sprintf("%s~%d", batchID(c.s.ID, old.File.SHA256, c.s.Round), c.s.Versions+1), func(s *Statement) {
		s.enter(Running, "again, since the day before carries out other bookings", c.r.Now())
	})
	if err == nil {
		c.r.Metrics.again()
	}
	return b, err
}

// afterwards is when a statement that closes is looked at again: at once, where the day before changed while it was done;
// else never by itself.
func (c *claim) afterwards(ctx context.Context, tx *store.Tx, r *Result) (time.Time, error) {
	if other, err := c.outdated(ctx, tx, r); err != nil || !other {
		return time.Time{}, err
	}
	return c.r.Now(), nil
}

// passOn has the next day looked at: it waits for this one, or was done with what this one carried out before. The next
// day's row is held first, so that a close of it that is under way sees this one, or is seen here.
func (c *claim) passOn(ctx context.Context, tx *store.Tx, b *Batch) error {
	if c.p.Rules == nil || c.s.Day < c.p.First { // nothing is carried over the day on which the rules begin
		return nil
	}
	day, err := c.p.neighbour(c.s.Day, 1)
	if err != nil {
		return err
	}
	id, now := c.p.ID(day), c.r.Now()
	known, err := tx.Exec(ctx, "UPDATE statements SET beat = beat + 1 WHERE id = ?", id.String())
	if err != nil {
		return fmt.Errorf("hold statement %s: %w", id, err)
	}
	if known == 0 {
		return nil
	}
	s, err := readStatement(ctx, tx, id)
	if err != nil {
		return err
	}
	if s.Phase == Running {
		_, err := tx.Exec(ctx, "UPDATE statements SET next_us = ? WHERE id = ?", store.Moment(now), id.String())
		return err
	}
	next, err := settled(ctx, tx, id)
	if err != nil || next == nil || next.Result.Rules == nil || next.Result.Rules.CarriedIn == carriedOut(b) {
		return err
	}
	why := s.Why // of one that waits for its file: that is the more important one
	if s.Phase == Closed {
		why = "is done again, since " + c.s.Day + " carries out other bookings"
	}
	if _, err := tx.Exec(ctx, "UPDATE statements SET next_us = ?, why = ?, fence = fence + 1 WHERE id = ?", store.Moment(now), why, id.String()); err != nil {
		return fmt.Errorf("have %s done again: %w", id, err)
	}
	return tx.Audit(ctx, store.Entry{Time: now, Actor: c.r.Worker, Action: "statement rerun", Subject: id.String(), Basis: b.ID + " carries out other bookings"})
}

// Follow brings forward the days behind a statement, for as long as they wait for it or were done with other bookings than
// it carries out.
func (r *Runner) Follow(ctx context.Context, id ID) error {
	p, err := r.profile(id)
	if err != nil || p.Rules == nil {
		return err
	}
	for {
		day, err := p.neighbour(id.Day, 1)
		if err != nil {
			return err
		}
		id = p.ID(day)
		s, err := readStatement(ctx, r.DB, id)
		switch {
		case errors.Is(err, ErrNoStatement):
			return nil
		case err != nil:
			return err
		case s.Next.IsZero() || s.Next.After(r.Now()) || s.Phase != Running && s.Phase != Closed:
			return nil
		}
		if _, err := r.Advance(ctx, id); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
}

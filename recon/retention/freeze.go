package retention

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Stages of a statement on its way out, in its column retired; "" = it is not.
const (
	stageFrozen  = "frozen"  // it is not done again
	stageQuiet   = "quiet"   // nor is any statement that could still change its cases
	stageDetails = "details" // what belongs to its batches is gone
	stageBatches = "batches" // its batches are gone
)

// statement is one that is past a term.
type statement struct{ id, day string }

func (c *claim) statements(ctx context.Context, from store.Reader, condition string, args ...any) ([]statement, error) {
	rows, err := from.Query(ctx, "SELECT id, day FROM statements WHERE "+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read statements: %w", err)
	}
	defer rows.Close()
	var all []statement
	for rows.Next() {
		var s statement
		if err := rows.Scan(&s.id, &s.day); err != nil {
			return nil, fmt.Errorf("read statements: %w", err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read statements: %w", err)
	}
	return all, nil
}

// line is all of a statement's id but its day.
func (s statement) line() string { return strings.TrimSuffix(s.id, s.day) }

// freezeAtOnce is how many statements one transaction freezes.
const freezeAtOnce = 200

// freeze marks statements that are past every need of being done again.
func (c *claim) freeze(ctx context.Context) error {
	term := c.Terms.frozen()
	if term == 0 {
		return nil
	}
	quiet := store.Moment(c.begun.AddDate(0, 0, -settling))
	all, err := c.statements(ctx, c.DB, "retired = '' AND day < ? AND phase = ? AND next_us = 0 AND closed_us <= ? ORDER BY day, id", c.before(term), string(batch.Closed), quiet)
	if err != nil {
		return err
	}
	for len(all) > 0 {
		page := all[:min(len(all), freezeAtOnce)]
		if err := c.tx(ctx, func(tx *store.Tx) error { return c.freezePage(ctx, tx, page) }); err != nil {
			return err
		}
		all = all[len(page):]
	}
	return nil
}

// freezePage leaves alone what has an earlier statement in its line that may still close: its close would have this one done again.
func (c *claim) freezePage(ctx context.Context, tx *store.Tx, page []statement) error {
	open, err := c.statements(ctx, tx, "phase <> ? OR next_us > 0", string(batch.Closed))
	if err != nil {
		return err
	}
	first := map[string]string{} // open day of each line
	for _, s := range open {
		if day, there := first[s.line()]; !there || s.day < day {
			first[s.line()] = s.day
		}
	}
	for _, s := range page {
		if day, there := first[s.line()]; there && day <= s.day {
			continue
		}
		if _, err := tx.Exec(ctx, "UPDATE statements SET retired = ?, fence = fence + 1 WHERE id = ? AND retired = '' AND phase = ? AND next_us = 0", stageFrozen, s.id, string(batch.Closed)); err != nil {
			return fmt.Errorf("freeze statement %s: %w", s.id, err)
		}
	}
	return nil
}

// quiet marks frozen statements whose cases no later statement can change any more: a file settles cases of up to Late days
// before it, and a corrected one takes that back.
func (c *claim) quiet(ctx context.Context) error {
	all, err := c.statements(ctx, c.DB, "retired = ? ORDER BY day, id", stageFrozen)
	if err != nil {
		return err
	}
	for len(all) > 0 {
		page := all[:min(len(all), freezeAtOnce)]
		if err := c.tx(ctx, func(tx *store.Tx) error { return c.quietPage(ctx, tx, page) }); err != nil {
			return err
		}
		all = all[len(page):]
	}
	return nil
}

func (c *claim) quietPage(ctx context.Context, tx *store.Tx, page []statement) error {
	for _, s := range page {
		day, err := time.Parse(time.DateOnly, s.day)
		if err != nil {
			return fmt.Errorf("read day of statement %s: %w", s.id, err)
		}
		last := s.line() + day.AddDate(0, 0, c.Late).Format(time.DateOnly)
		awaited, err := c.texts(ctx, tx, "SELECT id FROM statements WHERE id > ? AND id <= ? AND retired = '' LIMIT 1", s.id, last)
		if err != nil {
			return err
		}
		if len(awaited) > 0 {
			continue
		}
		if _, err := tx.Exec(ctx, "UPDATE statements SET retired = ? WHERE id = ? AND retired = ?", stageQuiet, s.id, stageFrozen); err != nil {
			return fmt.Errorf("note that statement %s is quiet: %w", s.id, err)
		}
	}
	return nil
}

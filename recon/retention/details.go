package retention

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// details are the tables of what belongs to batches.
func details() []Table { return []Table{Findings, WriteOffs, Settlements} }

// byDay goes through statements a day at a time.
func byDay(all []statement, do func(day string, some []statement) error) error {
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(s statement) bool { return s.day != all[0].day })
		if n < 0 {
			n = len(all)
		}
		if err := do(all[0].day, all[:n]); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// retireDetails takes out what belongs to batches of quiet statements without an open case.
func (c *claim) retireDetails(ctx context.Context) error {
	term := c.Terms.details()
	if term == 0 {
		return nil
	}
	all, err := c.statements(ctx, c.DB, "retired = ? AND day < ? ORDER BY day, id", stageQuiet, c.before(term))
	if err != nil {
		return err
	}
	open, err := c.texts(ctx, c.DB, "SELECT DISTINCT statement FROM cases WHERE closed_us = 0")
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for _, id := range open {
		held[id] = true
	}
	all = slices.DeleteFunc(all, func(s statement) bool { return held[s.id] })
	return byDay(all, func(day string, some []statement) error { return c.retireDay(ctx, day, some) })
}

func (c *claim) retireDay(ctx context.Context, day string, some []statement) error {
	var batches []string
	for _, s := range some {
		ids, err := c.texts(ctx, c.DB, "SELECT id FROM batches WHERE statement = ? ORDER BY number", s.id)
		if err != nil {
			return err
		}
		batches = append(batches, ids...)
	}
	for _, t := range details() {
		if err := c.write(ctx, t, func(row) string { return day }, c.of(shapeOf(t), "batch", batches)); err != nil {
			return err
		}
	}
	return c.pass(ctx, some, stageQuiet, stageDetails, details(), "JOIN batches b ON b.id = t.batch WHERE b.statement = ?")
}

// pass notes the next stage of statements of which the tables have nothing any more.
func (c *claim) pass(ctx context.Context, some []statement, from, to string, tables []Table, of string) error {
	why := "retired on " + c.begun.UTC().Format(time.DateOnly) + ": touchstone recon retired --day " + some[0].day
	return c.tx(ctx, func(tx *store.Tx) error {
		for _, s := range some {
			for _, t := range tables {
				var one int
				err := tx.QueryRow(ctx, "SELECT 1 FROM "+string(t)+" t "+of+" LIMIT 1", s.id).Scan(&one)
				if err == nil {
					return fmt.Errorf("%s still has %s that no file holds", s.id, t)
				}
				if !errors.Is(err, sql.ErrNoRows) {
					return fmt.Errorf("look for %s of %s: %w", t, s.id, err)
				}
			}
			if _, err := tx.Exec(ctx, "UPDATE statements SET retired = ?, why = ? WHERE id = ? AND retired = ?", to, why, s.id, from); err != nil {
				return fmt.Errorf("retire statement %s: %w", s.id, err)
			}
		}
		return nil
	})
}

// retireBatches takes out the batches themselves, but those of the last frozen statement of a line: the next one carries in
// what they carry out.
func (c *claim) retireBatches(ctx context.Context) error {
	if c.Terms.Batches == 0 {
		return nil
	}
	all, err := c.statements(ctx, c.DB, "retired = ? AND day < ? ORDER BY day, id", stageDetails, c.before(c.Terms.Batches))
	if err != nil {
		return err
	}
	var some []statement
	for _, s := range all {
		later, err := c.texts(ctx, c.DB, "SELECT id FROM statements WHERE id > ? AND id < ? AND retired <> '' LIMIT 1", s.id, s.line()+":")
		if err != nil {
			return err
		}
		if len(later) > 0 {
			some = append(some, s)
		}
	}
	return byDay(some, func(day string, some []statement) error {
		ids := make([]string, len(some))
		for i, s := range some {
			ids[i] = s.id
		}
		if err := c.write(ctx, Batches, func(row) string { return day }, c.of(shapeOf(Batches), "statement", ids)); err != nil {
			return err
		}
		return c.pass(ctx, some, stageDetails, stageBatches, []Table{Batches}, "WHERE t.statement = ?")
	})
}

// texts reads one column.
func (c *claim) texts(ctx context.Context, from store.Reader, query string, args ...any) (all []string, err error) {
	rows, err := from.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read what is to retire: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("read what is to retire: %w", err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read what is to retire: %w", err)
	}
	return all, nil
}

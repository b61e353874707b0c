package retention

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// settledCase chooses closed cases of statements that nothing can find or open again, without a repair that may still do something.
const settledCase = `state = 'closed' AND closed_us >= ? AND closed_us < ?
	AND EXISTS (SELECT 1 FROM statements s WHERE s.id = cases.statement AND s.retired NOT IN ('', 'frozen'))
	AND NOT EXISTS (SELECT 1 FROM repairs r WHERE r.part = cases.part AND r.case_id = cases.id AND r.state NOT IN ('rejected', 'applied', 'failed'))`

// retireCases takes out cases, a day of their close at a time.
func (c *claim) retireCases(ctx context.Context) error {
	return c.byMoment(ctx, c.Terms.Cases, "SELECT MIN(closed_us) FROM cases WHERE closed_us >= ?", nil, func(from, until int64) error {
		s := shapeOf(Cases)
		p := &pages{shape: s, condition: settledCase, args: []any{from, until}, order: s.key}
		return c.write(ctx, Cases, func(r row) string { return r.text("day") }, func(ctx context.Context) ([]record, error) {
			rows, err := p.next(ctx, c.DB)
			if err != nil {
				return nil, err
			}
			return c.whole(ctx, rows)
		})
	})
}

// whole adds what belongs to cases. A case that changes meanwhile is not deleted by what is read here.
func (c *claim) whole(ctx context.Context, rows []row) ([]record, error) {
	all := recordsOf(rows)
	for i := range all {
		place, err := rows[i].values(columnsOf("part# id"))
		if err != nil {
			return nil, err
		}
		if all[i].Events, err = shapeOf(events).query(ctx, c.DB, "part = ? AND case_id = ? ORDER BY seq", place...); err != nil {
			return nil, err
		}
		if all[i].Repairs, err = shapeOf(repairs).query(ctx, c.DB, "part = ? AND case_id = ? ORDER BY id", place...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// byMoment goes through the days before a term, from the earliest that a query finds, and leaves out days without any.
func (c *claim) byMoment(ctx context.Context, term int, earliest string, args []any, do func(from, until int64) error) error {
	if term == 0 {
		return nil
	}
	end := c.begun.UTC().Truncate(day).AddDate(0, 0, -term)
	for at := time.Unix(0, 0).UTC().Add(time.Microsecond); at.Before(end); {
		var first sql.NullInt64
		if err := c.DB.QueryRow(ctx, earliest, append(append([]any(nil), args...), store.Moment(at))...).Scan(&first); err != nil {
			return fmt.Errorf("look for the earliest that is to retire: %w", err)
		}
		begin := store.TimeOf(first.Int64).Truncate(day)
		if !first.Valid || !begin.Before(end) {
			return nil
		}
		next := begin.Add(day)
		if err := do(store.Moment(maxTime(at, begin)), store.Moment(next)); err != nil {
			return err
		}
		at = next
	}
	return nil
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// retireOperations takes out what was asked and answered of operations that came to their end.
func (c *claim) retireOperations(ctx context.Context) error {
	s := shapeOf(Operations)
	for _, state := range []batch.OperationState{batch.Success, batch.Failed, batch.Compensated} {
		earliest := "SELECT MIN(moved_us) FROM operations WHERE retired = '' AND state = ? AND moved_us >= ?"
		if err := c.byMoment(ctx, c.Terms.Operations, earliest, []any{string(state)}, func(from, until int64) error {
			p := &pages{shape: s, condition: "retired = '' AND state = ? AND rest = 0 AND moved_us >= ? AND moved_us < ?", args: []any{string(state), from, until}, order: s.key}
			ended := store.TimeOf(from).Format(time.DateOnly)
			return c.write(ctx, Operations, func(row) string { return ended }, func(ctx context.Context) ([]record, error) {
				rows, err := p.next(ctx, c.DB)
				return recordsOf(rows), err
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

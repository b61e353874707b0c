package schema

import (
	"context"
	"fmt"

	"github.com/seed-3356bd69/touchstone/shadow/stmt"
)

// Discard empties what gray runs wrote on the shadow, and Touchstone's own tables there. Reference tables stay. The caller
// has proved that the shadow is not the primary.
func Discard(ctx context.Context, cfg Config) ([]Step, error) {
	conn, err := session(ctx, cfg.Shadow, forWriting)
	if err != nil {
		return nil, fmt.Errorf("shadow: %w", err)
	}
	defer closeConn(conn)
	var steps []Step
	empty := func(table string) error {
		there, err := exists(ctx, conn, table)
		if err != nil || !there {
			return err
		}
		var rows int64
		if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+stmt.Quote(table)).Scan(&rows); err != nil {
			return fmt.Errorf("count rows: %w", err)
		}
		text, what := "TRUNCATE TABLE "+stmt.Quote(table), fmt.Sprintf("lost its %d rows", rows)
		if cfg.DryRun {
			what = fmt.Sprintf("would lose its %d rows", rows)
		} else if _, err := conn.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("empty it: %w", err)
		}
		steps = append(steps, Step{table, what, text})
		return nil
	}
	for _, t := range cfg.Tables {
		if t.Kind != Written {
			continue
		}
		if err := empty(t.there()); err != nil {
			return steps, fmt.Errorf("table %s: %w", t.there(), err)
		}
	}
	for _, table := range cfg.Own {
		if err := empty(table); err != nil {
			return steps, fmt.Errorf("table %s: %w", table, err)
		}
	}
	return steps, nil
}

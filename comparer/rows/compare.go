package rows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Keys of log lines.
const (
	keyOrders = "orders"
	keyLooks  = "looks"
)

// Compare compares the rows of orders. bindings are the ids that an order's answers taught, by order. Both databases
// keep moving: orders that differ are read again after a delay, and only what differs at the last look counts.
// Every order has a Result; an error means that none has.
func (c *Comparer) Compare(ctx context.Context, orders []string, bindings map[string][]shadow.Binding) (map[string]Result, error) {
	pending := slices.Compact(slices.Sorted(slices.Values(orders)))
	all := make(map[string]looked, len(pending))
	looks := 0
	var p *plan
	for {
		var err error
		if p, err = c.plan(ctx); err != nil {
			return nil, fmt.Errorf("plan rows: %w", err)
		}
		differing, err := c.look(ctx, p, pending, bindings, all)
		if err != nil {
			return nil, err
		}
		if looks++; len(differing) == 0 || looks > c.config.Rechecks {
			c.config.Log.LogAttrs(ctx, slog.LevelDebug, "rows compared", slog.Int(keyOrders, len(all)), slog.Int(keyLooks, looks))
			break
		}
		c.config.Metrics.rechecked.Add(float64(len(differing)))
		if err := c.config.Sleep(ctx, c.config.Delay); err != nil {
			return nil, fmt.Errorf("wait before the next look: %w", err)
		}
		pending = differing
	}
	return c.results(p, all), nil
}

// look reads and judges orders batch by batch, and gives those that differ.
func (c *Comparer) look(ctx context.Context, p *plan, orders []string, bindings map[string][]shadow.Binding, all map[string]looked) (differing []string, err error) {
	for batch := range slices.Chunk(orders, c.config.Batch) {
		primary, shadowed, err := c.read(ctx, p, batch)
		if err != nil {
			return nil, err
		}
		for _, order := range batch {
			found := c.judge(p, primary[order], shadowed[order], bindings[order])
			all[order] = found
			if len(found.Mismatches) > 0 {
				differing = append(differing, order)
			}
		}
	}
	return differing, nil
}

// read reads both sides of a batch at the same time, each from one snapshot.
func (c *Comparer) read(ctx context.Context, p *plan, orders []string) (primary, shadowed sideRows, err error) {
	var errPrimary, errShadow error
	var both sync.WaitGroup
	both.Go(func() { primary, errPrimary = c.readSide(ctx, p, atPrimary, orders) })
	both.Go(func() { shadowed, errShadow = c.readSide(ctx, p, atShadow, orders) })
	both.Wait()
	if errPrimary != nil {
		err = fmt.Errorf("primary: %w", errPrimary)
	}
	if errShadow != nil {
		err = errors.Join(err, fmt.Errorf("shadow: %w", errShadow))
	}
	return primary, shadowed, err
}

func (c *Comparer) results(p *plan, all map[string]looked) map[string]Result {
	out := make(map[string]Result, len(all))
	for order, found := range all {
		out[order] = found.Result
		for t := range p.tables {
			c.config.Metrics.compared.WithLabelValues(p.tables[t].name).Add(float64(found.compared[t]))
			c.config.Metrics.mismatched.WithLabelValues(p.tables[t].name).Add(float64(found.mismatched[t]))
		}
	}
	return out
}

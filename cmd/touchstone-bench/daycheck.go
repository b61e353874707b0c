package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// fault names what must be one case, and one alone.
type fault struct {
	channel string
	key     recon.Key
	what    recon.Break
}

// plantedFaults counts what was planted at a channel. A fault that is planted twice must be found twice.
func plantedFaults(channel string, groups *recongen.Generator, into map[fault]int) (classes map[recongen.Class]int) {
	classes = map[recongen.Class]int{}
	for p := range groups.Truth() {
		classes[p.Class]++
		for i, what := range p.Breaks {
			into[fault{channel, keyOf(p, what, i), what}]++
		}
	}
	return classes
}

// keyOf is the booking that break number i of a group is about.
func keyOf(p recongen.Planted, what recon.Break, i int) recon.Key {
	var sides [2][]recongen.Row
	for _, r := range p.Rows {
		sides[r.Side] = append(sides[r.Side], r)
	}
	rows := sides[recongen.Ours]
	if what == recon.MissingInternally {
		rows = sides[recongen.Theirs]
	}
	r := rows[min(i, len(rows)-1)]
	if r.Kind == recon.KindPayment {
		return recon.Key{Kind: r.Kind, ID: r.Order}
	}
	return recon.Key{Kind: r.Kind, ID: r.Refund}
}

// checkCases holds the cases of the store against what was planted: each fault one case, and nothing else.
func checkCases(ctx context.Context, url string, planted map[fault]int) (cases int, err error) {
	db, err := store.Open(ctx, url)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	desk := &casework.Desk{DB: db}
	left := maps.Clone(planted)
	for filter := (casework.Filter{Day: simulatedDay}); ; {
		page, err := desk.List(ctx, filter)
		if err != nil {
			return 0, err
		}
		for i := range page.Cases {
			c := &page.Cases[i]
			if c.State == casework.StateClosed {
				return 0, fmt.Errorf("case %s is closed, and nobody decided on it", c.ID)
			}
			left[fault{c.Channel, c.Key, c.Break}]--
		}
		cases += len(page.Cases)
		if filter.After = page.Next; page.Next == "" {
			return cases, unequal(left)
		}
	}
}

// unequal says what is left over where planted faults and cases are not the same.
func unequal(left map[fault]int) error {
	maps.DeleteFunc(left, func(_ fault, n int) bool { return n == 0 })
	if len(left) == 0 {
		return nil
	}
	var texts []string
	for f, n := range left {
		texts = append(texts, fmt.Sprintf("%s %s %s: %+d", f.channel, f.key, f.what, n))
	}
	slices.Sort(texts)
	return fmt.Errorf("planted faults (+) and cases (-) are not the same, %d differ; the first: %v", len(texts), texts[:min(5, len(texts))])
}

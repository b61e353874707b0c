package rules

import (
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// term finds how long a booking may be on its way: of its kind and product, of its kind, of its product, of any.
func (c *Config) term(r *recon.Record) Term {
	product := c.productOf(r)
	best, rank := Term{}, -1
	for _, t := range c.Terms {
		if (t.Kind != "" && t.Kind != r.Key.Kind) || (t.Product != "" && t.Product != product) {
			continue
		}
		score := 0
		if t.Kind != "" {
			score += 2
		}
		if t.Product != "" {
			score++
		}
		if score > rank {
			best, rank = t, score
		}
	}
	if rank < 0 {
		return Term{Calendar: true}
	}
	return best
}

func (c *Config) productOf(r *recon.Record) string {
	if c.Product == "" {
		return ""
	}
	return furtherOf(r, c.Product)
}

// due gives the last day whose batch may bring the other side of a booking that was first seen on a day. The booking's own
// day is that day, or the next where its time is so near the cut-off that the channel may count it there.
func (c *Config) due(r *recon.Record, seen Day) (Day, error) {
	t, own := c.term(r), c.ownDay(r, seen)
	if t.Calendar || c.Calendar == nil {
		return own + Day(t.Days), nil
	}
	due, err := c.Calendar.After(own, t.Days)
	if err != nil {
		return NoDay, fmt.Errorf("due day of %s: %w", r.Key, err)
	}
	return due, nil
}

func (c *Config) ownDay(r *recon.Record, seen Day) Day {
	if at := timeOf(r); !at.IsZero() && c.Clock.Day(at.Add(c.Clock.Slack)) > seen {
		return seen + 1
	}
	return seen
}

// timeOf is when the side booked it, as far as it says.
func timeOf(r *recon.Record) time.Time {
	if r.Booked.IsZero() {
		return r.Time
	}
	return r.Booked
}

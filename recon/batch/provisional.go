package batch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// provisional closes the day on our own books alone, at its hour: how many bookings there are, what they come to, and how
// many are not over yet. The file has the last word later; once its hour has come, a provisional close that was missed is
// of no use to anybody. over means that there is nothing else to do before that hour.
func (c *claim) provisional(ctx context.Context) (over bool, err error) {
	day, err := time.Parse(time.DateOnly, c.s.Day)
	if err != nil {
		return false, fmt.Errorf("read day of statement: %w", err)
	}
	now, hour, from := c.r.Now(), c.p.hour(day, c.p.Provisional), c.p.hour(day, c.p.From)
	if c.p.Provisional < 0 || !c.s.Provisional.IsZero() || now.Before(hour) || !now.Before(from) {
		return false, nil
	}
	totals, err := c.count(ctx)
	if err != nil {
		return false, fmt.Errorf("close provisionally: %w", err)
	}
	err = c.save(ctx, func(s *Statement) {
		s.Provisional, s.Next = now, from
	}, func(tx *store.Tx) error {
		return tx.Audit(ctx, store.Entry{Time: now, Actor: c.r.Worker, Action: "statement provisional close", Subject: c.s.ID.String(), Basis: totals})
	})
	if err == nil {
		c.r.Metrics.closed("provisional", now.Sub(hour))
	}
	return true, err
}

// count reads the books and says what is in them.
func (c *claim) count(ctx context.Context) (text string, err error) {
	side, err := c.p.Books.Open(ctx, c.s.ID, scan.Options{Hasher: entry.NewHasher(entry.NewSecret()), Compared: c.p.Compared, Workers: max(1, c.r.Threads), Spool: c.r.Temp, Date: c.s.Day})
	if err != nil {
		return "", fmt.Errorf("open books: %w", err)
	}
	defer func() { err = errors.Join(err, side.Close()) }()
	result, err := side.Scan(ctx, discard{})
	if err != nil {
		return "", fmt.Errorf("read books: %w", err)
	}
	parts := []string{fmt.Sprintf("%d records, %d rejected", result.Records, result.Rejected)}
	for _, t := range result.Totals {
		parts = append(parts, fmt.Sprintf("%s %s: %d, %d %s in minor units", t.Label.Kind(), t.Label.Status(), t.Count, t.Minor, t.Label.Currency()))
	}
	return strings.Join(parts, "; "), nil
}

// discard takes entries and keeps none.
type discard struct{}

func (discard) Take(int, []entry.Entry) error { return nil }

package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// provisional closes the day at its hour, before its file is there: on the books alone, or on what the channel told so far
// and is asked now. The file has the last word later; once its hour has come, a provisional close that was missed is
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
	out, err := c.early(ctx, from.Sub(now))
	if errors.Is(err, errTooLong) {
		return true, c.save(ctx, func(s *Statement) {
			s.enter(s.Phase, "no provisional close: "+err.Error(), now)
			s.Next = from
		}, nil)
	}
	if err != nil {
		return false, fmt.Errorf("close provisionally: %w", err)
	}
	err = c.save(ctx, func(s *Statement) {
		s.Provisional, s.Next = now, from
	}, func(tx *store.Tx) error { return c.keepEarly(ctx, tx, out, now) })
	if err == nil {
		c.r.Metrics.closed("provisional", now.Sub(hour))
		c.r.Metrics.early(c.s.Channel, out)
	}
	return true, err
}

// errTooLong ends a provisional close that could hold up something else.
var errTooLong = errors.New("it would have taken too long")

// early closes within the time that the profile gives, and before the file can be there.
func (c *claim) early(ctx context.Context, left time.Duration) (*ProvisionalClose, error) {
	begin := time.Now()
	bounded, cancel := context.WithTimeout(ctx, c.p.Callbacks.within(left))
	defer cancel()
	var out *ProvisionalClose
	var err error
	if c.p.Callbacks == nil {
		out, err = c.count(bounded)
	} else {
		out, err = c.hear(ctx, bounded)
	}
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return nil, fmt.Errorf("%w: %w", errTooLong, err)
	}
	if err == nil {
		out.At, out.Took = c.r.Now(), time.Since(begin)
	}
	return out, err
}

// keepEarly writes the result down, and that there is one.
func (c *claim) keepEarly(ctx context.Context, tx *store.Tx, out *ProvisionalClose, now time.Time) error {
	body, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("encode provisional close: %w", err)
	}
	if err := tx.Put(ctx, store.Rows{Table: "provisional_closes", Key: []string{"statement"}, Columns: []string{"body"}, Values: [][]any{{c.s.ID.String(), body}}}); err != nil {
		return err
	}
	return tx.Audit(ctx, store.Entry{
		Time: now, Actor: c.r.Worker, Action: "statement provisional close", Subject: c.s.ID.String(), SHA256: out.SHA256, Archive: archiveName(out.SHA256), Basis: out.Basis(),
	})
}

// count reads the books and says what is in them.
func (c *claim) count(ctx context.Context) (out *ProvisionalClose, err error) {
	side, err := c.p.Books.Open(ctx, c.s.ID, c.options(nil, c.p.Compared))
	if err != nil {
		return nil, fmt.Errorf("open books: %w", err)
	}
	defer func() { err = errors.Join(err, side.Close()) }()
	result, err := side.Scan(ctx, discard{})
	if err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	out = &ProvisionalClose{Books: SideTotals{Name: side.Name(), Records: result.Records, Rejected: result.Rejected}}
	for _, t := range result.Totals {
		out.States = append(out.States, StateTotal{t.Label.Kind(), t.Label.Status(), t.Label.Currency(), t.Count, t.Minor})
	}
	return out, nil
}

// discard takes entries and keeps none.
type discard struct{}

func (discard) Take(int, []entry.Entry) error { return nil }

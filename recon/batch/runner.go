package batch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Runner brings statements forward. It has no state of its own: all that counts is in the store, so any number of runners
// may work beside each other, and one that dies is replaced by the next call anywhere.
type Runner struct {
	DB       *store.DB
	Archive  Archive
	Profiles []*Profile
	Cases    Cases // nil: findings are only stored
	Memory   int64 // bytes for one reconciliation; 0 = 1 GiB
	Threads  int
	Temp     string
	Worker   string // name of this process, for status and audit
	Now      func() time.Time
	Log      *slog.Logger
	Shards   *Shards            // nil: every batch is done as a whole, by one worker
	Metrics  *Metrics           // nil: nothing is measured
	Progress func(ID, Progress) // is told now and then, by one call of Advance at a time; may be nil
}

// Keys of log lines.
const (
	keyStatement = "statement"
	keyBatch     = "batch"
	keyPhase     = "phase"
	keyWhy       = "why"
)

// profile finds the line of a statement.
func (r *Runner) profile(id ID) (*Profile, error) {
	for _, p := range r.Profiles {
		if p.ID(id.Day) == id {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s: no channel of the configuration has such statements", id)
}

// Expect makes the statements of a day known. One that is known stays as it is.
func (r *Runner) Expect(ctx context.Context, day string) error {
	date, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return fmt.Errorf("day is not of the form %s (got %q)", time.DateOnly, day)
	}
	rows := store.Rows{Table: "statements", Key: []string{"id"}, Columns: []string{"day", "phase", "why", "since_us", "due_us", "next_us", "attempts", "batch", "versions", "round_no", "ready_us", "provisional_us", "closed_us", "worker", "fence", "beat"}}
	now := store.Moment(r.Now())
	for _, p := range r.Profiles {
		switch is, err := p.expects(date); {
		case err != nil:
			return fmt.Errorf("%s: %w", p.Channel, err)
		case !is:
			continue
		}
		from := p.hour(date, p.From)
		next := from
		if p.Provisional >= 0 && p.hour(date, p.Provisional).Before(from) {
			next = p.hour(date, p.Provisional)
		}
		rows.Values = append(rows.Values, []any{p.ID(day).String(), day, Waiting, "its hour has not come: " + from.Format(time.DateTime), now, store.Moment(p.hour(date, p.Due)), store.Moment(next), 0, "", 0, 0, 0, 0, 0, "", 0, 0})
	}
	return r.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := unretiredAll(ctx, tx, rows); err != nil {
			return err
		}
		_, err := tx.Add(ctx, rows)
		return err
	})
}

// Due gives the statements that should be looked at now, the longest waiting first.
func (r *Runner) Due(ctx context.Context, limit int) ([]Statement, error) {
	return statements(ctx, r.DB, "WHERE next_us > 0 AND next_us <= ? ORDER BY next_us, id LIMIT ?", store.Moment(r.Now()), limit)
}

func statements(ctx context.Context, from store.Reader, condition string, args ...any) ([]Statement, error) {
	rows, err := from.Query(ctx, "SELECT "+statementColumns+" FROM statements "+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read statements: %w", err)
	}
	defer rows.Close()
	var all []Statement
	for rows.Next() {
		s, err := scanStatement(rows)
		if err != nil {
			return nil, fmt.Errorf("read statements: %w", err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read statements: %w", err)
	}
	return all, nil
}

// Advance brings a statement as far as it goes now, through all stages, and gives where it stands then. An error means
// that this call ended early, and that another may go on; ErrFenced that another already does.
func (r *Runner) Advance(ctx context.Context, id ID) (Statement, error) {
	p, err := r.profile(id)
	if err != nil {
		return Statement{}, err
	}
	c, err := r.take(ctx, p, id)
	if err != nil {
		return Statement{}, err
	}
	err = c.watched(ctx, c.advance)
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrFenced) && !errors.Is(err, ErrLost) {
		err = errors.Join(err, c.failed(ctx, err))
	}
	return c.s, err
}

func (c *claim) advance(ctx context.Context) error {
	over, err := c.provisional(ctx)
	if err != nil || over {
		return err
	}
	b, err := readBatch(ctx, c.r.DB, c.s.Batch)
	if err != nil {
		return err
	}
	if b == nil || b.State == Settled || b.State == Aborted {
		if c.s.Next.IsZero() || c.r.Now().Before(c.s.Next) {
			return nil
		}
		if b, err = c.begin(ctx); err != nil || b == nil {
			return err
		}
	}
	if b.State == Pending || b.State == Preparing {
		if waits, err := c.waits(ctx); err != nil || waits {
			return err
		}
		if whole, err := c.reconciled(ctx, b); err != nil || !whole {
			return err
		}
	}
	return c.final(ctx, b)
}

// begin makes a batch: of the file that is there already, where the day before changed; else of the one that is pulled.
func (c *claim) begin(ctx context.Context) (*Batch, error) {
	if b, err := c.redo(ctx); err != nil || b != nil {
		return b, err
	}
	return c.pre(ctx)
}

// reconciled is the second stage over what the file holds once it is decoded.
func (c *claim) reconciled(ctx context.Context, b *Batch) (whole bool, err error) {
	done, whole, err := c.decoded(ctx, b)
	if err != nil || !whole {
		return whole, err
	}
	defer func() { err = errors.Join(err, done()) }()
	return c.main(ctx, b)
}

package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// main is the second stage: the books and the file are held against each other, in both directions, and what was found is
// confirmed. whole is false where the file is wrong: the batch is aborted then, and the statement quarantined.
func (c *claim) main(ctx context.Context, b *Batch) (whole bool, err error) {
	if b.State == Pending {
		if err := c.prepare(ctx, b); err != nil {
			return false, err
		}
	}
	if err := c.forget(ctx, b); err != nil {
		return false, err
	}
	begin := time.Now()
	out, wrong, err := c.find(ctx, b)
	switch {
	case wrong != nil:
		return false, c.quarantine(ctx, b, wrong)
	case err != nil:
		return false, err
	}
	out.Took = time.Since(begin)
	if err := c.confirm(ctx, b, out); err != nil {
		return false, err
	}
	return true, c.unshard(b)
}

// find reconciles, and stores what is found: every difference, or what the rules of the statement leave of them.
func (c *claim) find(ctx context.Context, b *Batch) (out *Result, wrong, err error) {
	if c.p.Rules != nil {
		return c.ruled(ctx, b)
	}
	found := c.findingSink(b)
	result, wrong, err := c.reconcile(ctx, b, func(d *match.Difference) error { return found.take(ctx, newFinding(d)) })
	if wrong != nil || err != nil {
		return nil, wrong, err
	}
	if err := found.flush(ctx); err != nil {
		return nil, nil, err
	}
	return newResult(result, found.count), nil, nil
}

func (c *claim) findingSink(b *Batch) sink[Finding] {
	return sink[Finding]{claim: c, what: "findings of " + b.ID, rows: func(_ context.Context, page []Finding) (store.Rows, error) { return findingRows(b.ID, page) }}
}

func (c *claim) prepare(ctx context.Context, b *Batch) error {
	now := c.r.Now()
	if err := c.tx(ctx, func(tx *store.Tx) error {
		return b.move(ctx, tx, Preparing, now, c.r.Worker, "", nil, nil)
	}); err != nil {
		return err
	}
	b.moved(Preparing, now)
	return nil
}

// forget removes what a run stored that did not come to its end.
func (c *claim) forget(ctx context.Context, b *Batch) error {
	for pages := ofBatch(b.ID); ; pages.last = nil {
		page, err := pages.next(ctx, c.r.DB)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		if err := c.tx(ctx, func(tx *store.Tx) error { return forgetFindings(ctx, tx, b, page) }); err != nil {
			return err
		}
	}
	return c.tx(ctx, func(tx *store.Tx) error {
		for _, table := range []string{"write_offs", "settlements"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE batch = ?", b.ID); err != nil {
				return fmt.Errorf("forget %s of %s: %w", table, b.ID, err)
			}
		}
		return nil
	})
}

func forgetFindings(ctx context.Context, tx *store.Tx, b *Batch, page []Finding) error {
	for _, f := range page {
		_, err := tx.Exec(ctx, "DELETE FROM findings WHERE key_id = ? AND batch = ? AND key_kind = ? AND occurrence = ? AND since = ? AND break_name = ?",
			f.Key.ID, b.ID, string(f.Key.Kind), f.Occurrence, f.Since, string(f.Break))
		if err != nil {
			return fmt.Errorf("forget findings of %s: %w", b.ID, err)
		}
	}
	return nil
}

// reconcile opens both sides and joins them. wrong is what makes the file unusable as a whole.
func (c *claim) reconcile(ctx context.Context, b *Batch, each func(*match.Difference) error) (result *match.Result, wrong, err error) {
	parts, err := c.parts(b)
	if err != nil {
		return nil, nil, err
	}
	if parts != nil {
		defer func() { err = errors.Join(err, parts.Close()) }()
	}
	options := c.options(parts, c.p.Compared)
	channel, err := c.channel(ctx, b, options)
	if err != nil {
		return nil, problemOf(err, b.File.Name), err
	}
	defer func() { err = errors.Join(err, channel.Close()) }()
	books, err := c.p.Books.Open(ctx, c.s.ID, options)
	if err != nil {
		return nil, nil, fmt.Errorf("open books: %w", err)
	}
	defer func() { err = errors.Join(err, books.Close()) }()
	cfg := c.config(c.p.Compared, each)
	cfg.Progress = c.meter.follow(books, channel)
	result, err = c.join(ctx, parts, cfg, books, channel)
	if err != nil {
		return nil, problemOf(err, channel.Name()), err
	}
	if r := result.Sides[1]; r.Rejected > c.p.MaxRejected {
		return nil, fmt.Errorf("%s: %d of %d lines cannot be read, more than %d; the first: %w", b.File.Name, r.Rejected, r.Rejected+r.Records, c.p.MaxRejected, firstReject(r.Rejects)), nil
	}
	return result, nil, nil
}

// options are those that both sides are read with.
func (c *claim) options(parts *match.Parts, compared entry.Compared) scan.Options {
	return scan.Options{Hasher: parts.Hasher(), Compared: compared, Workers: max(1, c.r.Threads), Spool: c.r.Temp, Date: c.s.Day}
}

func firstReject(all []recon.Reject) error {
	if len(all) == 0 {
		return errors.New("not kept")
	}
	return all[0]
}

// problemOf gives what is wrong with the channel's file as a whole, or nil where the error is about something else.
func problemOf(err error, file string) error {
	if p, ok := errors.AsType[*scan.Problem](err); ok && p.File == file {
		return p
	}
	return nil
}

// channel opens the archived file. A day without bookings is a file without lines.
func (c *claim) channel(ctx context.Context, b *Batch, o scan.Options) (*scan.Side, error) {
	o.Name = b.File.Name
	if b.File.Empty {
		o.Format = nothing()
		return scan.OpenStream(io.NopCloser(strings.NewReader("key,amount\n")), o)
	}
	format, err := c.p.Source.Format(ctx, c.s.ID)
	if err != nil {
		return nil, fmt.Errorf("read format of statement: %w", err)
	}
	o.Format, o.Account = format, c.account(format)
	return scan.OpenFile(c.r.Archive.Path(b.File.SHA256), o)
}

// account is whose lines the file may hold, where its lines say whose they are.
func (c *claim) account(f *recon.FormatSpec) string {
	for i := range f.Rows {
		if len(f.Rows[i].Account) > 0 {
			return c.s.Account
		}
	}
	return ""
}

// nothing is the format of a file that has a header and no lines.
func nothing() *recon.FormatSpec {
	return &recon.FormatSpec{
		Name: "empty day", Lines: recon.LineRule{Separator: ","},
		Columns: []recon.Column{{Name: "key"}, {Name: "amount"}},
		Rows:    []recon.RowRule{{Kind: recon.KindPayment, Key: []string{"key"}, Currency: "CNY", Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMinor}}},
	}
}

func newResult(r *match.Result, findings int64) *Result {
	out := &Result{Matched: r.Matched.Rows(), Findings: findings}
	out.Books, out.Channel, out.Control = sideTotals(r.Sides[0]), sideTotals(r.Sides[1]), r.Sides[1].Control
	for _, b := range r.Breaks {
		out.Breaks = append(out.Breaks, BreakTotals{b.Break, b.Count, b.Sides[0].Rows(), b.Sides[1].Rows()})
	}
	for _, s := range r.Sides {
		out.Rejects = append(out.Rejects, s.Rejects[:min(len(s.Rejects), keptRejects)]...)
	}
	return out
}

// keptRejects is how many rejects of a side are kept with the result.
const keptRejects = 100

func sideTotals(s match.SideResult) SideTotals {
	return SideTotals{Name: s.Name, Records: s.Records, Rejected: s.Rejected, In: s.In.Rows()}
}

// confirm binds the result to the batch. The findings that are stored must be those that were counted, and the day before
// must still be what was worked with.
func (c *claim) confirm(ctx context.Context, b *Batch, out *Result) error {
	broken := out.broken()
	body, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("encode result of %s: %w", b.ID, err)
	}
	now := c.r.Now()
	basis := fmt.Sprintf("books %d, channel %d, matched %d, findings %d", out.Books.Records, out.Channel.Records, count(out.Matched), broken)
	if out.Rules != nil {
		basis += fmt.Sprintf(", carried in %q, carried out %q", out.Rules.CarriedIn, out.Rules.Carried.Digest)
	}
	err = c.tx(ctx, func(tx *store.Tx) error {
		if err := storedAll(ctx, tx, b, out); err != nil {
			return err
		}
		if other, err := c.outdated(ctx, tx, out); err != nil || other {
			return errors.Join(err, errors.New("the day before was done again meanwhile"))
		}
		return b.move(ctx, tx, Confirmed, now, c.r.Worker, basis, []string{"result"}, []any{body})
	})
	if err != nil {
		return err
	}
	b.moved(Confirmed, now)
	b.Result = out
	return nil
}

// storedAll asserts that what the batch counted is what the store has.
func storedAll(ctx context.Context, tx *store.Tx, b *Batch, out *Result) error {
	var found, written int64
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM findings WHERE batch = ?", b.ID).Scan(&found); err != nil {
		return fmt.Errorf("count findings of %s: %w", b.ID, err)
	}
	if broken := out.broken(); found != broken || found != out.Findings {
		return fmt.Errorf("conservation broken: batch %s has %d breaks, %d found, %d stored", b.ID, broken, out.Findings, found)
	}
	if out.Rules == nil {
		return nil
	}
	if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM write_offs WHERE batch = ?", b.ID).Scan(&written); err != nil {
		return fmt.Errorf("count write-offs of %s: %w", b.ID, err)
	}
	if tolerated := out.Rules.Of(rules.Tolerated); written != tolerated {
		return fmt.Errorf("conservation broken: batch %s tolerates %d bookings, %d are written off", b.ID, tolerated, written)
	}
	return nil
}

func count(totals []match.Total) (n int64) {
	for _, t := range totals {
		n += t.Count
	}
	return n
}

// quarantine aborts the batch of a wrong file, of which nothing is kept that was found. Another file is waited for.
func (c *claim) quarantine(ctx context.Context, b *Batch, wrong error) error {
	if err := c.forget(ctx, b); err != nil {
		return err
	}
	now := c.r.Now()
	err := c.save(ctx, func(s *Statement) {
		s.enter(Quarantined, wrong.Error(), now)
		s.Next = c.again(0)
	}, func(tx *store.Tx) error {
		return b.move(ctx, tx, Aborted, now, c.r.Worker, wrong.Error(), nil, nil)
	})
	if err != nil {
		return err
	}
	b.moved(Aborted, now)
	c.r.Metrics.quarantined()
	return c.unshard(b)
}

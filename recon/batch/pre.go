package batch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// pre is the first stage: the file is fetched, hashed and archived, and a batch is made of it. nil means that there is
// nothing to reconcile now; the statement says why.
func (c *claim) pre(ctx context.Context) (_ *Batch, err error) {
	in, err := c.r.Archive.receive()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.drop()) }()
	c.meter.enter("fetch", 0, nil)
	got, err := c.p.Source.Fetch(ctx, c.s.ID, in)
	if err != nil {
		c.r.Metrics.pulled("failed")
		return nil, fmt.Errorf("fetch statement: %w", err)
	}
	c.r.Metrics.pulled(string(got.Readiness))
	switch got.Readiness {
	case NotReady:
		return nil, c.wait(ctx, got)
	case EmptyDay:
		if in.size > 0 {
			return nil, fmt.Errorf("fetch statement: an empty day of %d bytes", in.size)
		}
	case Ready:
		if in.size == 0 {
			return nil, c.wait(ctx, Fetched{Why: got.Name + " is there and empty, which a day without bookings is not", RetryAfter: got.RetryAfter})
		}
	default:
		return nil, fmt.Errorf("fetch statement: unknown answer (got %q)", got.Readiness)
	}
	if err := in.keep(); err != nil {
		return nil, err
	}
	file := File{Name: got.Name, Size: in.size, SHA256: in.sum(), Declared: got.Declared, Adapter: got.Adapter, Empty: got.Readiness == EmptyDay}
	id := batchID(c.s.ID, file.SHA256, c.s.Round)
	known, err := c.same(ctx, id, file)
	if err != nil {
		return nil, err
	}
	if known != nil {
		return nil, c.known(ctx, known)
	}
	return c.open(ctx, file, id, func(s *Statement) {
		s.Attempts++
		s.enter(Running, "reconciles "+file.Name, c.r.Now())
	})
}

// same gives the batch of a file that came before; of several, the one that counts. Where the latest batch was made of the
// same file and aborted, that is the one: a file that is wrong by now does not count for having been right.
func (c *claim) same(ctx context.Context, id string, file File) (*Batch, error) {
	known, err := readBatch(ctx, c.r.DB, id)
	if err != nil {
		return nil, err
	}
	now, err := settled(ctx, c.r.DB, c.s.ID)
	if err != nil || now == nil {
		return known, err
	}
	if known == nil {
		return c.earlierVersion(ctx, now, file)
	}
	if now.File.SHA256 != file.SHA256 {
		return known, nil
	}
	latest, err := readBatch(ctx, c.r.DB, c.s.Batch)
	if err == nil && latest != nil && latest.State == Aborted && latest.File.SHA256 == file.SHA256 {
		return latest, nil
	}
	return now, err
}

// earlierVersion gives a batch of the file that another file superseded, of whatever round; nil where there is none. Where
// people asked to do a file again after that, the next file is what they want done, whichever it is.
func (c *claim) earlierVersion(ctx context.Context, now *Batch, file File) (*Batch, error) {
	current := batchID(c.s.ID, now.File.SHA256, c.s.Round)
	if now.File.SHA256 == file.SHA256 || now.ID != current && !strings.HasPrefix(now.ID, current+"~") {
		return nil, nil
	}
	all := batchID(c.s.ID, file.SHA256, 0)
	old, err := scanBatch(c.r.DB.QueryRow(ctx, "SELECT "+batchColumns+" FROM batches WHERE statement = ? AND id >= ? AND id < ? AND superseded <> '' ORDER BY number DESC LIMIT 1", c.s.ID.String(), all, all+"\x7f"))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look for earlier versions of %s: %w", c.s.ID, err)
	}
	return &old, nil
}

// wait notes that there is no file yet. One that the source says is on its way is waited for, also where another one closed
// the statement before.
func (c *claim) wait(ctx context.Context, got Fetched) error {
	var again time.Time
	return c.save(ctx, func(s *Statement) {
		s.Attempts++
		s.Next = c.again(got.RetryAfter)
		switch {
		case s.Phase == Quarantined: // it waits as well, and its reason is the more important one
		case s.ClosedAt.IsZero():
			s.enter(Waiting, "no file: "+got.Why, c.r.Now())
		case got.RetryAfter > 0:
			s.enter(Closed, "no other file yet: "+got.Why, c.r.Now())
		default: // it was pulled again after its close, and nothing else came
			s.enter(Closed, "", c.r.Now())
			s.Next = again
		}
	}, func(tx *store.Tx) error {
		old, err := settled(ctx, tx, c.s.ID)
		if err != nil || old == nil {
			return err
		}
		again, err = c.afterwards(ctx, tx, old.Result)
		return err
	})
}

// open makes a batch that is not there yet.
func (c *claim) open(ctx context.Context, file File, id string, begin func(*Statement)) (*Batch, error) {
	now := c.r.Now()
	b := &Batch{ID: id, Statement: c.s.ID, Number: c.s.Versions + 1, State: Pending, Version: 1, File: file, Made: now, Moved: now}
	err := c.save(ctx, func(s *Statement) {
		begin(s)
		s.Batch, s.Versions, s.Ready, s.Next = id, b.Number, now, now
	}, func(tx *store.Tx) error {
		if err := b.insert(ctx, tx); err != nil {
			return err
		}
		return tx.Audit(ctx, store.Entry{
			Time: now, Actor: c.r.Worker, Action: "batch PENDING", Subject: id, SHA256: file.SHA256, Archive: archiveName(file.SHA256),
			Basis: fmt.Sprintf("%s, %d bytes, declared %q, adapter %q", file.Name, file.Size, file.Declared, file.Adapter),
		})
	})
	return b, err
}

const sameFile = "the same file came again; "

// known ends a pull that brought a file which a batch was made of before: the same content is no news.
func (c *claim) known(ctx context.Context, b *Batch) error {
	current := b.State == Settled && b.Superseded == ""
	var again time.Time
	return c.save(ctx, func(s *Statement) {
		s.Attempts++
		if current {
			s.enter(Closed, "", c.r.Now())
			s.Next = again
			return
		}
		s.enter(Quarantined, sameFile+strings.TrimPrefix(s.Why, sameFile), c.r.Now())
		if b.Superseded != "" {
			s.Why = fmt.Sprintf("an earlier version came again (%s), which %s superseded", b.ID, b.Superseded)
		}
		s.Next = c.again(0)
	}, func(tx *store.Tx) (err error) {
		again, err = c.afterwards(ctx, tx, b.Result)
		return err
	})
}

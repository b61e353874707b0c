package scan

import (
	"context"
	"errors"
	"iter"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Records gives a statement's records in the order of the file, each with its line; a recon.Reject among the errors is a
// line that could not be read. The statement is scanned whole before the first record comes, so that no part of a file
// that contradicts itself is ever used; what that scan said is in *result by then. Memory does not depend on its size.
//
// It is for statements that are looked at record by record. Whoever joins millions of them takes Scan's entries instead.
func (s *Side) Records(ctx context.Context, result *Result) iter.Seq2[recon.Record, error] {
	return func(yield func(recon.Record, error) bool) {
		r, err := s.Scan(ctx, nothing{})
		if err != nil {
			yield(recon.Record{}, err)
			return
		}
		if result != nil {
			*result = *r
		}
		e := &each{side: s, reader: s.Reader(), yield: yield}
		if err := s.again(ctx, e); err != nil && !errors.Is(err, errStopped) {
			yield(recon.Record{}, s.explain(err))
		}
	}
}

// again scans once more, in order, and tells of every record and reject.
func (s *Side) again(ctx context.Context, e *each) error {
	w := newWorker(0, s.layout, &s.opts, e)
	w.refused = e.reject
	cutter := newCutter(s.text, s.head.body, s.opts.Format.Lines.Quote)
	return Guard(func() error {
		for {
			segment, ok := cutter.next()
			if !ok {
				return nil
			}
			if stat, err := w.run(ctx, segment); err != nil || stat.summary {
				return err
			}
		}
	})
}

// errStopped ends a pass that its reader ended.
var errStopped = errors.New("stopped")

// nothing is a sink for a scan that only looks.
type nothing struct{}

// Take drops a batch.
func (nothing) Take(int, []entry.Entry) error { return nil }

// each reads every record of a batch again and yields it.
type each struct {
	side   *Side
	reader *Reader
	yield  func(recon.Record, error) bool
}

// Take yields the records of a batch.
func (e *each) Take(_ int, batch []entry.Entry) error {
	for i := range batch {
		place := batch[i].At.Place()
		record, err := e.reader.Record(place)
		if err != nil {
			return err
		}
		if record.Origin.Table == "" {
			record.Origin.Line = e.side.Line(place)
		}
		if !e.yield(record, nil) {
			return errStopped
		}
	}
	return nil
}

func (e *each) reject(k keptReject) error {
	if !e.yield(recon.Record{}, e.side.rejectAt(k)) {
		return errStopped
	}
	return nil
}

package match

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// mark reads every side once and finds the buckets in which they differ, and in those the cells.
func (r *reconciliation) mark(ctx context.Context) error {
	m, err := newMarks(r.sides[0].Hasher(), len(r.sides), r.cfg.Threads, r.cfg.bucketBits(len(r.sides), mostRecords(r.sides)), r.cfg.entryMemory()/2, r.cfg.Temp)
	if err != nil {
		return err
	}
	m.coarse = r.cfg.coarse
	r.marks = m
	for i, side := range r.sides {
		m.begin()
		if err := r.scanSide(ctx, side, markSink{m, i}); err != nil {
			return err
		}
		m.sides[i].products = m.whole()
		for _, lines := range m.sides[i].lines {
			if err := lines.end(); err != nil {
				return err
			}
		}
	}
	if m.compare(); m.dirty.count() == 0 {
		return nil
	}
	return m.divide(ctx, r.mostRead(), r.cfg.Memory/16)
}

// mostRead is the number of records of the longest side, once all are read.
func (r *reconciliation) mostRead() (most int64) {
	for _, s := range r.result.Sides {
		most = max(most, s.Records)
	}
	return most
}

// again reads the lines of cells that differ a second time, and scatters their entries. What is left of a dirty bucket has to
// have the same product on all sides then; else the rest of it is read as well.
func (r *reconciliation) again(ctx context.Context) error {
	m := r.marks
	if m.dirty.count() == 0 {
		return nil
	}
	if m.share > manyRecords {
		for _, side := range r.sides {
			side.Revisit()
		}
	}
	if err := r.readAgain(ctx, m.dirty, true); err != nil {
		return err
	}
	missed := m.missed()
	if missed.count() == 0 {
		return nil
	}
	if err := r.readAgain(ctx, missed, false); err != nil {
		return err
	}
	for i, side := range r.sides {
		if !m.sides[i].readWhole(missed) {
			return fmt.Errorf("%s: %w", side.Name(), errChanged)
		}
	}
	return nil
}

// manyRecords is the share of a side from which on it takes no longer to read all of it into the page cache, in its order, than to
// read single lines from the disk: one for some 40 KB of text.
const manyRecords = 1. / 256

// readAgain reads the lines of some buckets again: those of cells that differ, or those of cells that do not.
func (r *reconciliation) readAgain(ctx context.Context, some bitset, differ bool) error {
	m := r.marks
	for i, side := range r.sides {
		r.progress(Progress{Side: side.Name()})
		sink := &againSink{marks: m, to: sideSink{r.scatter, i}, totals: make([]sums, r.cfg.Threads)}
		m.begin()
		if err := side.ScanAgain(ctx, newPicker(m, i, some, differ).places, sink); err != nil {
			return fmt.Errorf("read lines of %s again: %w", side.Name(), err)
		}
		m.sides[i].readAgain(m.whole())
		for _, s := range sink.totals {
			m.sides[i].totals = append(m.sides[i].totals, s.all...)
		}
	}
	return nil
}

// readAgain notes products of lines that were read again.
func (s *sideMarks) readAgain(products []entry.Product) {
	if s.again == nil {
		s.again = products
		return
	}
	for i := range products {
		s.again[i] = s.again[i].Times(products[i])
	}
}

// readWhole tells whether some buckets have the products that they had in the first reading.
func (s *sideMarks) readWhole(some bitset) bool {
	for bucket, product := range s.products {
		if some.has(uint64(bucket)) && !product.Equal(s.again[bucket]) {
			return false
		}
	}
	return true
}

// errChanged is a line that is not the record any more which it was in the first reading.
var errChanged = errors.New("it changed between two readings; try: a copy that nobody writes to")

// againSink takes the entries of the lines that are read twice.
type againSink struct {
	marks  *marks
	to     sideSink
	totals []sums // by worker
}

// Take scatters a batch.
func (k *againSink) Take(worker int, batch []entry.Entry) error {
	k.marks.multiply(worker, batch)
	for i := range batch {
		k.totals[worker].count(&batch[i])
	}
	return k.to.Take(worker, batch)
}

// clean gives the totals of the buckets that agree: what was read of a side less what was read of it again. It is the same
// of every side, or something was lost.
func (r *reconciliation) clean() (Totals, error) {
	var first Totals
	for i := range r.sides {
		var out Totals
		if err := errors.Join(out.Merge(r.result.Sides[i].In), out.subtract(r.marks.sides[i].totals)); err != nil {
			return Totals{}, err
		}
		if i == 0 {
			first = out
		} else if !out.Equal(first) {
			return Totals{}, fmt.Errorf("conservation broken: buckets that agree hold %s on %s, %s on %s", first, r.sides[0].Name(), out, r.sides[i].Name())
		}
	}
	return first, nil
}

package match

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// mark reads every side once and finds the buckets in which they differ.
func (r *reconciliation) mark(ctx context.Context) error {
	m, err := newMarks(r.sides[0].Hasher(), len(r.sides), r.cfg.Threads, r.cfg.bucketBits(len(r.sides), mostRecords(r.sides)), r.cfg.entryMemory()/2, r.cfg.Temp)
	if err != nil {
		return err
	}
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
	m.compare()
	return nil
}

// again reads the lines of dirty buckets a second time, and scatters their entries.
func (r *reconciliation) again(ctx context.Context) error {
	m := r.marks
	if m.dirty.count() == 0 {
		return nil
	}
	for i, side := range r.sides {
		r.progress(Progress{Side: side.Name()})
		sink := &againSink{marks: m, to: sideSink{r.scatter, i}, side: side.Name(), sums: make([]sums, r.cfg.Threads)}
		m.begin()
		if err := side.ScanAgain(ctx, newPicker(m.dirty, m.sides[i].lines).places, sink); err != nil {
			return fmt.Errorf("read lines of %s again: %w", side.Name(), err)
		}
		if !m.dirtyAs(m.sides[i].products) {
			return changed(side.Name())
		}
		for _, s := range sink.sums {
			m.sides[i].again = append(m.sides[i].again, s.all...)
		}
	}
	return nil
}

// errChanged is a line that is not the record any more which it was in the first reading.
var errChanged = errors.New("it changed between two readings; try: a copy that nobody writes to")

func changed(side string) error { return fmt.Errorf("%s: %w", side, errChanged) }

// dirtyAs tells whether the dirty buckets have the products that they had before.
func (m *marks) dirtyAs(before []entry.Product) bool {
	for bucket := range before {
		if m.dirty.has(uint64(bucket)) && !m.product(bucket).Equal(before[bucket]) {
			return false
		}
	}
	return true
}

// againSink takes the entries of the lines that are read twice.
type againSink struct {
	marks *marks
	to    sideSink
	side  string
	sums  []sums // by worker
}

// Take scatters a batch.
func (k *againSink) Take(worker int, batch []entry.Entry) error {
	for i := range batch {
		if !k.marks.dirty.has(batch[i].Tag >> k.marks.shift) {
			return changed(k.side)
		}
		k.sums[worker].count(&batch[i])
	}
	k.marks.multiply(worker, batch)
	return k.to.Take(worker, batch)
}

// clean gives the totals of the buckets that agree: what was read of a side less what was read of it again. It is the same
// of every side, or something was lost.
func (r *reconciliation) clean() (Totals, error) {
	var first Totals
	for i := range r.sides {
		var out Totals
		if err := errors.Join(out.Merge(r.result.Sides[i].In), out.subtract(r.marks.sides[i].again)); err != nil {
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

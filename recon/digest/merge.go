package digest

import (
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Merge adds another digest: the result is that of both sides' records together. The other's span must lie within this
// one's. After an error the digest must not be used.
func (t *Table) Merge(o Digest) error { return t.combine(o, hash.plus, cell.plus) }

// Subtract takes another digest away. After an error the digest must not be used.
func (t *Table) Subtract(o Digest) error { return t.combine(o, hash.minus, cell.minus) }

func (t *Table) combine(o Digest, hashes func(a, b hash) hash, cells func(a, b cell) (cell, bool)) error {
	if t.Scheme() != o.Scheme() {
		return ErrScheme
	}
	span := o.Span()
	from := span.First - t.span.First
	if from < 0 || from+span.Len > t.span.Len {
		return fmt.Errorf("%w: %d to %d, of %d to %d", ErrSpan, span.First, span.First+span.Len-1, t.span.First, t.span.First+t.span.Len-1)
	}
	for at := range span.Len {
		t.hashes[from+at] = hashes(t.hashes[from+at], o.hash(at))
	}
	for i, name := range o.columns() {
		column, err := t.columnOf(name)
		if err != nil {
			return err
		}
		for at := range span.Len {
			sum, ok := cells(t.cells[column][from+at], o.cell(i, at))
			if !ok {
				return t.overflow(column, from+at)
			}
			t.cells[column][from+at] = sum
		}
	}
	return nil
}

func (t *Table) columnOf(c Column) (int, error) {
	l, ok := entry.NewLabel(c.Kind, recon.StatusSuccess, c.Currency)
	if !ok {
		return 0, fmt.Errorf("column of kind %q and currency %q: unknown", c.Kind, c.Currency)
	}
	return t.column(labelOf(l))
}

// Total is the number of records of one kind and currency, and the sum of their amounts in minor units.
type Total struct {
	Column
	Count int64
	Minor int64
}

// Totals adds up a digest's money: the control totals of its side. Columns without records are left out.
func Totals(d Digest) ([]Total, error) {
	var all []Total
	for i, name := range d.columns() {
		sum := cell{}
		for at := range d.Span().Len {
			var ok bool
			if sum, ok = sum.plus(d.cell(i, at)); !ok {
				return nil, fmt.Errorf("total of %s in %s: %w", name.Kind, name.Currency, ErrOverflow)
			}
		}
		if sum != (cell{}) {
			all = append(all, Total{name, sum.count, sum.minor})
		}
	}
	sortTotals(all)
	return all, nil
}

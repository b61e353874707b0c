package digest

import (
	"cmp"
	"fmt"
	"slices"

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
	into, err := t.columnsOf(o.columns())
	if err != nil {
		return err
	}
	theirs := make([]cell, len(into))
	for at := range span.Len {
		h := o.bucket(at, theirs)
		row := t.row(from + at)
		putHash(row, hashes(hashIn(row), h))
		for i, column := range into {
			sum, ok := cells(cellIn(row, column), theirs[i])
			if !ok {
				return t.overflow(column, from+at)
			}
			putCell(row, column, sum)
		}
	}
	return nil
}

// columnsOf gives the numbers of the columns of other digests in this one.
func (t *Table) columnsOf(names []Column) ([]int, error) {
	into := make([]int, len(names))
	for i, c := range names {
		l, ok := entry.NewLabel(c.Kind, recon.StatusSuccess, c.Currency)
		if !ok {
			return nil, fmt.Errorf("column of kind %q and currency %q: unknown", c.Kind, c.Currency)
		}
		var err error
		if into[i], err = t.column(labelOf(l)); err != nil {
			return nil, err
		}
	}
	return into, nil
}

// Total is the number of records of one kind and currency, and the sum of their amounts in minor units.
type Total struct {
	Column
	Count int64
	Minor int64
}

// Totals adds up a digest's money: the control totals of its side. Columns without records are left out.
func Totals(d Digest) ([]Total, error) {
	names := d.columns()
	sums, cells := make([]cell, len(names)), make([]cell, len(names))
	for at := range d.Span().Len {
		d.bucket(at, cells)
		for i, c := range cells {
			var ok bool
			if sums[i], ok = sums[i].plus(c); !ok {
				return nil, fmt.Errorf("total of %s in %s: %w", names[i].Kind, names[i].Currency, ErrOverflow)
			}
		}
	}
	var all []Total
	for i, sum := range sums {
		if sum != (cell{}) {
			all = append(all, Total{names[i], sum.count, sum.minor})
		}
	}
	slices.SortFunc(all, func(a, b Total) int { return cmp.Compare(codeOf(a.Column), codeOf(b.Column)) })
	return all, nil
}

// codeOf brings columns into the order of recon's kinds and currencies.
func codeOf(c Column) entry.Label {
	l, _ := entry.NewLabel(c.Kind, recon.StatusSuccess, c.Currency)
	return l
}

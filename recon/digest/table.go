package digest

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Count is the number of buckets of a whole side. Their sums and one money column are 2 MiB, which stay in the second
// cache; sixteen times as many fall out of it and cost twice the time.
const Count = 1 << 16

// Of is the bucket of an entry with this tag: its high 16 bits.
func Of(tag uint64) int { return int(tag >> 48) }

// Errors of tables.
var (
	ErrOverflow = errors.New("sum out of range")
	ErrScheme   = errors.New("digests made with different secrets or compared fields cannot be held together")
	ErrSpan     = errors.New("bucket is outside of the digest's span")
)

// Span is a range of buckets: First, and Len from there.
type Span struct{ First, Len int }

// Whole is all buckets.
func Whole() Span { return Span{0, Count} }

// Has tells whether a span includes a bucket.
func (s Span) Has(bucket int) bool { return bucket >= s.First && bucket < s.First+s.Len }

func (s Span) valid() bool { return s.First >= 0 && s.Len > 0 && s.First+s.Len <= Count }

// Scheme is what two digests must have in common to be held together: the secret and the compared fields that went into
// the hashes.
type Scheme struct {
	Fingerprint [16]byte
	Compared    entry.Compared
}

// Digest is a Table, or a View of one that was written down.
type Digest interface {
	Scheme() Scheme
	Span() Span
	columns() []Column
	hash(at int) hash // at counts from the span's first bucket
	cell(column, at int) cell
}

// hash is a sum of record hashes modulo 2^128.
type hash struct{ lo, hi uint64 }

func (h hash) plus(o hash) hash {
	lo, carry := bits.Add64(h.lo, o.lo, 0)
	hi, _ := bits.Add64(h.hi, o.hi, carry)
	return hash{lo, hi}
}

func (h hash) minus(o hash) hash {
	lo, borrow := bits.Sub64(h.lo, o.lo, 0)
	hi, _ := bits.Sub64(h.hi, o.hi, borrow)
	return hash{lo, hi}
}

// cell is the number of records of one bucket and column, and their money in minor units. Both are negative where more
// was taken away than added.
type cell struct{ count, minor int64 }

func (c cell) plus(o cell) (cell, bool) {
	count, minor := c.count+o.count, c.minor+o.minor
	ok := (count < c.count) == (o.count < 0) && (minor < c.minor) == (o.minor < 0)
	return cell{count, minor}, ok
}

func (c cell) minus(o cell) (cell, bool) {
	count, minor := c.count-o.count, c.minor-o.minor
	ok := (count > c.count) == (o.count < 0) && (minor > c.minor) == (o.minor < 0)
	return cell{count, minor}, ok
}

// Column is a kind and a currency: what money is summed by.
type Column struct {
	Kind     recon.Kind
	Currency recon.Currency
}

// label is a column's label, without a state: a column keeps its code when columns are added to recon's lists.
type label uint16

func labelOf(l entry.Label) label { return label(l &^ 0x0f00) }

func (l label) column() Column { return Column{entry.Label(l).Kind(), entry.Label(l).Currency()} }

// place is a label's place in a table of all labels.
func (l label) place() int { return int(l>>12)<<8 | int(l&0xff) }

// Table is a digest that grows. The money columns exist once a record of their kind and currency came. It serves one
// goroutine.
type Table struct {
	hasher   *entry.Hasher
	compared entry.Compared
	span     Span
	hashes   []hash
	labels   []label
	cells    [][]cell
	known    [1 << 12]uint8 // by label.place: the number of its column, from 1
}

// New makes an empty digest of a whole side.
func New(h *entry.Hasher, compared entry.Compared) *Table { return NewSpan(h, compared, Whole()) }

// NewSpan makes an empty digest of a range of buckets, which must lie within Whole.
func NewSpan(h *entry.Hasher, compared entry.Compared, span Span) *Table {
	if !span.valid() {
		panic(fmt.Sprintf("digest of the buckets %d to %d", span.First, span.First+span.Len))
	}
	return &Table{hasher: h, compared: compared, span: span, hashes: make([]hash, span.Len)}
}

// Scheme is what the hashes were made with.
func (t *Table) Scheme() Scheme { return Scheme{t.hasher.Fingerprint(), t.compared} }

// Span is the range of buckets the digest has.
func (t *Table) Span() Span { return t.span }

func (t *Table) columns() []Column {
	all := make([]Column, len(t.labels))
	for i, l := range t.labels {
		all[i] = l.column()
	}
	return all
}

func (t *Table) hash(at int) hash { return t.hashes[at] }

func (t *Table) cell(column, at int) cell { return t.cells[column][at] }

// column is the number of a label's column, which is made when it is the first of its kind and currency.
func (t *Table) column(l label) (int, error) {
	if n := t.known[l.place()]; n > 0 {
		return int(n) - 1, nil
	}
	if c := l.column(); c.Kind == "" || c.Currency == "" {
		return 0, fmt.Errorf("entry with label %#04x: no such kind or currency", uint16(l))
	}
	t.labels = append(t.labels, l)
	t.cells = append(t.cells, make([]cell, t.span.Len))
	t.known[l.place()] = uint8(len(t.labels))
	return len(t.labels) - 1, nil
}

// Add adds one entry. After an error the digest is as it was.
func (t *Table) Add(e *entry.Entry) error {
	at, column, err := t.find(e)
	if err != nil {
		return err
	}
	sum, ok := t.cells[column][at].plus(cell{1, e.Amount})
	if !ok {
		return t.overflow(column, at)
	}
	lo, hi := t.hasher.Record(e)
	t.cells[column][at], t.hashes[at] = sum, t.hashes[at].plus(hash{lo, hi})
	return nil
}

// Sub takes one entry away: a row that changed is Sub of the old and Add of the new. After an error the digest is as it was.
func (t *Table) Sub(e *entry.Entry) error {
	at, column, err := t.find(e)
	if err != nil {
		return err
	}
	sum, ok := t.cells[column][at].minus(cell{1, e.Amount})
	if !ok {
		return t.overflow(column, at)
	}
	lo, hi := t.hasher.Record(e)
	t.cells[column][at], t.hashes[at] = sum, t.hashes[at].minus(hash{lo, hi})
	return nil
}

func (t *Table) find(e *entry.Entry) (at, column int, err error) {
	at = Of(e.Tag) - t.span.First
	if at < 0 || at >= t.span.Len {
		return 0, 0, fmt.Errorf("%w: %d, of %d to %d", ErrSpan, Of(e.Tag), t.span.First, t.span.First+t.span.Len-1)
	}
	column, err = t.column(labelOf(e.At.Label()))
	return at, column, err
}

func (t *Table) overflow(column, at int) error {
	c := t.labels[column].column()
	return fmt.Errorf("money of %s in %s, bucket %d: %w", c.Kind, c.Currency, t.span.First+at, ErrOverflow)
}

// Reset empties the digest and keeps its memory.
func (t *Table) Reset() {
	clear(t.hashes)
	for _, cells := range t.cells {
		clear(cells)
	}
}

package digest

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Count is the number of buckets of a whole side. With one money column they are 2 MiB, which stay in the second cache;
// sixteen times as many fall out of it and cost twice the time.
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
	bucket(at int, cells []cell) hash // at counts from the span's first bucket; it fills one cell a column
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
//
// Everything of a bucket stands together, so that an entry touches one line of the cache:
//
//	words: | low high | count minor | count minor | ... | low high | ...
//	         hash       column 0      column 1           next bucket
type Table struct {
	hasher   *entry.Hasher
	compared entry.Compared
	span     Span
	labels   []label
	known    [1 << 12]uint8 // by label.place: the number of its column, from 1
	stride   int            // words of a bucket
	words    []uint64
}

// New makes an empty digest of a whole side.
func New(h *entry.Hasher, compared entry.Compared) *Table { return NewSpan(h, compared, Whole()) }

// NewSpan makes an empty digest of a range of buckets, which must lie within Whole.
func NewSpan(h *entry.Hasher, compared entry.Compared, span Span) *Table {
	if !span.valid() {
		panic(fmt.Sprintf("digest of the buckets %d to %d", span.First, span.First+span.Len))
	}
	return &Table{hasher: h, compared: compared, span: span, stride: 2, words: make([]uint64, 2*span.Len)}
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

func (t *Table) row(at int) []uint64 { return t.words[at*t.stride:][:t.stride] }

func (t *Table) bucket(at int, cells []cell) hash {
	row := t.row(at)
	for i := range cells {
		cells[i] = cellIn(row, i)
	}
	return hashIn(row)
}

func cellIn(row []uint64, column int) cell {
	return cell{int64(row[2+2*column]), int64(row[3+2*column])}
}

func putCell(row []uint64, column int, c cell) {
	row[2+2*column], row[3+2*column] = uint64(c.count), uint64(c.minor)
}

// column is the number of a label's column, which is made when it is the first of its kind and currency.
func (t *Table) column(l label) (int, error) {
	if n := t.known[l.place()]; n > 0 {
		return int(n) - 1, nil
	}
	if c := l.column(); c.Kind == "" || c.Currency == "" {
		return 0, fmt.Errorf("entry with label %#04x: no such kind or currency", uint16(l))
	}
	t.labels = append(t.labels, l)
	t.known[l.place()] = uint8(len(t.labels))
	t.widen()
	return len(t.labels) - 1, nil
}

// widen makes room for one more column in every bucket.
func (t *Table) widen() {
	wider := make([]uint64, (t.stride+2)*t.span.Len)
	for at := range t.span.Len {
		copy(wider[at*(t.stride+2):], t.row(at))
	}
	t.words, t.stride = wider, t.stride+2
}

// Add adds one entry. After an error the digest is as it was.
func (t *Table) Add(e *entry.Entry) error {
	row, column, err := t.find(e)
	if err != nil {
		return err
	}
	sum, ok := cellIn(row, column).plus(cell{1, e.Amount})
	if !ok {
		return t.overflow(column, Of(e.Tag)-t.span.First)
	}
	putCell(row, column, sum)
	putHash(row, hashIn(row).plus(t.hashOf(e)))
	return nil
}

// Sub takes one entry away: a row that changed is Sub of the old and Add of the new. After an error the digest is as it was.
func (t *Table) Sub(e *entry.Entry) error {
	row, column, err := t.find(e)
	if err != nil {
		return err
	}
	sum, ok := cellIn(row, column).minus(cell{1, e.Amount})
	if !ok {
		return t.overflow(column, Of(e.Tag)-t.span.First)
	}
	putCell(row, column, sum)
	putHash(row, hashIn(row).minus(t.hashOf(e)))
	return nil
}

func (t *Table) hashOf(e *entry.Entry) hash {
	lo, hi := t.hasher.Record(e)
	return hash{lo, hi}
}

// find gives an entry's bucket and column.
func (t *Table) find(e *entry.Entry) (row []uint64, column int, err error) {
	at := Of(e.Tag) - t.span.First
	if at < 0 || at >= t.span.Len {
		return nil, 0, fmt.Errorf("%w: %d, of %d to %d", ErrSpan, Of(e.Tag), t.span.First, t.span.First+t.span.Len-1)
	}
	column, err = t.column(labelOf(e.At.Label()))
	return t.row(at), column, err
}

func hashIn(row []uint64) hash { return hash{row[0], row[1]} }

func putHash(row []uint64, h hash) { row[0], row[1] = h.lo, h.hi }

func (t *Table) overflow(column, at int) error {
	c := t.labels[column].column()
	return fmt.Errorf("money of %s in %s, bucket %d: %w", c.Kind, c.Currency, t.span.First+at, ErrOverflow)
}

// Reset empties the digest and keeps its memory.
func (t *Table) Reset() { clear(t.words) }

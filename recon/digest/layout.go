package digest

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// A digest is written down in a fixed layout, every number little-endian and at a multiple of its size:
//
//	 0  8  "TSDIGEST"
//	 8  4  version, 1
//	12  4  compared fields, as entry.Compared
//	16 16  fingerprint of the secret
//	32  4  first bucket
//	36  4  buckets (n)
//	40  4  money columns (m)
//	44  4  0
//	48 16  keyed checksum of everything else
//	64     m columns: label (2 bytes), 6 bytes 0
//	       n buckets: sum of record hashes (low 8 bytes, high 8 bytes), m cells: count (8 bytes, signed), minor units (8 bytes,
//	       signed)
//
// Columns stand in the order of their labels, and none is without records: equal digests have equal bytes.
const (
	magic     = "TSDIGEST"
	version   = 1
	headSize  = 64
	labelSize = 8
	cellSize  = 16
	sumAt     = 48 // of the checksum
	sumSize   = 16
)

// Errors of reading.
var (
	ErrDamaged = errors.New("the digest is damaged or cut short")
	ErrVersion = errors.New("the digest has another version")
)

// AppendBinary writes the digest down behind b.
func (t *Table) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	scheme, filled := t.Scheme(), t.filled()
	b = slices.Grow(b, headSize+len(filled)*labelSize+t.span.Len*cellSize*(1+len(filled)))
	b = append(b, magic...)
	for _, n := range []uint32{version, uint32(scheme.Compared)} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = append(b, scheme.Fingerprint[:]...)
	for _, n := range []uint32{uint32(t.span.First), uint32(t.span.Len), uint32(len(filled)), 0} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	b = append(b, make([]byte, sumSize)...)
	for _, column := range filled {
		b = binary.LittleEndian.AppendUint64(b, uint64(t.labels[column]))
	}
	for at := range t.span.Len {
		row := t.row(at)
		b = appendWords(b, row[:2])
		for _, column := range filled {
			b = appendWords(b, row[2+2*column:4+2*column])
		}
	}
	sum := t.hasher.Checksum(b[start:start+sumAt], b[start+headSize:])
	copy(b[start+sumAt:], sum[:])
	return b, nil
}

// filled gives the columns that hold anything, in the order of their labels.
func (t *Table) filled() []int {
	var all []int
	for column := range t.labels {
		for at := range t.span.Len {
			if cellIn(t.row(at), column) != (cell{}) {
				all = append(all, column)
				break
			}
		}
	}
	slices.SortFunc(all, func(a, b int) int { return cmp.Compare(t.labels[a], t.labels[b]) })
	return all
}

func appendWords(b []byte, words []uint64) []byte {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// MarshalBinary writes the digest down.
func (t *Table) MarshalBinary() ([]byte, error) { return t.AppendBinary(nil) }

// View reads a digest where it lies, without a copy. It is safe for any number of goroutines as long as nobody changes
// the bytes.
type View struct {
	scheme Scheme
	span   Span
	names  []Column
	rows   []byte
}

// Open takes a digest that was written down with the same secret. Every byte is covered by a keyed checksum: what was
// damaged, cut short or made by somebody without the secret is an error.
func Open(b []byte, h *entry.Hasher) (*View, error) {
	if len(b) < headSize || string(b[:8]) != magic {
		return nil, fmt.Errorf("open digest: %w", ErrDamaged)
	}
	number := func(at int) int { return int(binary.LittleEndian.Uint32(b[at:])) }
	if v := number(8); v != version {
		return nil, fmt.Errorf("open digest: %w (got %d, this program reads %d)", ErrVersion, v, version)
	}
	v := &View{scheme: Scheme{[16]byte(b[16:32]), entry.Compared(b[12])}, span: Span{number(32), number(36)}}
	if v.scheme.Fingerprint != h.Fingerprint() {
		return nil, fmt.Errorf("open digest: %w", ErrScheme)
	}
	if sum := h.Checksum(b[:sumAt], b[headSize:]); sum != [16]byte(b[sumAt:headSize]) {
		return nil, fmt.Errorf("open digest: %w", ErrDamaged)
	}
	return v, v.divide(b, number(40))
}

// divide finds the parts. Behind a good checksum a wrong size can only come from a program that wrote it wrongly.
func (v *View) divide(b []byte, columns int) error {
	rowsAt := headSize + columns*labelSize
	if !v.span.valid() || columns > maxColumns || len(b) != rowsAt+v.span.Len*cellSize*(1+columns) {
		return fmt.Errorf("open digest: %w", ErrDamaged)
	}
	for i := range columns {
		l := label(binary.LittleEndian.Uint16(b[headSize+i*labelSize:]))
		c := l.column()
		if c.Kind == "" || c.Currency == "" || slices.Contains(v.names, c) {
			return fmt.Errorf("open digest: money column %d: %w", i, ErrDamaged)
		}
		v.names = append(v.names, c)
	}
	v.rows = b[rowsAt:]
	return nil
}

// maxColumns is more than there are kinds with currencies.
const maxColumns = 1 << 12

// Scheme is what the hashes were made with.
func (v *View) Scheme() Scheme { return v.scheme }

// Span is the range of buckets the digest has.
func (v *View) Span() Span { return v.span }

func (v *View) columns() []Column { return v.names }

func (v *View) bucket(at int, cells []cell) hash {
	row := v.rows[at*cellSize*(1+len(v.names)):]
	word := func(i int) uint64 { return binary.LittleEndian.Uint64(row[8*i:]) }
	for i := range cells {
		cells[i] = cell{int64(word(2 + 2*i)), int64(word(3 + 2*i))}
	}
	return hash{word(0), word(1)}
}

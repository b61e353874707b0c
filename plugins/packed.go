package plugins

import (
	"encoding/binary"
	"fmt"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// packedWriter is one column of texts. As long as all values are equal it keeps one of them.
type packedWriter struct {
	data, ends []byte
	count      int
	first      string
	mixed      bool
}

func (w *packedWriter) add(value string) {
	switch {
	case w.count == 0:
		w.first = value
	case !w.mixed && value != w.first:
		w.spread()
	}
	if w.mixed {
		w.push(value)
	}
	w.count++
}

// spread writes out the values that were equal so far.
func (w *packedWriter) spread() {
	w.mixed = true
	for range w.count {
		w.push(w.first)
	}
}

func (w *packedWriter) push(value string) {
	w.data = append(w.data, value...)
	w.ends = binary.LittleEndian.AppendUint32(w.ends, uint32(len(w.data)))
}

// column gives the column for the wire: nil where every value is empty. It is valid until reset.
func (w *packedWriter) column() *pb.PackedText {
	switch {
	case w.mixed:
		return &pb.PackedText{Data: w.data, Ends: w.ends}
	case w.first == "":
		return nil
	}
	return &pb.PackedText{Data: []byte(w.first)}
}

func (w *packedWriter) reset() {
	*w = packedWriter{data: w.data[:0], ends: w.ends[:0]}
}

// packedTexts reads a column: one string for all values, cut at the ends; without ends it is every value.
type packedTexts struct {
	all  string
	ends []byte
}

// readPacked checks that the column has n values that cover its data exactly.
func readPacked(name string, c *pb.PackedText, n int) (packedTexts, error) {
	data, ends := c.GetData(), c.GetEnds()
	if len(ends) == 0 {
		if len(data) > MaxText {
			return packedTexts{}, fmt.Errorf("%w: column %s has a text over %d bytes", ErrContract, name, MaxText)
		}
		return packedTexts{all: aliasString(data)}, nil
	}
	if len(ends) != 4*n {
		return packedTexts{}, fmt.Errorf("%w: column %s has %d bytes of ends for %d values", ErrContract, name, len(ends), n)
	}
	last := uint32(0)
	for i := 0; i < len(ends); i += 4 {
		end := binary.LittleEndian.Uint32(ends[i:])
		if end < last || end-last > MaxText {
			return packedTexts{}, fmt.Errorf("%w: column %s has an offset out of order or a text over %d bytes", ErrContract, name, MaxText)
		}
		last = end
	}
	if int64(last) != int64(len(data)) {
		return packedTexts{}, fmt.Errorf("%w: column %s has bytes outside its values", ErrContract, name)
	}
	return packedTexts{all: aliasString(data), ends: ends}, nil
}

func (t *packedTexts) at(i int) string {
	if len(t.ends) == 0 {
		return t.all
	}
	start := uint32(0)
	if i > 0 {
		start = binary.LittleEndian.Uint32(t.ends[4*i-4:])
	}
	return t.all[start:binary.LittleEndian.Uint32(t.ends[4*i:])]
}

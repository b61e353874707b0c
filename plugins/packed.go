package plugins

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// packedWriter is one column of texts. It keeps one value as long as all are equal, and no ends as long as all have the
// same length.
type packedWriter struct {
	data, ends []byte
	count      int
	width      int  // of the first value
	mixed      bool // data has every value, not only the first
	ragged     bool // ends are kept
}

func (w *packedWriter) add(value []byte) {
	switch {
	case w.mixed:
		w.data = append(w.data, value...)
		if w.ragged || len(value) != w.width {
			w.end()
		}
	case w.count == 0:
		w.data, w.width = append(w.data, value...), len(value)
	case string(value) != string(w.data):
		w.spread(value)
	}
	w.count++
}

// spread writes out the values that were equal so far, and the first other one.
func (w *packedWriter) spread(other []byte) {
	w.mixed = true
	for range w.count - 1 {
		w.data = append(w.data, w.data[:w.width]...)
	}
	w.data = append(w.data, other...)
	if len(other) != w.width {
		w.end()
	}
}

// end keeps the end of the value that was just added, and before the first, those of all before it.
func (w *packedWriter) end() {
	if !w.ragged {
		w.ragged = true
		for i := range w.count {
			w.ends = binary.LittleEndian.AppendUint32(w.ends, uint32((i+1)*w.width))
		}
	}
	w.ends = binary.LittleEndian.AppendUint32(w.ends, uint32(len(w.data)))
}

// append writes the column as field n: nothing where every value is empty.
func (w *packedWriter) append(to []byte, n protowire.Number) []byte {
	if len(w.data) == 0 {
		return to
	}
	size := sizeField(1, len(w.data))
	switch {
	case w.ragged:
		size += sizeField(2, len(w.ends))
	case w.mixed:
		size += protowire.SizeTag(3) + protowire.SizeVarint(uint64(w.width))
	}
	to = protowire.AppendVarint(protowire.AppendTag(to, n, protowire.BytesType), uint64(size))
	to = appendField(to, 1, w.data)
	switch {
	case w.ragged:
		to = appendField(to, 2, w.ends)
	case w.mixed:
		to = protowire.AppendVarint(protowire.AppendTag(to, 3, protowire.VarintType), uint64(w.width))
	}
	return to
}

func sizeField(n protowire.Number, length int) int {
	return protowire.SizeTag(n) + protowire.SizeBytes(length)
}

// clone gives a column of the same values.
func (w *packedWriter) clone() packedWriter {
	c := *w
	c.data, c.ends = bytes.Clone(w.data), bytes.Clone(w.ends)
	return c
}

func (w *packedWriter) reset() {
	*w = packedWriter{data: w.data[:0], ends: w.ends[:0]}
}

// packedTexts reads a column: the values one after the other, cut at the ends or every so many bytes. With neither, all of it
// is the value of every record.
type packedTexts struct {
	data  []byte
	ends  []byte
	width int
}

// check holds the column to n values that cover its data exactly.
func (t *packedTexts) check(name string, n int) error {
	switch {
	case len(t.ends) > 0 && t.width > 0:
		return fmt.Errorf("%w: column %s has both ends and a width", ErrContract, name)
	case len(t.ends) > 0:
		return t.checkEnds(name, n)
	case t.width > 0:
		if t.width > MaxText || t.width*n != len(t.data) {
			return fmt.Errorf("%w: column %s has %d bytes for %d values of %d", ErrContract, name, len(t.data), n, t.width)
		}
	case len(t.data) > MaxText:
		return fmt.Errorf("%w: column %s has a text over %d bytes", ErrContract, name, MaxText)
	}
	return nil
}

func (t *packedTexts) checkEnds(name string, n int) error {
	if len(t.ends) != 4*n {
		return fmt.Errorf("%w: column %s has %d bytes of ends for %d values", ErrContract, name, len(t.ends), n)
	}
	last := uint32(0)
	for i := 0; i < len(t.ends); i += 4 {
		end := binary.LittleEndian.Uint32(t.ends[i:])
		if end < last || end-last > MaxText {
			return fmt.Errorf("%w: column %s has an offset out of order or a text over %d bytes", ErrContract, name, MaxText)
		}
		last = end
	}
	if int64(last) != int64(len(t.data)) {
		return fmt.Errorf("%w: column %s has bytes outside its values", ErrContract, name)
	}
	return nil
}

// hasEmpty tells whether one of the values is empty.
func (t *packedTexts) hasEmpty() bool {
	if len(t.ends) == 0 {
		return len(t.data) == 0
	}
	last := uint32(0)
	for i := 0; i < len(t.ends); i += 4 {
		end := binary.LittleEndian.Uint32(t.ends[i:])
		if end == last {
			return true
		}
		last = end
	}
	return false
}

func (t *packedTexts) at(i int) []byte {
	switch {
	case t.width > 0:
		return t.data[i*t.width : (i+1)*t.width]
	case len(t.ends) == 0:
		return t.data
	}
	start := uint32(0)
	if i > 0 {
		start = binary.LittleEndian.Uint32(t.ends[4*i-4:])
	}
	return t.data[start:binary.LittleEndian.Uint32(t.ends[4*i:])]
}

// text is at, as a string that shares the batch's memory.
func (t *packedTexts) text(i int) string { return aliasString(t.at(i)) }

package plugins

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Columns of numbers are written as narrow as the batch allows; a reader tells the forms apart by their length.

// codeWriter is a column of one byte a record, or of one byte for all.
type codeWriter struct {
	codes  []byte
	varies byte // not 0 where two differ
}

func (w *codeWriter) put(i int, code byte) {
	w.codes[i] = code
	w.varies |= code ^ w.codes[0]
}

func (w *codeWriter) append(to []byte, field protowire.Number, n int) []byte {
	if w.varies == 0 {
		n = 1
	}
	return appendField(to, field, w.codes[:n])
}

// lineWriter is a column of lines, or the first of lines that follow each other.
type lineWriter struct {
	lines []uint32
	gaps  bool
}

func (w *lineWriter) put(i int, line uint32) {
	w.lines[i] = line
	w.gaps = w.gaps || line != w.lines[0]+uint32(i)
}

func (w *lineWriter) append(to []byte, field protowire.Number, n int) []byte {
	if !w.gaps {
		n = 1
	}
	to = appendHead(to, field, 4*n)
	for _, line := range w.lines[:n] {
		to = binary.LittleEndian.AppendUint32(to, line)
	}
	return to
}

// intWriter is a column of int64, or of int32 where all of them fit.
type intWriter struct {
	values []int64
	wide   int64 // not 0 where one does not fit
}

func (w *intWriter) put(i int, value int64) {
	w.values[i] = value
	w.wide |= value ^ int64(int32(value))
}

func (w *intWriter) append(to []byte, field protowire.Number, n int) []byte {
	if w.wide == 0 {
		return appendNarrow(to, field, w.values[:n])
	}
	to = appendHead(to, field, 8*n)
	for _, value := range w.values[:n] {
		to = binary.LittleEndian.AppendUint64(to, uint64(value))
	}
	return to
}

// timeWriter is a column of times: absent where no record has one, seconds in 32 bits where all are whole and after 1970,
// else timeCode.
type timeWriter struct {
	seconds []int64
	nanos   []int32
	some    bool // a record has a time
	wide    bool // seconds do not say it
}

func (w *timeWriter) put(i int, t time.Time) error {
	if t.IsZero() {
		w.seconds[i], w.nanos[i], w.wide = noSecond, 0, true
		return nil
	}
	seconds, nanos := t.Unix(), t.Nanosecond()
	if seconds < firstSecond || seconds > lastSecond {
		return fmt.Errorf("%w: time in the year %d", ErrContract, t.UTC().Year())
	}
	w.seconds[i], w.nanos[i] = seconds, int32(nanos)
	w.some, w.wide = true, w.wide || nanos != 0 || uint64(seconds) > math.MaxUint32
	return nil
}

// noSecond stands for a record without a time.
const noSecond = math.MinInt64

func (w *timeWriter) append(to []byte, field protowire.Number, n int) []byte {
	switch {
	case !w.some:
		return to
	case !w.wide:
		return appendNarrow(to, field, w.seconds[:n])
	}
	to = appendHead(to, field, 8*n)
	for i, seconds := range w.seconds[:n] {
		code := int64(noTime)
		if seconds != noSecond {
			code = seconds*int64(time.Second) + int64(w.nanos[i])
		}
		to = binary.LittleEndian.AppendUint64(to, uint64(code))
	}
	return to
}

// appendNarrow writes the low 32 bits of each value.
func appendNarrow(to []byte, field protowire.Number, values []int64) []byte {
	to = appendHead(to, field, 4*len(values))
	for _, value := range values {
		to = binary.LittleEndian.AppendUint32(to, uint32(value))
	}
	return to
}

func appendHead(to []byte, field protowire.Number, length int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, field, protowire.BytesType), uint64(length))
}

func appendField(to []byte, field protowire.Number, value []byte) []byte {
	return append(appendHead(to, field, len(value)), value...)
}

// codeColumn reads what codeWriter wrote.
type codeColumn []byte

func (c codeColumn) at(i int) byte {
	if len(c) == 1 {
		i = 0
	}
	return c[i]
}

// lineColumn reads what lineWriter wrote.
type lineColumn []byte

func (c lineColumn) at(i int) int {
	if len(c) == 4 {
		return int(binary.LittleEndian.Uint32(c)) + i
	}
	return int(binary.LittleEndian.Uint32(c[4*i:]))
}

// intColumn reads what intWriter wrote.
type intColumn struct {
	data []byte
	wide bool
}

func (c intColumn) at(i int) int64 {
	if c.wide {
		return int64(binary.LittleEndian.Uint64(c.data[8*i:]))
	}
	return int64(int32(binary.LittleEndian.Uint32(c.data[4*i:])))
}

// timeColumn reads what timeWriter wrote.
type timeColumn struct {
	data []byte
	wide bool
}

func (c timeColumn) at(i int) time.Time {
	switch {
	case len(c.data) == 0:
		return time.Time{}
	case c.wide:
		return timeOf(int64(binary.LittleEndian.Uint64(c.data[8*i:])))
	}
	return time.Unix(int64(binary.LittleEndian.Uint32(c.data[4*i:])), 0).UTC()
}

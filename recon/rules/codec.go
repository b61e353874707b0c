package rules

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// The codec writes records as canonical bytes: numbers as varints, texts with their length in front, and words (texts that
// come again and again, as a file's name does) as the number of their first occurrence. The same records in the same order
// are the same bytes, and other records are other bytes.

const (
	maxWords   = 4096    // that are remembered; further ones are written out each time
	maxWordLen = 256     // longer ones are not remembered
	maxText    = 1 << 20 // bytes of a text that is read
	maxList    = 4096    // columns of a record that is read
)

// Encoder appends records to bytes. The zero value is ready; one encoder writes one stream.
type Encoder struct {
	buf   []byte
	words map[string]uint64
}

// Bytes gives what was appended since the last Reset.
func (e *Encoder) Bytes() []byte { return e.buf }

// Reset forgets the bytes, not the words.
func (e *Encoder) Reset() { e.buf = e.buf[:0] }

// Number appends a number.
func (e *Encoder) Number(n int64) { e.buf = binary.AppendVarint(e.buf, n) }

// Text appends a text.
func (e *Encoder) Text(s string) {
	e.buf = binary.AppendUvarint(e.buf, uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// Word appends a text that is likely to come again.
func (e *Encoder) Word(s string) {
	if n, known := e.words[s]; known {
		e.buf = binary.AppendUvarint(e.buf, n)
		return
	}
	e.buf = binary.AppendUvarint(e.buf, 0)
	e.Text(s)
	if e.words == nil {
		e.words = map[string]uint64{}
	}
	if remembered(s, len(e.words)) {
		e.words[s] = uint64(len(e.words)) + 1
	}
}

func remembered(s string, known int) bool { return len(s) <= maxWordLen && known < maxWords }

// Record appends a record.
func (e *Encoder) Record(r *recon.Record) {
	e.Word(string(r.Key.Kind))
	e.Text(r.Key.ID)
	e.Word(r.Channel)
	e.Word(r.Account)
	e.Text(r.Order)
	e.Text(r.ChannelTxn)
	e.money(r.Amount)
	e.flag(r.Fee != nil)
	if r.Fee != nil {
		e.money(*r.Fee)
	}
	e.Word(string(r.Status))
	e.time(r.Time)
	e.Text(r.Original)
	e.time(r.Booked)
	e.Word(r.Settled)
	e.Number(int64(len(r.Aliases)))
	for _, a := range r.Aliases {
		e.Word(a.Column)
		e.Text(a.Value)
	}
	e.Number(int64(len(r.Further)))
	for _, f := range r.Further {
		e.Word(f.Column)
		e.Text(f.Value)
	}
	e.origin(&r.Origin)
}

func (e *Encoder) origin(o *recon.Origin) {
	e.Word(o.File)
	e.Number(int64(o.Line))
	e.Word(o.SHA256)
	e.Word(o.Adapter)
	e.Word(o.Table)
	e.Text(o.Row)
}

func (e *Encoder) money(m recon.Money) {
	e.Number(m.Minor)
	e.Word(string(m.Currency))
}

func (e *Encoder) flag(yes bool) {
	n := int64(0)
	if yes {
		n = 1
	}
	e.Number(n)
}

// time appends a moment, whatever zone it was told in.
func (e *Encoder) time(t time.Time) {
	e.flag(!t.IsZero())
	if !t.IsZero() {
		e.Number(t.Unix())
		e.Number(int64(t.Nanosecond()))
	}
}

// Decoder reads what an Encoder wrote. After the first error it gives zero values; Err tells.
type Decoder struct {
	from  *bufio.Reader
	words []string
	err   error
}

// NewDecoder reads from a stream.
func NewDecoder(from io.Reader) *Decoder { return &Decoder{from: bufio.NewReaderSize(from, 1<<16)} }

// Err is the first error; the end of the stream in the middle of a value is io.ErrUnexpectedEOF.
func (d *Decoder) Err() error { return d.err }

// Ended tells whether nothing follows.
func (d *Decoder) Ended() bool {
	_, err := d.from.Peek(1)
	return errors.Is(err, io.EOF)
}

func (d *Decoder) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if d.err == nil {
		d.err = err
	}
}

// Number reads a number.
func (d *Decoder) Number() int64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadVarint(d.from)
	if err != nil {
		d.fail(err)
	}
	return n
}

func (d *Decoder) unsigned() uint64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(d.from)
	if err != nil {
		d.fail(err)
	}
	return n
}

// Text reads a text.
func (d *Decoder) Text() string {
	n := d.unsigned()
	switch {
	case d.err != nil || n == 0:
		return ""
	case n > maxText:
		d.fail(fmt.Errorf("a text of %d bytes", n))
		return ""
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.from, b); err != nil {
		d.fail(err)
		return ""
	}
	return string(b)
}

// Word reads a word.
func (d *Decoder) Word() string {
	n := d.unsigned()
	switch {
	case d.err != nil:
		return ""
	case n > uint64(len(d.words)):
		d.fail(fmt.Errorf("word %d of %d", n, len(d.words)))
		return ""
	case n > 0:
		return d.words[n-1]
	}
	s := d.Text()
	if remembered(s, len(d.words)) {
		d.words = append(d.words, s)
	}
	return s
}

// Record reads a record. Times are in UTC.
func (d *Decoder) Record() *recon.Record {
	r := &recon.Record{}
	r.Key.Kind = recon.Kind(d.Word())
	r.Key.ID = d.Text()
	r.Channel = d.Word()
	r.Account = d.Word()
	r.Order = d.Text()
	r.ChannelTxn = d.Text()
	r.Amount = d.money()
	if d.flag() {
		fee := d.money()
		r.Fee = &fee
	}
	r.Status = recon.Status(d.Word())
	r.Time = d.time()
	r.Original = d.Text()
	r.Booked = d.time()
	r.Settled = d.Word()
	for range d.Length() {
		r.Aliases = append(r.Aliases, recon.Alias{Column: d.Word(), Value: d.Text()})
	}
	for range d.Length() {
		r.Further = append(r.Further, recon.Text{Column: d.Word(), Value: d.Text()})
	}
	r.Origin = recon.Origin{File: d.Word(), Line: int(d.Number()), SHA256: d.Word(), Adapter: d.Word(), Table: d.Word(), Row: d.Text()}
	return r
}

// Length reads the length of a list, at most 4096.
func (d *Decoder) Length() int {
	n := d.Number()
	if n < 0 || n > maxList {
		d.fail(fmt.Errorf("a list of %d", n))
		return 0
	}
	return int(n)
}

func (d *Decoder) money() recon.Money {
	return recon.Money{Minor: d.Number(), Currency: recon.Currency(d.Word())}
}

func (d *Decoder) flag() bool {
	n := d.Number()
	if n != 0 && n != 1 {
		d.fail(fmt.Errorf("a flag of %d", n))
	}
	return n == 1
}

func (d *Decoder) time() time.Time {
	if !d.flag() {
		return time.Time{}
	}
	return time.Unix(d.Number(), d.Number()).UTC()
}

package rules

import (
	"encoding/binary"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// The codec writes records as canonical bytes: numbers as varints, texts with their length in front, and words (texts that
// come again and again, as a file's name does) as the number of their first occurrence. A record has its own length in
// front. The same records in the same order are the same bytes, and other records are other bytes.

const (
	maxWords   = 4096    // that are remembered; further ones are written out each time
	maxWordLen = 256     // longer ones are not remembered
	maxBytes   = 1 << 24 // of a text or a record that is read
	maxList    = 4096    // columns of a record that is read
)

// Encoder appends records to bytes. The zero value is ready; one encoder writes one stream.
type Encoder struct {
	buf    []byte
	record []byte // scratch
	words  map[string]uint64
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
	outer := e.buf
	e.buf = e.record[:0]
	e.fields(r)
	e.record = e.buf
	e.buf = append(binary.AppendUvarint(outer, uint64(len(e.record))), e.record...)
}

func (e *Encoder) fields(r *recon.Record) {
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

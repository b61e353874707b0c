package rules

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Decoder reads what an Encoder wrote. After the first error it gives zero values; Err tells.
type Decoder struct {
	from  *bufio.Reader
	words []string
	one   fields // of the record that is read
	long  []byte // scratch for what is longer than the buffer
	err   error
}

// decoderBuffer holds nearly every record whole.
const decoderBuffer = 1 << 16

// NewDecoder reads from a stream.
func NewDecoder(from io.Reader) *Decoder {
	return &Decoder{from: bufio.NewReaderSize(from, decoderBuffer)}
}

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
func (d *Decoder) Number() int64 { return signed(d.unsigned()) }

// signed undoes the zigzag of encoding/binary.
func signed(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func (d *Decoder) unsigned() uint64 {
	if d.err != nil {
		return 0
	}
	b, _ := d.from.Peek(binary.MaxVarintLen64) // at the end of the stream there are fewer
	n, size := binary.Uvarint(b)
	if size <= 0 {
		d.fail(io.ErrUnexpectedEOF)
		return 0
	}
	d.skip(size)
	return n
}

// skip goes on behind bytes that were looked at.
func (d *Decoder) skip(n int) {
	if _, err := d.from.Discard(n); err != nil {
		d.fail(err)
	}
}

// bytes gives the next bytes; they are valid until the next call.
func (d *Decoder) bytes(n uint64) []byte {
	if d.err == nil && n > maxBytes {
		d.fail(fmt.Errorf("a text of %d bytes", n))
	}
	if d.err != nil || n == 0 {
		return nil
	}
	if n <= decoderBuffer {
		b, err := d.from.Peek(int(n))
		if err != nil {
			d.fail(err)
			return nil
		}
		return b
	}
	if uint64(cap(d.long)) < n {
		d.long = make([]byte, n)
	}
	if _, err := io.ReadFull(d.from, d.long[:n]); err != nil {
		d.fail(err)
		return nil
	}
	return d.long[:n]
}

// Text reads a text.
func (d *Decoder) Text() string {
	n := d.unsigned()
	text := string(d.bytes(n))
	if n <= decoderBuffer && d.err == nil {
		d.skip(int(n))
	}
	return text
}

// Word reads a word.
func (d *Decoder) Word() string {
	n := d.unsigned()
	if n == 0 && d.err == nil {
		return d.remember(d.Text())
	}
	return d.word(n)
}

func (d *Decoder) remember(s string) string {
	if d.err == nil && remembered(s, len(d.words)) {
		d.words = append(d.words, s)
	}
	return s
}

// word gives a word by its number.
func (d *Decoder) word(n uint64) string {
	if d.err == nil && (n == 0 || n > uint64(len(d.words))) {
		d.fail(fmt.Errorf("word %d of %d", n, len(d.words)))
	}
	if d.err != nil {
		return ""
	}
	return d.words[n-1]
}

// Length reads the length of a list, at most 4096.
func (d *Decoder) Length() int { return d.length(d.Number()) }

func (d *Decoder) length(n int64) int {
	if d.err == nil && (n < 0 || n > maxList) {
		d.fail(fmt.Errorf("a list of %d", n))
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

// Record reads a record into r, which is empty. Its texts share one string, and times are in UTC.
func (d *Decoder) Record(r *recon.Record) {
	d.one = fields{decoder: d, text: d.Text()}
	d.one.read(r)
	if d.err == nil && d.one.text != "" {
		d.fail(fmt.Errorf("%d bytes behind the record %s", len(d.one.text), r.Key))
	}
}

// skipRecord goes on behind a record. Words that it is the first to have are not remembered: no record can be read after it.
func (d *Decoder) skipRecord() {
	n := d.unsigned()
	if d.err == nil && n > maxBytes {
		d.fail(fmt.Errorf("a record of %d bytes", n))
	}
	if d.err == nil {
		d.skip(int(n))
	}
}

// fields reads the fields of one record.
type fields struct {
	decoder *Decoder
	text    string // what is left
}

func (f *fields) read(r *recon.Record) {
	r.Key.Kind = recon.Kind(f.word())
	r.Key.ID = f.string()
	r.Channel = f.word()
	r.Account = f.word()
	r.Order = f.string()
	r.ChannelTxn = f.string()
	r.Amount = f.money()
	if f.flag() {
		fee := f.money()
		r.Fee = &fee
	}
	r.Status = recon.Status(f.word())
	r.Time = f.time()
	r.Original = f.string()
	r.Booked = f.time()
	r.Settled = f.word()
	for range f.decoder.length(f.number()) {
		r.Aliases = append(r.Aliases, recon.Alias{Column: f.word(), Value: f.string()})
	}
	for range f.decoder.length(f.number()) {
		r.Further = append(r.Further, recon.Text{Column: f.word(), Value: f.string()})
	}
	r.Origin = recon.Origin{File: f.word(), Line: int(f.number()), SHA256: f.word(), Adapter: f.word(), Table: f.word(), Row: f.string()}
}

func (f *fields) unsigned() uint64 {
	n, shift := uint64(0), 0
	for i := 0; i < len(f.text) && i < binary.MaxVarintLen64; i++ {
		c := f.text[i]
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			f.text = f.text[i+1:]
			return n
		}
		shift += 7
	}
	f.decoder.fail(io.ErrUnexpectedEOF)
	f.text = ""
	return 0
}

func (f *fields) number() int64 { return signed(f.unsigned()) }

func (f *fields) string() string {
	n := f.unsigned()
	if n > uint64(len(f.text)) {
		f.decoder.fail(io.ErrUnexpectedEOF)
		return ""
	}
	s := f.text[:n]
	f.text = f.text[n:]
	return s
}

func (f *fields) word() string {
	if n := f.unsigned(); n != 0 || f.decoder.err != nil {
		return f.decoder.word(n)
	}
	return f.decoder.remember(strings.Clone(f.string()))
}

func (f *fields) money() recon.Money {
	return recon.Money{Minor: f.number(), Currency: recon.Currency(f.word())}
}

func (f *fields) flag() bool {
	n := f.number()
	if n != 0 && n != 1 {
		f.decoder.fail(fmt.Errorf("a flag of %d", n))
	}
	return n == 1
}

func (f *fields) time() time.Time {
	if !f.flag() {
		return time.Time{}
	}
	return time.Unix(f.number(), f.number()).UTC()
}

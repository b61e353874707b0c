package scan

import (
	"bytes"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Reader reads single records again, inside of Guard. It serves one goroutine.
type Reader struct {
	side   *Side
	parser *parser // of every field
	brief  *parser // of what is compared
	index  index
}

// Reader gives a reader of single records. The side must have been scanned, and a stream to its end.
func (s *Side) Reader() *Reader {
	l := *s.layout
	l.full, l.fees = true, true
	p := newParser(&l, s.opts.Hasher)
	p.lenient = !s.layout.full
	return &Reader{side: s, parser: p, brief: newParser(s.layout, s.opts.Hasher)}
}

// Record gives the whole record at a place that an entry had. Its origin has the file, not the line: see Side.Line.
func (r *Reader) Record(place uint64) (recon.Record, error) {
	if err := r.read(r.parser, place); err != nil {
		return recon.Record{}, err
	}
	record := r.parser.record()
	record.Origin = r.side.origin(record.Key)
	return record, nil
}

// origin says where a record of the side was read, but for its line.
func (s *Side) origin(key recon.Key) recon.Origin {
	if s.opts.Table {
		return recon.Origin{Table: s.opts.Name, Row: key.String()}
	}
	return recon.Origin{File: s.opts.Name}
}

// Key gives the key of the record at a place that an entry had. Its memory lasts until the next call.
func (r *Reader) Key(place uint64) ([]byte, error) {
	err := r.read(r.brief, place)
	return r.brief.id, err
}

func (r *Reader) read(p *parser, place uint64) error {
	if place >= uint64(len(r.side.text)) {
		return fmt.Errorf("read record of %s again: no place %d", r.side.opts.Name, place)
	}
	if !r.take(p, r.side.text[place:]) || !p.read() {
		return fmt.Errorf("read record of %s at %d again: %s: %w", r.side.opts.Name, place, p.fault.reason, errFaulted)
	}
	return nil
}

// take finds the cells of the line at the front of a text.
func (r *Reader) take(p *parser, text []byte) bool {
	n := bytes.IndexByte(text, '\n')
	if n < 0 {
		n = len(text)
	}
	if r.side.opts.Format.Lines.Quote && bytes.IndexByte(text[:n], '"') >= 0 {
		end := quotedEnd(text)
		line := bytes.TrimSuffix(text[:end], []byte{'\r'})
		r.index.build(line, p.sep, true)
		return p.takeIndexed(line, r.index.sep, 0, true)
	}
	_, ok := p.take(text, n)
	return ok
}

// quotedEnd is the place of the first line end outside of quotes, or the text's length.
func quotedEnd(text []byte) int {
	inside := false
	for i, c := range text {
		switch {
		case c == '"':
			inside = !inside
		case c == '\n' && !inside:
			return i
		}
	}
	return len(text)
}

// record is the whole record of the line that was read.
func (p *parser) record() recon.Record {
	id := string(p.id)
	r := recon.Record{
		Channel: p.spec.Channel, Key: recon.Key{Kind: p.label.Kind(), ID: id}, Status: p.label.Status(),
		Amount: recon.Money{Minor: p.amount, Currency: p.label.Currency()},
		Order:  string(p.order()), ChannelTxn: string(p.text(p.first(p.rule.txn))), Account: string(p.text(p.first(p.rule.account))),
	}
	if p.hasFee {
		r.Fee = &recon.Money{Minor: p.fee, Currency: r.Amount.Currency}
	}
	if p.hasAt {
		r.Time = time.UnixMicro(p.micros).In(p.zone)
	}
	r.Original, r.Settled = string(p.text(p.first(p.rule.original))), p.settled
	for i, c := range p.rule.compare {
		r.Further = append(r.Further, recon.Text{Column: p.rule.Compare[i], Value: string(p.text(p.cellIf(c)))})
	}
	return r
}

package scan

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/cpu"
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

// Prefetch tells that the record at a place is read soon.
func (r *Reader) Prefetch(place uint64) {
	if place < uint64(len(r.side.text)) {
		cpu.Prefetch(unsafe.Pointer(&r.side.text[place]))
	}
}

func (r *Reader) read(p *parser, place uint64) error {
	if place >= uint64(len(r.side.text)) {
		return fmt.Errorf("read record of %s again: no place %d", r.side.opts.Name, place)
	}
	if !p.takeLine(r.side.text[place:], &r.index) || !p.read() {
		return fmt.Errorf("read record of %s at %d again: %s: %w", r.side.opts.Name, place, p.fault.reason, errFaulted)
	}
	return nil
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

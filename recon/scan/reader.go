package scan

import (
	"bytes"
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
	keyIn  int     // the column of every key, or -1: there is none, or it takes more than a look at one column
	index  index
}

// Reader gives a reader of single records. The side must have been scanned, and a stream to its end.
func (s *Side) Reader() *Reader {
	l := *s.layout
	l.full, l.fees = true, true
	p := newParser(&l, s.opts.Hasher)
	p.lenient = !s.layout.full
	return &Reader{side: s, parser: p, brief: newParser(s.layout, s.opts.Hasher), keyIn: s.layout.keyColumn()}
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
	if id := r.plainKey(place); id != nil {
		return id, nil
	}
	err := r.read(r.brief, place)
	return r.brief.id, err
}

// plainKey gives a key that stands in its column as it is, or nil. Nothing behind it is looked at, since a line is
// mostly not in any cache.
func (r *Reader) plainKey(place uint64) []byte {
	text, p, from := r.side.text, r.brief, int(place)
	if r.keyIn < 0 || from >= len(text) {
		return nil
	}
	for column := 0; ; column++ {
		n := bytes.IndexByte(text[from:min(len(text), from+maxPlain)], p.sep)
		if n < 0 {
			return nil
		}
		cell := text[from : from+n]
		if !clean(cell) || bytes.IndexByte(cell, '"') >= 0 {
			return nil
		}
		if column == r.keyIn {
			if n == 0 || p.trim[cell[0]] || p.trim[cell[n-1]] || p.isEmpty(cell) {
				return nil
			}
			return cell
		}
		from += n + 1
	}
}

// maxPlain bounds how long a cell is looked for.
const maxPlain = 256

// keyColumn gives the one column that all rules have their key in, of a format whose cells are found by one separator; else -1.
func (l *layout) keyColumn() int {
	column := -1
	for i := range l.rules {
		switch r := &l.rules[i]; {
		case r.Ignore != "":
		case !l.simple || l.second != 0 || len(r.key) != 1 || (column >= 0 && r.key[0] != column):
			return -1
		default:
			column = r.key[0]
		}
	}
	return column
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

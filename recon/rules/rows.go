package rules

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// fingerprint is odd, so that no row before is forgotten.
const fingerprint = 0x9e3779b97f4a7c15

// row is one booking once what is carried in has met this day's differences.
type row struct {
	seq        int64 // its place in the order of rows, the same in every pass
	key        recon.Key
	occurrence int
	brk        recon.Break
	records    [2]*recon.Record
	since      [2]Day
	copies     [2]int // of each record on its own day
	told       [2]Day // whose batch told the break of each record
	due        Day    // of a record that was carried in; NoDay: it is new
	fields     []match.FieldValues
	agrees     bool
}

// side gives the only side that has the booking; false where both have it.
func (w *row) side() (int, bool) {
	switch {
	case w.records[channel] == nil:
		return internal, true
	case w.records[internal] == nil:
		return channel, true
	}
	return 0, false
}

// pass goes once through all differences and everything carried in, in the order of keys.
type pass struct {
	run     *run
	carried *carryReader
	head    *Item // the next that is carried in
	do      func(*row) error
	seq     int64
	print   uint64    // of all rows so far
	in      [2]summed // what came in, record by record, before any rule
	last    *match.Difference
	now     bookings
	open    [2][]waiting // of one key, while it settles
	row     row
}

// bookings are all that came in under one key.
type bookings struct {
	key         recon.Key
	items       []*Item
	differences []*match.Difference
}

// each gives every row to do. The row is valid until do returns.
func (r *run) each(do func(*row) error) (in [2]match.Totals, err error) {
	p := &pass{run: r, do: do}
	if p.carried, err = openCarried(r.in.Carried, r.in.Batch, r.day, io.Discard); err != nil {
		return in, err
	}
	defer func() { err = errors.Join(err, p.carried.close()) }()
	if p.head, err = p.carried.next(); err != nil {
		return in, err
	}
	if r.in.Differences != nil {
		for d, err := range r.in.Differences {
			if err != nil {
				return in, fmt.Errorf("read differences: %w", err)
			}
			if err := p.difference(d); err != nil {
				return in, err
			}
		}
	}
	if err := p.flush(); err != nil {
		return in, err
	}
	if err := p.upTo(nil); err != nil {
		return in, err
	}
	for side := range in {
		if in[side], err = p.in[side].done(); err != nil {
			return in, err
		}
	}
	return in, r.unchanged(in, p.print)
}

// unchanged holds a pass against the first: decisions are kept by the number of the row.
func (r *run) unchanged(in [2]match.Totals, print uint64) error {
	if r.first == nil {
		r.first, r.print = &in, print
		return nil
	}
	for side := range sides {
		if !r.first[side].Equal(in[side]) {
			return fmt.Errorf("conservation broken on side %d: what came in is %s, and was %s the first time", side, in[side], r.first[side])
		}
	}
	if r.print != print {
		return errors.New("what came in is not what came in the first time; try: keep the differences (package replay)")
	}
	return nil
}

// difference takes in one difference; a new key ends the one before.
func (p *pass) difference(d *match.Difference) error {
	if err := p.check(d); err != nil {
		return err
	}
	for side, record := range d.Records {
		if record == nil {
			continue
		}
		if !p.run.found.has(side, d.Key.Kind) {
			return fmt.Errorf("difference %s: In.Found knows of no %s on side %d; try: the breaks of the same reconciliation", d.Key, d.Key.Kind, side)
		}
		if err := p.in[side].add(record); err != nil {
			return err
		}
	}
	if p.last == nil || d.Key != p.last.Key {
		if err := p.flush(); err != nil {
			return err
		}
		if err := p.upTo(&d.Key); err != nil {
			return err
		}
		p.now.key = d.Key
		if err := p.items(d.Key); err != nil {
			return err
		}
	}
	p.last = d
	p.now.differences = append(p.now.differences, d)
	return nil
}

// check refuses what match does not give.
func (p *pass) check(d *match.Difference) error {
	switch {
	case len(d.Records) != sides:
		return fmt.Errorf("difference %s: of %d sides, not of two", d.Key, len(d.Records))
	case d.Records[internal] == nil && d.Records[channel] == nil:
		return fmt.Errorf("difference %s: no side has it", d.Key)
	case p.last != nil && cmp.Or(p.last.Key.Compare(d.Key), cmp.Compare(p.last.Occurrence, d.Occurrence)) >= 0:
		return fmt.Errorf("difference %s copy %d comes behind %s copy %d; try: the order of match", d.Key, d.Occurrence, p.last.Key, p.last.Occurrence)
	}
	for _, record := range d.Records {
		if record != nil && record.Key != d.Key {
			return fmt.Errorf("difference %s: has a record of %s", d.Key, record.Key)
		}
	}
	return nil
}

// upTo ends every key that is only carried in and comes before a key; nil: all that are left.
func (p *pass) upTo(key *recon.Key) error {
	for p.head != nil && (key == nil || p.head.Record.Key.Compare(*key) < 0) {
		p.now.key = p.head.Record.Key
		if err := p.items(p.now.key); err != nil {
			return err
		}
		if err := p.flush(); err != nil {
			return err
		}
	}
	return nil
}

// items takes what is carried in under a key.
func (p *pass) items(key recon.Key) (err error) {
	for p.head != nil && p.head.Record.Key == key {
		if err := p.in[p.head.Side].add(p.head.Record); err != nil {
			return err
		}
		p.now.items = append(p.now.items, p.head)
		if p.head, err = p.carried.next(); err != nil {
			return err
		}
	}
	return nil
}

// flush makes the rows of the key that ends.
func (p *pass) flush() error {
	defer func() { p.now.items, p.now.differences = p.now.items[:0], p.now.differences[:0] }()
	if len(p.now.items) > 0 {
		return p.settle()
	}
	for _, d := range p.now.differences {
		if err := p.whole(d); err != nil {
			return err
		}
	}
	return nil
}

// whole gives a difference as it is.
func (p *pass) whole(d *match.Difference) error {
	w := row{key: d.Key, occurrence: d.Occurrence, brk: d.Break, records: [2]*recon.Record(d.Records), fields: d.Fields}
	for side, record := range w.records {
		if record != nil {
			w.since[side], w.copies[side] = p.run.day, d.Occurrence
		}
	}
	return p.give(w)
}

func (p *pass) give(w row) error {
	w.seq = p.seq
	p.seq++
	p.print = p.print*fingerprint ^ hashOf(w.key.ID) + uint64(w.occurrence)
	p.row = w
	return p.do(&p.row)
}

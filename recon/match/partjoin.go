package match

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// joinTrailer ends a join part: what was counted, and the checksum of the differences.
type joinTrailer struct {
	Matched []Total               `json:"matched"`
	Breaks  []storedBreak         `json:"breaks"`
	Classes map[recon.Class]int64 `json:"classes,omitempty"`
	Sum     uint64                `json:"sum"`
}

// storedBreak is BreakTotals as they are written.
type storedBreak struct {
	Break recon.Break `json:"break"`
	Count int64       `json:"count"`
	Sides [][]Total   `json:"sides"`
}

// load appends a partition's entries of one side.
func (p *Parts) load(to []entry.Entry, side, partition int) ([]entry.Entry, error) {
	for _, s := range p.scanned[side] {
		start := len(to)
		to = append(to, make([]entry.Entry, s.Counts[partition])...)
		if err := s.read(to[start:], partition); err != nil {
			return nil, err
		}
	}
	return to, nil
}

// each gives a partition's entries of one side, those of one part after the other.
func (p *Parts) each(side, partition int, room *[]entry.Entry, do func([]entry.Entry)) error {
	for _, s := range p.scanned[side] {
		n := s.Counts[partition]
		*room = slices.Grow((*room)[:0], n)[:n]
		if err := s.read(*room, partition); err != nil {
			return err
		}
		do(*room)
	}
	return nil
}

// sidesJoined puts together what the scans of all sides found. A part that is missing counts as damaged.
func (p *Parts) sidesJoined() error {
	if p.joined != nil {
		return nil
	}
	var joined []SideResult
	for i, side := range p.sides {
		parts := make([]*scan.Part, len(p.scanned[i]))
		for n := range parts {
			part := Part{StageScan, i, n}
			s, err := p.openScan(part)
			if err != nil {
				return err
			}
			if s == nil {
				return &damaged{part, "it is missing"}
			}
			parts[n] = s.Part
		}
		result, err := side.Join(parts)
		if err != nil {
			return fmt.Errorf("scan %s: %w", side.Name(), err)
		}
		one, err := newSideResult(side.Name(), result)
		if err != nil {
			return err
		}
		joined = append(joined, one)
	}
	p.joined = joined
	return nil
}

// doJoin joins a range of partitions, unless that was done.
func (p *Parts) doJoin(ctx context.Context, part Part) (Outcome, error) {
	outcome := PartDone
	there, err := p.openJoin(part)
	switch _, bad := errors.AsType[*damaged](err); {
	case bad:
		outcome = PartRedone
	case err != nil:
		return PartFailed, err
	case there != nil:
		return PartThere, there.file.Close()
	}
	if p.scatter != nil { // its memory is the join's now
		err := p.scatter.close()
		if p.scatter = nil; err != nil {
			return PartFailed, err
		}
	}
	redone, err := p.mended(ctx, func() error { return p.join(ctx, part) })
	if redone {
		outcome = PartRedone
	}
	return outcome, err
}

// join makes a part.
func (p *Parts) join(ctx context.Context, part Part) (err error) {
	if err := p.sidesJoined(); err != nil {
		return err
	}
	cfg := p.cfg
	cfg.Progress = nil // parts are told of as a whole
	r := &reconciliation{cfg: &cfg, sides: p.sides}
	defer func() { err = errors.Join(err, r.close()) }()
	if p.plan.Differences {
		r.sorter = cfg.newSorter()
	}
	first, end := p.plan.partitions(part.N)
	all, err := r.joinRange(ctx, p, first, end)
	if err != nil {
		return err
	}
	return p.writePart(part, func(w io.Writer) (any, error) {
		t, sum := all.stored(), xxhash.New()
		if r.sorter != nil {
			encoder := json.NewEncoder(io.MultiWriter(w, sum))
			if err := r.sorter.each(func(d *Difference) error { return encoder.Encode(kept(d)) }); err != nil {
				return nil, err
			}
		}
		t.Sum = sum.Sum64()
		return t, nil
	})
}

func (t *tally) stored() *joinTrailer {
	out := &joinTrailer{Matched: t.matched.Rows(), Classes: t.classes}
	for _, b := range t.list() {
		one := storedBreak{Break: b.Break, Count: b.Count}
		for i := range b.Sides {
			one.Sides = append(one.Sides, b.Sides[i].Rows())
		}
		out.Breaks = append(out.Breaks, one)
	}
	return out
}

// tally gives what stored was made of.
func (t *joinTrailer) tally(sides int) (*tally, error) {
	out := newTally(sides)
	for _, row := range t.Matched {
		if err := out.matched.AddTotal(row); err != nil {
			return nil, err
		}
	}
	for class, n := range t.Classes {
		out.classes[class] = n
	}
	for _, b := range t.Breaks {
		to := out.of(b.Break)
		to.Count = b.Count
		for i, rows := range b.Sides[:min(len(b.Sides), sides)] {
			for _, row := range rows {
				if err := to.Sides[i].AddTotal(row); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// joinPart is an open join part.
type joinPart struct {
	file *os.File
	body int64
	joinTrailer
}

// openJoin opens a part; nil: it is not there.
func (p *Parts) openJoin(part Part) (*joinPart, error) {
	j := &joinPart{}
	f, body, err := p.openPart(part, &j.joinTrailer)
	if f == nil || err != nil {
		return nil, err
	}
	j.file, j.body = f, body
	sum := xxhash.New()
	if _, err := io.Copy(sum, bufio.NewReaderSize(j.bodyReader(), spillBuffer)); err != nil || sum.Sum64() != j.Sum {
		return nil, errors.Join(&damaged{part, "the checksum of its differences is another"}, f.Close())
	}
	return j, nil
}

func (j *joinPart) bodyReader() io.Reader { return io.NewSectionReader(j.file, headSize, j.body) }

// finishBuffer is what is read at a time of each part of the join, while all of them are merged.
const finishBuffer = 64 << 10

// Finish gives the result, once all parts are there, and hands out the differences. Parts that are missing or damaged are
// done first.
func (p *Parts) Finish(ctx context.Context) (result *Result, err error) {
	var open []*joinPart
	closeAll := func() error {
		var errs []error
		for _, j := range open {
			errs = append(errs, j.file.Close())
		}
		open = nil
		return errors.Join(errs...)
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	if _, err := p.mended(ctx, func() error {
		if err := errors.Join(closeAll(), p.sidesJoined()); err != nil {
			return err
		}
		for n := range p.plan.Joins {
			j, err := p.openJoin(Part{StageJoin, 0, n})
			if err != nil {
				return err
			}
			if j == nil {
				return &damaged{Part{StageJoin, 0, n}, "it is missing"}
			}
			open = append(open, j)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if result, err = p.result(open); err != nil {
		return nil, err
	}
	return result, p.deliver(open)
}

// result adds up what the parts of the join counted.
func (p *Parts) result(open []*joinPart) (*Result, error) {
	all := newTally(len(p.sides))
	for _, j := range open {
		t, err := j.tally(len(p.sides))
		if err != nil {
			return nil, err
		}
		if err := all.merge(t); err != nil {
			return nil, err
		}
	}
	r := &Result{Sides: p.joined, Matched: all.matched, Breaks: all.list(), Classes: all.classes, Plan: PlanParts}
	for _, s := range r.Sides {
		r.Spilled += s.Records * entry.Size
	}
	return r, r.conserved()
}

// deliver hands the differences of all parts out in one order.
func (p *Parts) deliver(open []*joinPart) error {
	if p.cfg.Each == nil {
		return nil
	}
	merge := &runs{}
	for _, j := range open {
		merge.add(decoderOf(bufio.NewReaderSize(j.bodyReader(), finishBuffer)))
	}
	return merge.each(p.cfg.Each)
}

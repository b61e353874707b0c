package match

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// scanTrailer ends a scan part: its entries by partition, and what the scan found beside them.
type scanTrailer struct {
	Counts []int      `json:"counts"`
	Sums   []uint64   `json:"sums"`
	Part   *scan.Part `json:"part"`
}

// scanPart is an open scan part.
type scanPart struct {
	part Part
	file *os.File
	scanTrailer
	at []int64 // of each partition in the file
}

// doScan scans a part of a side, unless it is there.
func (p *Parts) doScan(ctx context.Context, part Part) (Outcome, error) {
	outcome := PartDone
	there, err := p.openScan(part)
	switch _, bad := errors.AsType[*damaged](err); {
	case bad:
		outcome = PartRedone
	case err != nil:
		return PartFailed, err
	case there != nil:
		p.sides[part.Side].Skip(there.Part)
		return PartThere, nil
	}
	if err := p.scan(ctx, part); err != nil {
		return PartFailed, err
	}
	if there, err = p.openScan(part); err == nil && there == nil {
		err = fmt.Errorf("part %s was taken away", part)
	}
	return outcome, err
}

// openScan opens a part and keeps it open; nil: it is not there.
func (p *Parts) openScan(part Part) (*scanPart, error) {
	if have := p.scanned[part.Side][part.N]; have != nil {
		return have, nil
	}
	s := &scanPart{part: part}
	f, body, err := p.openPart(part, &s.scanTrailer)
	if f == nil || err != nil {
		return nil, err
	}
	s.file = f
	if err := s.index(p.plan, body); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p.scanned[part.Side][part.N] = s
	return s, nil
}

// index finds the partitions in the file.
func (s *scanPart) index(plan *plan, body int64) error {
	from, to := plan.Sides[s.part.Side].blocks(s.part.N)
	if len(s.Counts) != plan.Partitions || len(s.Sums) != plan.Partitions || s.Part == nil || s.Part.From != from || s.Part.To != to {
		return &damaged{s.part, "its trailer is of other partitions or blocks"}
	}
	at := int64(headSize)
	for _, n := range s.Counts {
		s.at = append(s.at, at)
		at += int64(n) * entry.Size
	}
	if at != headSize+body || slices.Min(s.Counts) < 0 {
		return &damaged{s.part, "its length is another"}
	}
	return nil
}

// read fills entries with those of a partition.
func (s *scanPart) read(to []entry.Entry, partition int) error {
	raw := asBytes(to)
	if _, err := s.file.ReadAt(raw, s.at[partition]); err != nil && len(raw) > 0 {
		return &damaged{s.part, err.Error()}
	}
	if xxhash.Sum64(raw) != s.Sums[partition] {
		return &damaged{s.part, fmt.Sprintf("the checksum of partition %d is another", partition)}
	}
	return nil
}

// forget closes a scan part.
func (p *Parts) forget(side, n int) error {
	s := p.scanned[side][n]
	if s == nil {
		return nil
	}
	p.scanned[side][n] = nil
	return s.file.Close()
}

// scan makes a part.
func (p *Parts) scan(ctx context.Context, part Part) error {
	side := p.sides[part.Side]
	from, to := p.plan.Sides[part.Side].blocks(part.N)
	open, err := p.opens(part)
	if err != nil {
		return fmt.Errorf("scan %s: %w", side.Name(), err)
	}
	if p.scatter == nil {
		if p.scatter, err = newScatter(1, p.cfg.Threads, p.plan.Partitions, p.cfg.entryMemory(), p.cfg.Temp); err != nil {
			return err
		}
	}
	if err := p.scatter.empty(); err != nil {
		return err
	}
	found, err := side.ScanPart(ctx, sideSink{p.scatter, 0}, from, to, open)
	if err != nil {
		return fmt.Errorf("scan %s: %w", side.Name(), err)
	}
	return p.writePart(part, func(w io.Writer) (any, error) {
		t := &scanTrailer{Counts: make([]int, p.plan.Partitions), Sums: make([]uint64, p.plan.Partitions), Part: found}
		return t, p.writeEntries(w, t)
	})
}

// opens tells whether a quoted cell is open where a part begins: the part before it knows, or the quotes are counted.
func (p *Parts) opens(part Part) (bool, error) {
	side, open, counted := p.sides[part.Side], false, 0
	for n := part.N - 1; n >= 0; n-- {
		before, err := p.openScan(Part{StageScan, part.Side, n})
		if _, bad := errors.AsType[*damaged](err); err != nil && !bad {
			return false, err
		}
		if before != nil {
			open, counted = before.Part.Open, before.Part.To
			break
		}
	}
	from, _ := p.plan.Sides[part.Side].blocks(part.N)
	return side.Opens(counted, from, open)
}

// writeEntries writes what was scattered, one partition after the other.
func (p *Parts) writeEntries(w io.Writer, t *scanTrailer) error {
	var room []entry.Entry
	sum := xxhash.New()
	for partition := range t.Counts {
		sum.Reset()
		var failed error
		err := p.scatter.each(0, partition, &room, func(entries []entry.Entry) {
			if failed != nil {
				return
			}
			raw := asBytes(entries)
			t.Counts[partition] += len(entries)
			sum.Write(raw) // it never fails
			_, failed = w.Write(raw)
		})
		if err := errors.Join(err, failed); err != nil {
			return err
		}
		t.Sums[partition] = sum.Sum64()
	}
	return nil
}

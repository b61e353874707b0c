package match

import (
	"context"
	"fmt"
	"math/bits"
	"os"

	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// entriesBytes guesses what the entries of all sides take; known is false while a side's size is not known.
func (r *reconciliation) entriesBytes() (n int64, known bool) {
	known = true
	for _, s := range r.sides {
		if e := s.Estimate(); e < 0 {
			known = false
		} else {
			n += e * entry.Size
		}
	}
	return n, known
}

// choose settles the plan before anything is read. What fits is joined at once. What does not is spilled where the disk has
// room for it: writing an entry and reading it back costs less than reading its line again. Else the sides are digested
// first: mostly few buckets differ, and only their entries have to fit. A stream is not read twice.
func (r *reconciliation) choose(free int64) Plan {
	if r.cfg.Plan != PlanAuto {
		return r.cfg.Plan
	}
	n, known := r.entriesBytes()
	switch {
	case !known:
		return PlanSpill
	case n <= r.cfg.entryMemory() || r.cfg.Unique:
		return PlanJoin
	case free >= n+n/4: // the guess may be low
		return PlanSpill
	}
	return PlanDigest
}

// freeBytes is the room on a folder's disk; 0 if nobody knows.
func freeBytes(dir string) int64 {
	if dir == "" {
		dir = os.TempDir()
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0
	}
	return int64(s.Bavail) * s.Bsize
}

// digested is what the first of two scans says.
type digested struct {
	tables []digest.Digest
	dirty  *digest.Buckets
}

// digest scans every side into a digest and finds the buckets that differ.
func (r *reconciliation) digest(ctx context.Context) error {
	d := &digested{}
	for _, side := range r.sides {
		collector := digest.NewCollector(side.Hasher(), r.cfg.Compared, r.cfg.Threads)
		if err := r.scanSide(ctx, side, collector); err != nil {
			return err
		}
		table, err := collector.Table()
		if err != nil {
			return fmt.Errorf("digest %s: %w", side.Name(), err)
		}
		d.tables = append(d.tables, table)
	}
	var err error
	if d.dirty, err = digest.Dirty(d.tables[0], d.tables[1:]...); err != nil {
		return fmt.Errorf("compare digests: %w", err)
	}
	r.digested = d
	return nil
}

// again scans the sides a second time for the entries of dirty buckets.
func (r *reconciliation) again(ctx context.Context) error {
	if r.digested.dirty.Len() == 0 {
		return nil
	}
	for i, side := range r.sides {
		r.scatter.keep(i, r.digested.dirty)
		r.progress(Progress{Side: side.Name()})
		second, err := side.Scan(ctx, sideSink{r.scatter, i})
		if err != nil {
			return fmt.Errorf("scan %s again: %w", side.Name(), err)
		}
		if first := r.result.Sides[i]; second.Records != first.Records || second.Rejected != first.Rejected {
			return fmt.Errorf("%s changed between two scans: %d records, then %d; try: a copy that nobody writes to", side.Name(), first.Records, second.Records)
		}
	}
	return nil
}

// clean gives the totals of the buckets that agree: what a side's digest holds less what was scattered of its dirty
// buckets. It is the same of every side, or something was lost.
func (r *reconciliation) clean() (Totals, error) {
	var first Totals
	for i, table := range r.digested.tables {
		all, err := digest.Totals(table)
		if err != nil {
			return Totals{}, err
		}
		var out Totals
		for _, t := range all {
			if err := out.add(Total{Kind: t.Kind, Currency: t.Currency, Count: t.Count, Minor: t.Minor}); err != nil {
				return Totals{}, err
			}
		}
		if err := out.subtract(r.scatter.sums(i)); err != nil {
			return Totals{}, err
		}
		if i == 0 {
			first = out
		} else if !out.Equal(first) {
			return Totals{}, fmt.Errorf("conservation broken: buckets that agree hold %s on %s, %s on %s", first, r.sides[0].Name(), out, r.sides[i].Name())
		}
	}
	return first, nil
}

// keep lets only entries of some buckets into a side's partitions.
func (s *scatter) keep(side int, buckets *digest.Buckets) {
	for _, w := range s.workers {
		w.sides[side].only = buckets
	}
}

// sums adds up what was scattered of a side.
func (s *scatter) sums(side int) []sum {
	var all []sum
	for _, w := range s.workers {
		all = append(all, w.sides[side].sums.all...)
	}
	return all
}

// sums counts entries by label.
type sums struct {
	all  []sum
	last int
}

// sum is a number of entries and their money.
type sum struct {
	label entry.Label
	count int64
	lo    uint64 // sum of amounts, 128 bits
	hi    uint64
}

func (s *sums) count(e *entry.Entry) {
	label := e.At.Label()
	if s.last >= len(s.all) || s.all[s.last].label != label {
		s.find(label)
	}
	one := &s.all[s.last]
	one.count++
	var carry uint64
	one.lo, carry = bits.Add64(one.lo, uint64(e.Amount), 0)
	one.hi += carry
}

func (s *sums) find(label entry.Label) {
	for s.last = 0; s.last < len(s.all); s.last++ {
		if s.all[s.last].label == label {
			return
		}
	}
	s.all = append(s.all, sum{label: label})
}

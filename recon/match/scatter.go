package match

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// scatter takes the entries of all sides and puts them into partitions by the high bits of their tags. Each worker has
// memory of its own; when that is full it spills what it has to its file.
//
//	worker 0   side 0: partition 0 [chunk][chunk] · 1 [chunk] · …     side 1: …
//	worker 1   side 0: …
type scatter struct {
	shift   uint // tag >> shift is the partition
	parts   int
	workers []*scatterWorker
}

type scatterWorker struct {
	arena *arena
	sides []*sideParts
	spill *spillFile
	dir   string
}

// sideParts are one worker's partitions of one side.
type sideParts struct {
	next   []uint32 // where a partition's next entry goes; a multiple of chunkEntries: a new chunk is needed
	chunks [][]uint32
	spills [][]extent
}

// extent is a run of a partition's entries in a spill file.
type extent struct {
	offset int64
	count  int
}

// newScatter prepares parts partitions (a power of two) of sides sides. memory bounds all entries that are held at a time.
func newScatter(sides, workers, parts int, memory int64, dir string) (*scatter, error) {
	s := &scatter{parts: parts, shift: uint(64 - bits.TrailingZeros(uint(parts)))}
	chunks := max(int(memory/int64(workers)/(chunkEntries*entry.Size)), 2*sides*parts)
	for range workers {
		a, err := newArena(chunks)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		w := &scatterWorker{arena: a, dir: dir}
		for range sides {
			w.sides = append(w.sides, &sideParts{next: make([]uint32, parts), chunks: make([][]uint32, parts), spills: make([][]extent, parts)})
		}
		s.workers = append(s.workers, w)
	}
	return s, nil
}

func (s *scatter) close() error {
	var errs []error
	for _, w := range s.workers {
		errs = append(errs, w.arena.close())
		if w.spill != nil {
			errs = append(errs, w.spill.close())
		}
	}
	s.workers = nil
	return errors.Join(errs...)
}

// sideSink is the scan.Sink of one side.
type sideSink struct {
	scatter *scatter
	side    int
}

// Take puts a batch into its partitions.
func (k sideSink) Take(worker int, batch []entry.Entry) error {
	w := k.scatter.workers[worker]
	p := w.sides[k.side]
	shift, entries := k.scatter.shift, w.arena.entries
	for i := range batch {
		e := &batch[i]
		part := e.Tag >> shift
		at := p.next[part]
		if at%chunkEntries == 0 {
			var err error
			if at, err = w.open(k.side, int(part)); err != nil {
				return err
			}
		}
		entries[at] = *e
		p.next[part] = at + 1
	}
	return nil
}

// open gives a partition a new chunk, and the place of its first entry. Place 0 of a chunk and "no chunk" look alike in
// next, and mean the same: the next entry needs a chunk.
func (w *scatterWorker) open(side, part int) (uint32, error) {
	number, ok := w.arena.take()
	if !ok {
		if err := w.spillAll(); err != nil {
			return 0, err
		}
		if number, ok = w.arena.take(); !ok {
			return 0, fmt.Errorf("no memory for one more entry after a spill")
		}
	}
	p := w.sides[side]
	p.chunks[part] = append(p.chunks[part], number)
	return number * chunkEntries, nil
}

// held gives the entries of a partition that a worker has in memory, chunk by chunk.
func (w *scatterWorker) held(side, part int, each func([]entry.Entry)) {
	p := w.sides[side]
	chunks := p.chunks[part]
	for i, number := range chunks {
		entries := w.arena.chunk(number)
		if i == len(chunks)-1 {
			if used := p.next[part] % chunkEntries; used > 0 {
				entries = entries[:used]
			}
		}
		each(entries)
	}
}

// load appends a partition's entries of one side.
func (s *scatter) load(to []entry.Entry, side, part int) ([]entry.Entry, error) {
	for _, w := range s.workers {
		w.held(side, part, func(e []entry.Entry) { to = append(to, e...) })
		for _, x := range w.sides[side].spills[part] {
			start := len(to)
			to = append(to, make([]entry.Entry, x.count)...)
			if err := w.spill.read(asBytes(to[start:]), x.offset); err != nil {
				return nil, err
			}
		}
	}
	return to, nil
}

// each gives a partition's entries of one side, without copying those in memory.
func (s *scatter) each(side, part int, room *[]entry.Entry, do func([]entry.Entry)) error {
	for _, w := range s.workers {
		w.held(side, part, do)
		for _, x := range w.sides[side].spills[part] {
			*room = slices.Grow((*room)[:0], x.count)[:x.count]
			if err := w.spill.read(asBytes(*room), x.offset); err != nil {
				return err
			}
			do(*room)
		}
	}
	return nil
}

// empty gives all memory and spill files back to be used again, for other entries.
func (s *scatter) empty() error {
	for _, w := range s.workers {
		w.arena.next, w.arena.free = 0, w.arena.free[:0]
		for _, p := range w.sides {
			for part := range p.chunks {
				p.chunks[part], p.spills[part], p.next[part] = p.chunks[part][:0], p.spills[part][:0], 0
			}
		}
		if w.spill == nil {
			continue
		}
		if err := w.spill.close(); err != nil {
			return fmt.Errorf("close spill file: %w", err)
		}
		w.spill = nil
	}
	return nil
}

// spilled is the number of bytes that went to disk.
func (s *scatter) spilled() int64 {
	var n int64
	for _, w := range s.workers {
		if w.spill != nil {
			n += w.spill.size
		}
	}
	return n
}

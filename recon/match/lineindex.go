package match

import (
	"io"
	"slices"
	"sync/atomic"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// lineIndex says of each record that one worker read on one side in which bucket it is and where its line begins, in four
// bytes. Records that follow one another in the text are a run:
//
//	words: | place, low | place, high | records | bucket and distance from the line before | … | next run
//
// Chunks of words are held in memory as long as the budget lasts; others go to a file without a name.
type lineIndex struct {
	bits   uint // of a bucket's number; the rest of a word is the distance
	budget *indexBudget
	dir    string
	held   [][]uint32
	last   []uint32 // the chunk that is being filled
	spill  *spillFile
}

// indexChunk is the number of words of a chunk: 1 MiB.
const indexChunk = 256 << 10

// runHead is the number of words in front of a run.
const runHead = 3

// indexBudget is what all indexes may hold, in chunks.
type indexBudget struct{ left atomic.Int64 }

func newIndexBudget(bytes int64) *indexBudget {
	b := &indexBudget{}
	b.left.Store(bytes / (4 * indexChunk))
	return b
}

// add notes a batch of entries, whose places ascend.
func (x *lineIndex) add(batch []entry.Entry) error {
	distanceBits := 32 - x.bits
	for len(batch) > 0 {
		if len(x.last)+runHead >= indexChunk {
			if err := x.next(); err != nil {
				return err
			}
		}
		n := min(len(batch), indexChunk-runHead-len(x.last))
		x.last = slices.Grow(x.last, runHead+n)
		start, place := len(x.last), batch[0].At.Place()
		words := x.last[start : start+runHead+n]
		words[0], words[1] = uint32(place), uint32(place>>32)
		at := runHead
		for i := range batch[:n] {
			e := &batch[i]
			distance := e.At.Place() - place
			if distance>>distanceBits != 0 {
				break // a run of its own
			}
			place += distance
			words[at] = uint32(e.Tag>>(64-x.bits))<<distanceBits | uint32(distance)
			at++
		}
		words[2] = uint32(at - runHead)
		x.last = x.last[:start+at]
		batch = batch[at-runHead:]
	}
	return nil
}

// next puts the full chunk away and begins another one.
func (x *lineIndex) next() error {
	if x.budget.left.Add(-1) >= 0 {
		x.held, x.last = append(x.held, x.last), make([]uint32, 0, indexChunk)
		return nil
	}
	if x.spill == nil {
		var err error
		if x.spill, err = newSpillFile(x.dir); err != nil {
			return err
		}
	}
	err := x.spill.write(asBytes(x.last[:indexChunk:indexChunk])) // whole: no run begins in its last words
	x.last = x.last[:0]
	return err
}

// end puts the last chunk away: nothing more is added.
func (x *lineIndex) end() error {
	x.held, x.last = append(x.held, x.last), nil
	if x.spill == nil {
		return nil
	}
	return x.spill.flush()
}

func (x *lineIndex) close() error {
	if x.spill == nil {
		return nil
	}
	return x.spill.close()
}

// spilled is the number of bytes that went to disk.
func (x *lineIndex) spilled() int64 {
	if x.spill == nil {
		return 0
	}
	return x.spill.size
}

// picker gives the places of the lines of dirty buckets, chunk by chunk, to several workers.
type picker struct {
	dirty   bitset
	indexes []*lineIndex
	next    atomic.Int64 // chunk, over all indexes
	workers []picking
}

// picking is where one worker is.
type picking struct {
	bits  uint
	words []uint32
	room  []uint32 // for a chunk from a file
}

func newPicker(dirty bitset, indexes []*lineIndex) *picker {
	return &picker{dirty: dirty, indexes: indexes, workers: make([]picking, len(indexes))}
}

// places is a scan.Places.
func (p *picker) places(worker int, room []uint64) ([]uint64, error) {
	w := &p.workers[worker]
	for {
		for len(w.words) > 0 {
			if room = w.run(p.dirty, room[:0]); len(room) > 0 {
				return room, nil
			}
		}
		if err := p.chunk(w); err != nil {
			return nil, err
		}
	}
}

// run takes the next run, and gives its places in dirty buckets.
func (w *picking) run(dirty bitset, room []uint64) []uint64 {
	place, n := uint64(w.words[0])|uint64(w.words[1])<<32, int(w.words[2])
	words := w.words[runHead : runHead+n]
	w.words = w.words[runHead+n:]
	if len(w.words) <= runHead { // left over at the end of a chunk
		w.words = nil
	}
	distanceBits := 32 - w.bits
	for _, word := range words {
		place += uint64(word & (1<<distanceBits - 1))
		if dirty.has(uint64(word >> distanceBits)) {
			room = append(room, place)
		}
	}
	return room
}

// chunk takes the next chunk, or io.EOF.
func (p *picker) chunk(w *picking) error {
	number := int(p.next.Add(1)) - 1
	for _, x := range p.indexes {
		w.bits = x.bits
		if number < len(x.held) {
			w.words = x.held[number]
			return nil
		}
		number -= len(x.held)
		spilled := int(x.spilled() / (4 * indexChunk))
		if number < spilled {
			if w.room == nil {
				w.room = make([]uint32, indexChunk)
			}
			w.words = w.room
			return x.spill.read(asBytes(w.room), int64(number)*4*indexChunk)
		}
		number -= spilled
	}
	return io.EOF
}

package match

import (
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// A trace is what the first reading keeps of a record, in eight bytes. Records of one key share the tag; those of them that
// differ mostly have different marks. It says nothing of the secret point of the products: what is read again is chosen by traces,
// and the proof wants that choice to be made before the point is drawn.
//
//	tag's high bits 32 | mark 20 | distance from the line before 12
type trace uint64

const (
	distanceBits = 12
	markBits     = 20
)

// traceOf leaves the distance out.
func traceOf(e *entry.Entry) trace {
	mark := (e.Rest ^ uint64(e.Amount)*oddOne + uint64(e.At.Label())) * oddTwo
	return trace(e.Tag>>32<<32 | mark>>(64-markBits)<<distanceBits)
}

const (
	oddOne = 0x9e3779b97f4a7c15
	oddTwo = 0xff51afd7ed558ccd
)

func (t trace) distance() uint64 { return uint64(t) & (1<<distanceBits - 1) }

// record is the trace without the distance.
func (t trace) record() trace { return t >> distanceBits << distanceBits }

// lineIndex has a trace of each record that one worker read on one side, and where its line is. Records that follow one
// another in the text are a run:
//
//	| place | traces | trace | trace | … next run
//
// Chunks of traces are held in memory as long as the budget lasts; others go to a file without a name.
type lineIndex struct {
	budget *indexBudget
	dir    string
	held   [][]uint64
	last   []uint64 // the chunk that is being filled
	raw    [][]byte // memory of all chunks but the first
	spill  *spillFile
}

const (
	// indexChunk is the number of words of a chunk: 2 MiB, a large page.
	indexChunk = 256 << 10

	chunkBytes = 8 * indexChunk

	// runHead is the number of words in front of a run.
	runHead = 2
)

// indexBudget is what all indexes may hold, in chunks.
type indexBudget struct{ left atomic.Int64 }

func newIndexBudget(bytes int64) *indexBudget {
	b := &indexBudget{}
	b.left.Store(bytes / chunkBytes)
	return b
}

// add notes a batch of entries, whose places ascend, with their traces.
func (x *lineIndex) add(batch []entry.Entry, traces []trace) error {
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
		words[0] = place
		at := runHead
		for i := range batch[:n] {
			distance := batch[i].At.Place() - place
			if distance>>distanceBits != 0 {
				break // a run of its own
			}
			place += distance
			words[at] = uint64(traces[i]) | distance
			at++
		}
		words[1] = uint64(at - runHead)
		x.last = x.last[:start+at]
		batch, traces = batch[at-runHead:], traces[at-runHead:]
	}
	return nil
}

// next puts the full chunk away and begins another one.
func (x *lineIndex) next() error {
	if x.budget.left.Add(-1) >= 0 {
		x.held = append(x.held, x.last)
		raw, err := reserve(chunkBytes)
		if err != nil {
			return err
		}
		x.raw = append(x.raw, raw)
		x.last = unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(raw))), indexChunk)[:0]
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
	var errs []error
	for _, raw := range x.raw {
		errs = append(errs, unix.Munmap(raw))
	}
	if x.spill != nil {
		errs = append(errs, x.spill.close())
	}
	return errors.Join(errs...)
}

// spilled is the number of bytes that went to disk.
func (x *lineIndex) spilled() int64 {
	if x.spill == nil {
		return 0
	}
	return x.spill.size
}

// indexReader gives the runs of some indexes, chunk by chunk, to several workers.
type indexReader struct {
	indexes []*lineIndex
	next    atomic.Int64 // chunk, over all indexes
	workers []indexPlace
}

// indexPlace is where one worker is.
type indexPlace struct {
	words []uint64 // of the chunk that is left
	room  []uint64 // for a chunk from a file
	spots []spot
}

// spot is a record and where its line is.
type spot struct {
	trace trace
	place uint64
}

func newIndexReader(indexes []*lineIndex) *indexReader {
	return &indexReader{indexes: indexes, workers: make([]indexPlace, len(indexes))}
}

// run gives the place of the next run's first line and the traces of its records, or io.EOF.
func (r *indexReader) run(worker int) (uint64, []uint64, error) {
	w := &r.workers[worker]
	for len(w.words) <= runHead { // what is left at the end of a chunk is no run
		if err := r.chunk(w); err != nil {
			return 0, nil, err
		}
	}
	place, n := w.words[0], int(w.words[1])
	traces := w.words[runHead : runHead+n]
	w.words = w.words[runHead+n:]
	return place, traces, nil
}

// spots gives the records of some buckets in the next run, or io.EOF. They last until the worker's next call.
func (r *indexReader) spots(worker int, some bitset, shift uint) ([]spot, error) {
	place, traces, err := r.run(worker)
	if err != nil {
		return nil, err
	}
	w := &r.workers[worker]
	w.spots = slices.Grow(w.spots[:0], len(traces))[:len(traces)]
	n := 0
	for _, word := range traces {
		t := trace(word)
		place += t.distance()
		w.spots[n] = spot{t, place}
		n += some.bit(word >> shift) // no branch: nobody can foresee it
	}
	return w.spots[:n], nil
}

// chunk takes the next chunk, or io.EOF.
func (r *indexReader) chunk(w *indexPlace) error {
	number := int(r.next.Add(1)) - 1
	for _, x := range r.indexes {
		if number < len(x.held) {
			w.words = x.held[number]
			return nil
		}
		number -= len(x.held)
		spilled := int(x.spilled() / chunkBytes)
		if number < spilled {
			if w.room == nil {
				w.room = make([]uint64, indexChunk)
			}
			w.words = w.room
			return x.spill.read(asBytes(w.room), int64(number)*chunkBytes)
		}
		number -= spilled
	}
	return io.EOF
}

package match

import (
	"context"
	"errors"
	"io"
	"math"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/cpu"
)

// cells divide the records of dirty buckets further, by the traces that are kept of them, so that few lines have to be read
// again. Each holds, over the records of its keys, the sum of their hashed traces on side 0, as often as there are other sides, less
// those on the others: zero where all sides have the same traces. It may be zero where records differ; that is found out by
// products.
type cells struct {
	shift uint
	sums  []uint64
	raw   []byte
}

// leastCells is the number of cells for a few lines, as bits.
const leastCells = 10

// newCells prepares cells for so many records of a side, in at most so many bytes.
func newCells(records, memory int64) (*cells, error) {
	n := bits.Len64(uint64(records))
	for n > leastCells && int64(8)<<n > memory {
		n--
	}
	n = max(n, leastCells)
	raw, err := reserve(8 << n)
	if err != nil {
		return nil, err
	}
	return &cells{shift: uint(64 - n), raw: raw, sums: unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(raw))), 1<<n)}, nil
}

func (c *cells) close() error { return unix.Munmap(c.raw) }

// of gives the cell of a trace: that of its key.
func (c *cells) of(t trace) *uint64 { return &c.sums[uint64(t>>32)*oddOne>>c.shift] }

// add takes a trace in, times weight.
func (c *cells) add(t trace, weight uint64) { atomic.AddUint64(c.of(t), hashed(t)*weight) }

// weight is how often a side's traces count: together nothing.
func weight(side, sides int) uint64 {
	if side == 0 {
		return uint64(sides - 1)
	}
	return math.MaxUint64 // -1
}

// differ tells whether the records of a trace's cell have to be read again.
func (c *cells) differ(t trace) bool { return *c.of(t) != 0 }

// prefetch asks for the cell of a record that comes soon.
func (c *cells) prefetch(spots []spot, i int) {
	if ahead := i + lookAhead; ahead < len(spots) {
		cpu.Prefetch(unsafe.Pointer(c.of(spots[ahead].trace)))
	}
}

// share is how many of the cells differ.
func (c *cells) share() float64 {
	n := 0
	for _, sum := range c.sums {
		if sum != 0 {
			n++
		}
	}
	return float64(n) / float64(len(c.sums))
}

// hashed is a number that traces do not add up by accident.
func hashed(t trace) uint64 {
	v := uint64(t.record()) * oddTwo
	v = (v ^ v>>32) * 0xc4ceb9fe1a85ec53
	return v ^ v>>29
}

// divide fills the cells with the records of dirty buckets.
func (m *marks) divide(ctx context.Context, records, memory int64) error {
	dirty := int64(float64(records) * m.dirtyShare)
	var err error
	if m.cells, err = newCells(dirty, memory); err != nil {
		return err
	}
	for i := range m.sides {
		weight := weight(i, len(m.sides))
		reader := newIndexReader(m.sides[i].lines)
		group, ctx := errgroup.WithContext(ctx)
		for worker := range reader.workers {
			group.Go(func() error {
				for {
					spots, err := reader.spots(worker, m.dirty, m.shift)
					if err == io.EOF {
						return nil
					} else if err = errors.Join(err, ctx.Err()); err != nil {
						return err
					}
					for i, s := range spots {
						m.cells.prefetch(spots, i)
						m.cells.add(s.trace, weight)
					}
				}
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	m.share = m.dirtyShare * m.cells.share()
	return nil
}

// picker gives the places of lines that are read again: those in some buckets whose cells differ, or those whose cells do
// not.
type picker struct {
	*indexReader
	marks  *marks
	some   bitset
	differ bool
}

func newPicker(m *marks, side int, some bitset, differ bool) *picker {
	return &picker{indexReader: newIndexReader(m.sides[side].lines), marks: m, some: some, differ: differ}
}

// places is a scan.Places.
func (p *picker) places(worker int, room []uint64) ([]uint64, error) {
	for {
		spots, err := p.spots(worker, p.some, p.marks.shift)
		if err != nil {
			return nil, err
		}
		for i, s := range spots {
			p.marks.cells.prefetch(spots, i)
			if p.marks.cells.differ(s.trace) == p.differ {
				room = append(room, s.place)
			}
		}
		if len(room) > 0 {
			return room, nil
		}
	}
}

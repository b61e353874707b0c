package match

import (
	"errors"
	"math/bits"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/cpu"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// marks are what the first of two readings keeps of the sides: for each bucket of tags the product of its records' factors,
// and for each record a trace and where its line is. Buckets whose products agree on every side hold the same multiset
// of records on every side.
//
//	side 0   products by bucket                        side 1   products by bucket   …
//	         worker 0: trace, trace, trace …                    …
//	         worker 1: …
type marks struct {
	hasher *entry.Hasher
	shift  uint  // tag >> shift is the bucket
	coarse trace // bits that traces lack: none, but in tests
	sides  []sideMarks
	own    [][]entry.Product // by worker: of the side that is read now
	raw    [][]byte          // their memory
	traces [][]trace         // by worker: of a batch
	dirty  bitset
	cells  *cells // of the dirty buckets

	dirtyShare float64 // of all buckets
	share      float64 // about, of a side: what is read again
}

type sideMarks struct {
	products []entry.Product
	lines    []*lineIndex    // by worker
	again    []entry.Product // of the lines that were read again
	totals   []sum           // of these
}

// The number of buckets is that of the records of a side by bucketRecords, within bounds: many fall out of the nearer
// caches, of few most have a difference in them.
const (
	bucketRecords = 512
	leastBuckets  = 10 // as bits
	mostBuckets   = 20
)

// bucketBits is the number of buckets, as bits, for sides with so many records. All tables together, two a side and one a
// worker, take an eighth of the memory.
func (c *Config) bucketBits(sides int, records int64) uint {
	n := min(bits.Len64(uint64(records/bucketRecords)), mostBuckets)
	for n > leastBuckets && int64(2*sides+c.Threads)*productSize<<n > c.Memory/8 {
		n--
	}
	return uint(max(n, leastBuckets))
}

const productSize = int64(unsafe.Sizeof(entry.Product{}))

// newMarks prepares the marks of sides sides with 2^n buckets. memory bounds what the traces of all lines hold at a time; the
// rest goes to files in dir.
func newMarks(h *entry.Hasher, sides, workers int, n uint, memory int64, dir string) (*marks, error) {
	m := &marks{hasher: h, shift: 64 - n, sides: make([]sideMarks, sides), own: make([][]entry.Product, workers), dirty: newBitset(1 << n)}
	budget := newIndexBudget(memory - int64(sides*workers)*chunkBytes) // each fills one, whatever is left
	for side := range m.sides {
		for range workers {
			m.sides[side].lines = append(m.sides[side].lines, &lineIndex{budget: budget, dir: dir})
		}
	}
	for i := range m.own {
		raw, err := reserve(int(productSize) << n)
		if err != nil {
			return nil, errors.Join(err, m.close())
		}
		m.raw = append(m.raw, raw)
		m.own[i] = unsafe.Slice((*entry.Product)(unsafe.Pointer(unsafe.SliceData(raw))), 1<<n)
		m.traces = append(m.traces, nil)
	}
	return m, nil
}

// begin empties the workers' products.
func (m *marks) begin() {
	for _, table := range m.own {
		for i := range table {
			table[i] = entry.One()
		}
	}
}

// whole gives the products of all workers.
func (m *marks) whole() []entry.Product {
	all := make([]entry.Product, len(m.own[0]))
	for bucket := range all {
		all[bucket] = m.product(bucket)
	}
	return all
}

func (m *marks) product(bucket int) entry.Product {
	p := m.own[0][bucket]
	for _, table := range m.own[1:] {
		p = p.Times(table[bucket])
	}
	return p
}

// compare finds the buckets in which not all sides agree.
func (m *marks) compare() {
	first := m.sides[0].products
	for _, side := range m.sides[1:] {
		for i := range first {
			if !first[i].Equal(side.products[i]) {
				m.dirty.put(uint64(i))
			}
		}
	}
	m.dirtyShare = m.dirty.share()
}

// missed gives the dirty buckets in which a difference is left among the lines that were not read again: where the quotients of
// what was read and what was read again are not the same on all sides.
func (m *marks) missed() bitset {
	missed, first := newBitset(len(m.own[0])), &m.sides[0]
	for bucket := range m.own[0] {
		if !m.dirty.has(uint64(bucket)) {
			continue
		}
		for _, side := range m.sides[1:] {
			if !first.products[bucket].Times(side.again[bucket]).Equal(side.products[bucket].Times(first.again[bucket])) {
				missed.put(uint64(bucket))
			}
		}
	}
	return missed
}

func (m *marks) close() error {
	var errs []error
	for _, side := range m.sides {
		for _, lines := range side.lines {
			errs = append(errs, lines.close())
		}
	}
	for _, raw := range m.raw {
		errs = append(errs, unix.Munmap(raw))
	}
	if m.cells != nil {
		errs = append(errs, m.cells.close())
	}
	return errors.Join(errs...)
}

// held is the number of bytes of traces that are in memory.
func (m *marks) held() (n int64) {
	for _, side := range m.sides {
		for _, lines := range side.lines {
			n += int64(len(lines.held)) * chunkBytes
		}
	}
	return n
}

// spilled is the number of bytes that went to disk.
func (m *marks) spilled() (n int64) {
	for _, side := range m.sides {
		for _, lines := range side.lines {
			n += lines.spilled()
		}
	}
	return n
}

// lookAhead is how many records before its turn a bucket is asked into the nearest cache: without that, each would be waited
// for.
const lookAhead = 32

// multiply takes a batch into a worker's products, and gives the traces of its records.
func (m *marks) multiply(worker int, batch []entry.Entry) []trace {
	table, shift, hasher := m.own[worker], m.shift, m.hasher
	for i := range batch[:min(lookAhead, len(batch))] {
		cpu.Prefetch(unsafe.Pointer(&table[batch[i].Tag>>shift]))
	}
	traces := slices.Grow(m.traces[worker][:0], len(batch))[:len(batch)]
	for i := range batch {
		if ahead := i + lookAhead; ahead < len(batch) {
			cpu.Prefetch(unsafe.Pointer(&table[batch[ahead].Tag>>shift]))
		}
		traces[i] = traceOf(&batch[i]) &^ m.coarse
		bucket := &table[batch[i].Tag>>shift]
		*bucket = bucket.Times(hasher.Factor(&batch[i]))
	}
	m.traces[worker] = traces
	return traces
}

// markSink is the scan.Sink of one side's first reading.
type markSink struct {
	marks *marks
	side  int
}

// Take marks a batch.
func (k markSink) Take(worker int, batch []entry.Entry) error {
	return k.marks.sides[k.side].lines[worker].add(batch, k.marks.multiply(worker, batch))
}

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(n uint64) bool { return b.bit(n) != 0 }

// bit is 1 for a number in the set, else 0.
func (b bitset) bit(n uint64) int { return int(b[n>>6] >> (n & 63) & 1) }

func (b bitset) put(n uint64) { b[n>>6] |= 1 << (n & 63) }

// share is how much of all numbers are in the set.
func (b bitset) share() float64 { return float64(b.count()) / float64(64*len(b)) }

func (b bitset) count() int {
	n := 0
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

package match

import (
	"errors"
	"math/bits"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/cpu"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// marks are what the first of two passes keeps of the sides: for each bucket of tags the product of its records' factors,
// and for each record its bucket and where its line is. Buckets whose products agree on every side hold the same multiset
// of records on every side.
//
//	side 0   products by bucket                        side 1   products by bucket   …
//	         worker 0: bucket, place | bucket, place | …        …
//	         worker 1: …
type marks struct {
	hasher *entry.Hasher
	shift  uint // tag >> shift is the bucket
	sides  []sideMarks
	own    [][]entry.Product // by worker: of the side that is read now
	raw    [][]byte          // their memory
	dirty  bitset
}

type sideMarks struct {
	products []entry.Product
	lines    []*lineIndex // by worker
	again    []sum        // of the lines that were read again
}

// The number of buckets is that of the records of a side by bucketRecords, within bounds: more fall out of the cache, fewer
// have more lines read again for each difference.
const (
	bucketRecords = 32
	leastBuckets  = 10 // as bits
	mostBuckets   = 20 // leaves 12 bits for the distance of two lines in an index
)

// bucketBits is the number of buckets, as bits, for sides with so many records. All tables together, one a side and one a
// worker, take an eighth of the memory.
func (c *Config) bucketBits(sides int, records int64) uint {
	n := min(bits.Len64(uint64(records/bucketRecords)), mostBuckets)
	for n > leastBuckets && int64(sides+c.Threads)*productSize<<n > c.Memory/8 {
		n--
	}
	return uint(max(n, leastBuckets))
}

const productSize = int64(unsafe.Sizeof(entry.Product{}))

// newMarks prepares the marks of sides sides with 2^n buckets. memory bounds what the indexes of lines hold at a time; the
// rest goes to files in dir.
func newMarks(h *entry.Hasher, sides, workers int, n uint, memory int64, dir string) (*marks, error) {
	m := &marks{hasher: h, shift: 64 - n, sides: make([]sideMarks, sides), own: make([][]entry.Product, workers), dirty: newBitset(1 << n)}
	budget := newIndexBudget(memory)
	for side := range m.sides {
		for range workers {
			m.sides[side].lines = append(m.sides[side].lines, &lineIndex{bits: n, budget: budget, dir: dir})
		}
	}
	for i := range m.own {
		raw, err := reserve(int(productSize) << n)
		if err != nil {
			return nil, errors.Join(err, m.close())
		}
		m.raw = append(m.raw, raw)
		m.own[i] = unsafe.Slice((*entry.Product)(unsafe.Pointer(unsafe.SliceData(raw))), 1<<n)
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
	return errors.Join(errs...)
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

// lookAhead is how many records before its turn a bucket is asked into the cache: without that, each would be waited for.
const lookAhead = 32

// multiply takes a batch into a worker's products.
func (m *marks) multiply(worker int, batch []entry.Entry) {
	table, shift, hasher := m.own[worker], m.shift, m.hasher
	for i := range batch[:min(lookAhead, len(batch))] {
		cpu.Prefetch(unsafe.Pointer(&table[batch[i].Tag>>shift]))
	}
	for i := range batch {
		if ahead := i + lookAhead; ahead < len(batch) {
			cpu.Prefetch(unsafe.Pointer(&table[batch[ahead].Tag>>shift]))
		}
		bucket := &table[batch[i].Tag>>shift]
		*bucket = bucket.Times(hasher.Factor(&batch[i]))
	}
}

// markSink is the scan.Sink of one side's first pass.
type markSink struct {
	marks *marks
	side  int
}

// Take marks a batch.
func (k markSink) Take(worker int, batch []entry.Entry) error {
	k.marks.multiply(worker, batch)
	return k.marks.sides[k.side].lines[worker].add(batch)
}

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(n uint64) bool { return b[n>>6]>>(n&63)&1 != 0 }

func (b bitset) put(n uint64) { b[n>>6] |= 1 << (n & 63) }

func (b bitset) count() int {
	n := 0
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

package scan

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// blockSize is how much of a mapped file a worker takes at a time. It stays in the second cache together with what the
// entries are scattered to.
const blockSize = 128 << 10

// overhang is how much is read behind a block, for the end of its last line. The ends of longer lines are looked up in the
// mapping.
const overhang = 4 << 10

// cutter cuts a mapped file into segments of whole lines. A line belongs to the block in which it begins.
type cutter struct {
	mapping
	ahead ahead
	body  int
	quote bool
	first int // block
	end   int // behind the last block

	mu     sync.Mutex
	ready  sync.Cond
	taken  int    // blocks up to here
	quotes []int  // of each block; -1 = not counted
	parity []bool // before each block: a quoted cell is open
	known  int    // parity is known up to this block
}

func newCutter(m mapping, body int, quote bool) *cutter {
	c := &cutter{mapping: m, ahead: ahead{opened: m.opened, pieces: map[int]*piece{}}, body: body, quote: quote}
	c.ready.L = &c.mu
	c.end = c.blocks()
	if quote {
		c.quotes, c.parity = make([]int, c.blocks()), make([]bool, c.blocks()+1)
		for i := range c.quotes {
			c.quotes[i] = -1
		}
	}
	return c
}

// only lets the cutter cut blocks first to end; open tells whether a quoted cell is open where the first begins.
func (c *cutter) only(first, end int, open bool) {
	c.first, c.end, c.taken, c.known = first, end, first, first
	if c.quote {
		c.parity[first] = open
	}
}

func (c *cutter) blocks() int { return (len(c.text) - c.body + blockSize - 1) / blockSize }

// start is where a block begins.
func (c *cutter) start(block int) int { return min(c.body+block*blockSize, len(c.text)) }

// next gives the next segment, in a worker's room for a block, or io.EOF.
func (c *cutter) next(room *[]byte) (segment, error) {
	c.mu.Lock()
	block := c.taken
	c.taken++
	c.mu.Unlock()
	if block >= c.end {
		return segment{}, io.EOF
	}
	from, to := c.start(block), c.start(block+1)
	base := max(0, from-1) // whether a line begins at from shows in the byte before
	text, err := c.load(room, block, base, min(to+overhang, len(c.text)))
	if err != nil {
		c.count(block, nil) // nobody waits for it
		return segment{}, err
	}
	open, openAtEnd := c.count(block, text[from-base:to-base])
	s, ok := c.segment(text, base, block, open, openAtEnd)
	if !ok { // its lines are long
		s, _ = c.segment(c.text, 0, block, open, openAtEnd)
	}
	return s, nil
}

// load reads text[from:to], which is a block with what is around it, into a worker's room.
func (c *cutter) load(room *[]byte, block, from, to int) ([]byte, error) {
	if c.way(from) == buffered {
		return c.read(room, from, to)
	}
	if *room == nil {
		*room = inSectors(roomSize)
	}
	return c.ahead.copy((*room)[:to-from], c, block, from)
}

// close waits for what is still read ahead.
func (c *cutter) close() { c.ahead.reads.Wait() }

// segment finds the lines that begin in a block. text holds the block, and begins at base. On false it does not hold them
// all.
func (c *cutter) segment(text []byte, base, block int, open, openAtEnd bool) (segment, bool) {
	s := segment{number: block, text: text, place: uint64(base), from: c.start(block) - base, to: len(c.text) - base, quoted: open || openAtEnd}
	if block > 0 {
		s.from = c.boundary(text, s.from, open)
	}
	next := c.start(block+1) - base
	if block+1 < c.blocks() {
		s.to = c.boundary(text, next, openAtEnd)
	}
	if whole := base+len(text) == len(c.text); !whole && max(s.from, s.to) == len(text) {
		return s, false
	}
	if c.quote && !s.quoted {
		s.quoted = c.quotes[block] > 0 || bytes.IndexByte(text[next:s.to], '"') >= 0
	}
	return s, true
}

// count tells whether a quoted cell is open where a block begins and ends. Every worker counts the quotes of its own block
// and waits for those of the blocks before, which other workers have taken already.
func (c *cutter) count(block int, text []byte) (open, openAtEnd bool) {
	if !c.quote {
		return false, false
	}
	n := bytes.Count(text, []byte{'"'})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quotes[block] = n
	for c.known < len(c.quotes) && c.quotes[c.known] >= 0 {
		c.parity[c.known+1] = c.parity[c.known] != (c.quotes[c.known]%2 == 1)
		c.known++
	}
	c.ready.Broadcast()
	for c.known <= block {
		c.ready.Wait()
	}
	return c.parity[block], c.parity[block+1]
}

// boundary is the first place from x on where a line begins, or the text's length.
func (c *cutter) boundary(text []byte, x int, open bool) int {
	if !open {
		if text[x-1] == '\n' {
			return x
		}
		if !c.quote {
			if n := bytes.IndexByte(text[x:], '\n'); n >= 0 {
				return x + n + 1
			}
			return len(text)
		}
	}
	for i := x; i < len(text); i++ {
		switch text[i] {
		case '"':
			open = !open
		case '\n':
			if !open {
				return i + 1
			}
		}
	}
	return len(text)
}

// feed cuts a stream into blocks of whole lines, in buffers that are used again.
type feed struct {
	r       io.Reader
	quote   bool
	maxLine int
	rest    []byte // the beginning of a line whose end was not read yet
	place   uint64 // of the next block
	done    bool
	pool    sync.Pool
	made    atomic.Int64 // buffers that were allocated
	blocks  int64        // that were asked for
}

func newFeed(r io.Reader, quote bool, maxLine int) *feed {
	f := &feed{r: r, quote: quote, maxLine: maxLine}
	f.pool.New = func() any {
		f.made.Add(1)
		b := make([]byte, 0, streamBlock+streamBlock/4)
		return &b
	}
	return f
}

// free gives a block's buffer back.
func (f *feed) free(block []byte) {
	block = block[:0]
	f.pool.Put(&block)
}

// next gives the next block, or io.EOF.
func (f *feed) next() ([]byte, error) {
	f.blocks++
	block := append((*f.pool.Get().(*[]byte))[:0], f.rest...)
	f.rest = f.rest[:0]
	for !f.done {
		var err error
		if block, err = fill(f.r, block, max(streamBlock, len(block)+streamBlock/4)); errors.Is(err, io.EOF) {
			f.done = true
			break
		} else if err != nil {
			return nil, err
		}
		if end := f.lastEnd(block); end > 0 {
			f.rest = append(f.rest, block[end:]...)
			f.place += uint64(end)
			return block[:end], nil
		}
		if len(block) > f.maxLine+streamBlock {
			return nil, &lineError{f.place, f.maxLine}
		}
	}
	if len(block) == 0 {
		return nil, io.EOF
	}
	f.place += uint64(len(block))
	return block, nil
}

// fill reads until a buffer holds n bytes. io.EOF tells that the stream ended; the buffer then has what was left.
func fill(r io.Reader, b []byte, n int) ([]byte, error) {
	if cap(b) < n {
		b = append(make([]byte, 0, n), b...)
	}
	for len(b) < n {
		got, err := r.Read(b[len(b):n])
		b = b[:len(b)+got]
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// lastEnd is the place after the last line end outside of quotes; 0 = none.
func (f *feed) lastEnd(block []byte) int {
	if !f.quote {
		return bytes.LastIndexByte(block, '\n') + 1
	}
	quotes := bytes.Count(block, []byte{'"'})
	for end := len(block); ; {
		at := bytes.LastIndexByte(block[:end], '\n')
		if at < 0 {
			return 0
		}
		quotes -= bytes.Count(block[at:end], []byte{'"'})
		if quotes%2 == 0 {
			return at + 1
		}
		end = at
	}
}

package scan

import (
	"sync"
	"unsafe"
)

// ahead reads a file past the page cache in pieces of several blocks, some pieces further than the workers are: small reads,
// and those that somebody waits for, cost more than what is done with them.
type ahead struct {
	*opened
	mu     sync.Mutex
	pieces map[int]*piece // that are read, or in use
	free   [][]byte       // memory of pieces that were done with
	reads  sync.WaitGroup
}

// piece is some blocks of a file, with the byte before them and their overhang.
type piece struct {
	number int
	base   int    // place of the first byte
	text   []byte // from there on
	err    error
	ready  chan struct{} // closed once it was read
	left   int           // blocks that nobody is done with
	memory []byte
}

const (
	// pieceBlocks is how many blocks are read at a time: 1 MiB.
	pieceBlocks = 8

	piecesAhead = 8 // that are read at a time: a disk is faster, and its driver busier, with a queue

	// sector is what memory, offset and length of a read past the page cache are multiples of. Disks want 512 or 4096.
	sector = 4 << 10

	// pieceSize is the memory of a piece, in whole sectors.
	pieceSize = pieceBlocks*blockSize + overhang + 3*sector
)

// copy fills b with the text from a place on, which is of a block: it is parsed in the second cache, where a copy puts it.
func (a *ahead) copy(b []byte, c *cutter, block, from int) ([]byte, error) {
	p, err := a.take(c, block)
	if err != nil {
		return nil, err
	}
	copy(b, p.text[from-p.base:])
	a.done(p)
	return b, nil
}

// take gives the piece of a block once it is read. Blocks first to end will be asked for.
func (a *ahead) take(c *cutter, block int) (*piece, error) {
	number := block / pieceBlocks
	a.mu.Lock()
	p := a.begin(c, number)
	for next := number + 1; next <= number+piecesAhead && next*pieceBlocks < c.end && a.way(c.start(next*pieceBlocks)) == unbuffered; next++ {
		a.begin(c, next)
	}
	a.mu.Unlock()
	<-p.ready
	return p, p.err
}

// begin gives a piece that is read, or has it read. The lock is held.
func (a *ahead) begin(c *cutter, number int) *piece {
	if p := a.pieces[number]; p != nil {
		return p
	}
	first, end := max(number*pieceBlocks, c.first), min((number+1)*pieceBlocks, c.end)
	p := &piece{number: number, base: max(0, c.start(first)-1), ready: make(chan struct{}), left: end - first}
	if n := len(a.free); n > 0 {
		p.memory, a.free = a.free[n-1], a.free[:n-1]
	} else {
		p.memory = inSectors(pieceSize)
	}
	a.pieces[number] = p
	a.reads.Go(func() {
		defer close(p.ready)
		p.text, p.err = a.readDirect(p.memory, p.base, min(c.start(end)+overhang, a.size))
	})
	return p
}

// done tells that a block of a piece is not needed any more.
func (a *ahead) done(p *piece) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p.left--; p.left == 0 {
		delete(a.pieces, p.number)
		a.free = append(a.free, p.memory)
	}
}

// inSectors gives memory that begins with a sector.
func inSectors(size int) []byte {
	b := make([]byte, size+sector)
	begin := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % sector
	return b[begin : begin+uintptr(size)]
}

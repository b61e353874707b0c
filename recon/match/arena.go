package match

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// chunkEntries is how many entries one chunk holds: 4 KiB, so that thousands of open chunks share few huge pages.
const chunkEntries = 128

// arena is one worker's memory for entries, outside of the garbage-collected heap: one mapping that the kernel fills as it
// is used. Chunks are given out in order and used again after a spill.
type arena struct {
	entries []entry.Entry
	raw     []byte
	next    uint32   // first chunk that was never given out
	free    []uint32 // chunks that came back
	reused  int64    // chunks given out again
}

// newArena reserves room for n chunks.
func newArena(chunks int) (*arena, error) {
	raw, err := reserve(chunks * chunkEntries * entry.Size)
	if err != nil {
		return nil, err
	}
	return &arena{raw: raw, entries: unsafe.Slice((*entry.Entry)(unsafe.Pointer(unsafe.SliceData(raw))), chunks*chunkEntries)}, nil
}

// reserve gives memory outside of the garbage-collected heap, of large pages where the kernel has them: it is used at random.
func reserve(size int) ([]byte, error) {
	raw, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes: %w", size, err)
	}
	_ = unix.Madvise(raw, unix.MADV_HUGEPAGE) // advice: where the kernel has none it is slower, not wrong
	return raw, nil
}

// take gives a chunk's number, or false when all are in use.
func (a *arena) take() (uint32, bool) {
	if n := len(a.free); n > 0 {
		chunk := a.free[n-1]
		a.free = a.free[:n-1]
		a.reused++
		return chunk, true
	}
	if int(a.next+1)*chunkEntries > len(a.entries) {
		return 0, false
	}
	a.next++
	return a.next - 1, true
}

// chunk gives a chunk's entries.
func (a *arena) chunk(number uint32) []entry.Entry {
	return a.entries[int(number)*chunkEntries : int(number+1)*chunkEntries : int(number+1)*chunkEntries]
}

func (a *arena) close() error { return unix.Munmap(a.raw) }

// asBytes gives the memory of entries, or of words, as bytes. Spill files live as long as one run on one machine, so its own
// byte order will do.
func asBytes[T entry.Entry | uint64](all []T) []byte {
	if len(all) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(all))), len(all)*int(unsafe.Sizeof(all[0])))
}

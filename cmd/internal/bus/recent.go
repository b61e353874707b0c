package bus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// recent is the double of what the queue holds, in a mapped file: the pages belong to the kernel, so what stands in them
// outlives this process however it ends, at the price of a copy and without a system call. Its room is reserved when it is
// made, so that a full disk does not matter later. It is safe for concurrent use.
//
//	page of its own: magic, number of the last that is done, how many found no room, number of the last, clean, boot
//	slabs, the lowest free one first, so that few of them are ever touched:
//	  length u32 | CRC-32C u32 | pack u32 | id length u32 | number u64 | id | data, at a multiple of 8
//
// Numbers go on by one. A record counts when its sum is right and it is not done; so nothing has to be erased.
type recent struct {
	file   *os.File
	log    *slog.Logger
	missed prometheus.Counter

	mu     sync.Mutex
	mem    []byte // nil = closed
	slabs  []slab
	active int    // the slab that is written
	at     int    // where in it
	end    int    // where the room that starts with it ends
	number uint64 // of the last record
	unkept uint64 // in the queue, and not here
	broken bool   // the file failed under us: nothing is kept any more
}

// slab is a part of the file; one record that is longer takes several in a row.
type slab struct {
	live int // records that are not done
	run  int // slabs that its room takes; 0 = free
}

const (
	recentName   = "recent"
	recentMagic  = "TSRECNT1"
	slabBytes    = 256 << 10
	slabCount    = 64
	headerBytes  = 4096
	recentBytes  = headerBytes + slabCount*slabBytes
	recordHeader = 24

	atDone   = 8
	atUnkept = 16
	atLast   = 24
	atClean  = 32
	atBoot   = 40
	bootSize = 64
)

var errNoRecent = errors.New("is no file of recent events")

// place is where a message stands in the file; the zero value = nowhere.
type place struct {
	number   uint64
	slab, at int
}

// append keeps a message; the zero place = it does not stand here.
func (r *recent) append(m message) (p place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := recordHeader + len(m.id) + len(m.data)
	r.guarded(func() {
		if !r.room(size) {
			return
		}
		at := r.active*slabBytes + r.at
		r.write(r.slabBytes()[at:at+size], m)
		r.number++
		binary.LittleEndian.PutUint64(r.mem[atLast:], r.number)
		p = place{r.number, r.active, at}
		r.slabs[r.active].live++
		r.at += (size + 7) &^ 7
	})
	if p.number == 0 {
		r.missed.Inc()
		r.guarded(func() { r.count(1) })
	}
	return p
}

func (r *recent) slabBytes() []byte { return r.mem[headerBytes:] }

// write puts a record down; what is cut off in the middle has no right sum.
func (r *recent) write(b []byte, m message) {
	binary.LittleEndian.PutUint32(b[8:], 0)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(m.id)))
	binary.LittleEndian.PutUint64(b[16:], r.number+1)
	copy(b[recordHeader:], m.id)
	copy(b[recordHeader+len(m.id):], m.data)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[12:], crc32.MakeTable(crc32.Castagnoli)))
	binary.LittleEndian.PutUint32(b, uint32(len(b)-recordHeader))
}

// room sees to it that so many bytes fit behind what is written last.
func (r *recent) room(size int) bool {
	if r.slabs[r.active].live == 0 {
		r.at = 0
	}
	if r.slabs[r.active].run > 0 && r.at+size <= r.end {
		return true
	}
	if r.slabs[r.active].live == 0 {
		r.slabs[r.active].run = 0
	}
	run := (size + slabBytes - 1) / slabBytes
	first := r.free(run)
	if first < 0 {
		return false
	}
	r.slabs[first].run = run
	r.active, r.at, r.end = first, 0, run*slabBytes
	return true
}

// free finds the first so many free slabs in a row; -1 = there are none.
func (r *recent) free(run int) int {
	found := 0
	for i := 0; i < len(r.slabs); i++ {
		if n := r.slabs[i].run; n > 0 {
			found = 0
			i += n - 1
			continue
		}
		if found++; found == run {
			return i - run + 1
		}
	}
	return -1
}

// mark notes that a message is the first of a pack of so many: after a restart the same pack is made of them, which the
// bus knows again.
func (r *recent) mark(p place, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.number > 0 {
		r.guarded(func() { binary.LittleEndian.PutUint32(r.slabBytes()[p.at+8:], uint32(count)) })
	}
}

// done forgets messages, all at once, so that no pack is left by half; they come in the order of append.
func (r *recent) done(all []message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guarded(func() {
		last, unkept := uint64(0), 0
		for _, m := range all {
			if m.place.number == 0 {
				unkept++
				continue
			}
			last = m.place.number
			s := &r.slabs[m.place.slab]
			if s.live--; s.live == 0 && m.place.slab != r.active {
				s.run = 0
			}
		}
		if last > 0 {
			binary.LittleEndian.PutUint64(r.mem[atDone:], last)
		}
		r.count(-unkept)
	})
}

// count notes how many messages are in the queue and not here: should this process end before they are delivered, the
// next one knows that something is missing.
func (r *recent) count(n int) {
	r.unkept += uint64(n)
	binary.LittleEndian.PutUint64(r.mem[atUnkept:], r.unkept)
}

// tight tells whether there is soon no room any more, or some found none.
func (r *recent) tight() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	used := 0
	for _, s := range r.slabs {
		used += s.run
	}
	return 2*used > len(r.slabs) || r.unkept > 0 && !r.broken
}

// guarded works on the mapping. A file that fails under it, or that somebody cut short, costs what it is for, and never
// the process on which clients depend.
func (r *recent) guarded(f func()) {
	if r.broken || r.mem == nil {
		return
	}
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if fault := recover(); fault != nil {
			r.broken = true
			r.log.Error("events are kept in memory only: the file of recent ones cannot be used any more", keyError, fmt.Sprint(fault))
		}
	}()
	f()
}

// close ends it; what is not done stays in it.
func (r *recent) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mem == nil {
		return nil
	}
	r.guarded(func() { r.mem[atClean] = 1 })
	mem := r.mem
	r.mem = nil
	if err := errors.Join(unix.Munmap(mem), r.file.Close()); err != nil {
		return fmt.Errorf("close recent events: %w", err)
	}
	return nil
}

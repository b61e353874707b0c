package scan

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// mapping is a file's content as it was when it was opened: text to look single lines up in, and the file to read all of it
// from. Reading blocks takes less time than touching the pages of a mapping, which have to be put into its page table first.
type mapping struct {
	text []byte
	*opened
}

// opened is a file to read from, region by region. What the kernel holds in its page cache is copied; the rest is read past
// it, where the file system can do that: to find pages for it, and to give them up again, costs more than to copy them.
type opened struct {
	file    *os.File // nil: it is empty
	direct  *os.File // opened with O_DIRECT; nil where that cannot be had
	size    int
	regions []atomic.Uint32 // how each is read
}

// regionSize is how much of a file is read in one way. Reading a single block through the page cache has the kernel read more
// into it, and so on to the end of the file.
const regionSize = 64 << 20

// How a region is read.
const (
	undecided = iota
	buffered
	unbuffered
)

// mapFile maps a file's present content. The mapping does not need the file it was given.
func mapFile(f *os.File) (*mapping, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return &mapping{opened: &opened{}}, err
	}
	text, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(err, unix.Munmap(text))
	}
	_ = unix.Fadvise(fd, 0, 0, unix.FADV_SEQUENTIAL) // advice: without it everything is slower, not wrong
	o := &opened{file: os.NewFile(uintptr(fd), f.Name()), size: len(text), regions: make([]atomic.Uint32, len(text)/regionSize+1)}
	if o.direct, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_RDONLY|unix.O_DIRECT, 0); err != nil {
		o.give(buffered)
	}
	return &mapping{text, o}, nil
}

// scattered tells that only single lines will be looked up from now on. Unadvised, the kernel reads as much before a page as
// behind it: of files larger than the memory, two and a half times what they hold was read.
func (m *mapping) scattered() {
	if len(m.text) > 0 {
		_ = unix.Madvise(m.text, unix.MADV_RANDOM)
	}
}

func (m *mapping) close() error {
	if m.file == nil {
		return nil
	}
	var err error
	if m.direct != nil {
		err = m.direct.Close()
	}
	return errors.Join(err, unix.Munmap(m.text), m.file.Close())
}

// roomSize is a worker's room for a block: with the byte before it, its overhang and a word behind, in whole sectors.
const roomSize = 3*sector + blockSize + overhang

// read reads bytes from to to, at most a block and its overhang, into a worker's room. There is a word's room behind them.
func (o *opened) read(room *[]byte, from, to int) ([]byte, error) {
	if *room == nil {
		*room = inSectors(roomSize)
	}
	if o.way(from) == unbuffered {
		return o.readDirect(*room, from, to)
	}
	return o.readBuffered(*room, from, to)
}

func (o *opened) readBuffered(room []byte, from, to int) ([]byte, error) {
	b := room[:to-from]
	if n, err := o.file.ReadAt(b, int64(from)); n < len(b) {
		return nil, fmt.Errorf("%w (%w at byte %d)", errFaulted, err, from+n)
	}
	return b, nil
}

// readDirect reads past the page cache, and otherwise if that cannot be done.
func (o *opened) readDirect(room []byte, from, to int) ([]byte, error) {
	first := from / sector * sector
	whole := (to - first + sector - 1) / sector * sector
	if n, err := unix.Pread(int(o.direct.Fd()), room[:whole], int64(first)); n >= to-first {
		return room[from-first : to-first], nil
	} else if err != nil {
		o.give(buffered) // other demands than ours, or a disk that fails: the ordinary way tells
	}
	return o.readBuffered(room, from, to)
}

// way tells how the region of a byte is read: past the page cache if some of the places looked at in it are not there.
func (o *opened) way(at int) uint32 {
	region := &o.regions[at/regionSize]
	if way := region.Load(); way != undecided {
		return way
	}
	way, begin := uint32(buffered), at/regionSize*regionSize
	for at := begin; at < min(begin+regionSize, o.size); at += regionSize / regionLooks {
		held, err := o.holds(at, min(at+blockSize, o.size))
		if err != nil {
			o.give(buffered) // a kernel before 6.5 does not tell
			return buffered
		} else if !held {
			way = unbuffered
			break
		}
	}
	region.CompareAndSwap(undecided, way)
	return region.Load()
}

// regionLooks is at how many places a region is looked at: to ask for every page of a file takes a hundredth of a run.
const regionLooks = 16

// holds tells whether the page cache has all bytes from from to to.
func (o *opened) holds(from, to int) (bool, error) {
	var held unix.Cachestat_t
	err := unix.Cachestat(uint(o.file.Fd()), &unix.CachestatRange{Off: uint64(from), Len: uint64(to - from)}, &held, 0)
	return held.Cache*uint64(os.Getpagesize()) >= uint64(to-from), err
}

// give has all regions read in one way.
func (o *opened) give(way uint32) {
	for i := range o.regions {
		o.regions[i].Store(way)
	}
}

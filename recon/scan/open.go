package scan

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sys/unix"
)

// errDamaged is packed text that cannot be unpacked to its end.
var errDamaged = errors.New("the packed file is damaged or cut short")

// maxUnpacked bounds what one packed file can make of itself: a small file must not fill the disk.
const maxUnpacked = 1 << 40

// unpack gives the text of a packed file, or nil for a plain one.
func unpack(f *os.File, o *Options) (io.ReadCloser, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return io.NopCloser(f), nil // a pipe is read as it comes
	}
	magic := make([]byte, 4)
	n, err := f.ReadAt(magic, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch magic = magic[:n]; {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		r, err := gzip.NewReader(f)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
		return &bounded{r: r, left: maxUnpacked}, nil
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		return unzip(f, info.Size(), o)
	}
	return nil, nil
}

// bounded ends an unpacking that has no end, and says of any other failure that the file is damaged.
type bounded struct {
	r    io.ReadCloser
	left int64
}

// Read reads unpacked text.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("%w: more than %d bytes unpacked", errDamaged, int64(maxUnpacked))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	return n, err
}

// Close ends the unpacking. What was wrong with the file was told while it was read.
func (b *bounded) Close() error {
	_ = b.r.Close()
	return nil
}

// mapFile maps a file's present content.
func mapFile(f *os.File) (text []byte, unmap func() error, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if info.Size() == 0 {
		return nil, func() error { return nil }, nil
	}
	text, err = unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, err
	}
	return text, func() error { return unix.Munmap(text) }, nil
}

// populate maps the pages of a block with one call instead of a fault for every few of them. It is advice: where the
// kernel does not know it, or a page cannot be read, the faults come as they would have.
func populate(block []byte) {
	page := os.Getpagesize()
	start := uintptr(unsafe.Pointer(unsafe.SliceData(block))) % uintptr(page)
	_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(block)), -int(start))), len(block)+int(start)), unix.MADV_POPULATE_READ)
}

// advise says how a mapped text will be read. Unadvised, the kernel reads as much before a page as behind it: of files
// larger than the memory, two and a half times what they hold was read.
func advise(text []byte, how int) {
	if len(text) > 0 {
		_ = unix.Madvise(text, how) // advice: without it everything is slower, not wrong
	}
}

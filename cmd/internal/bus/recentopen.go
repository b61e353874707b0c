package bus

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// leftover is what an earlier process did not bring away.
type leftover struct {
	packs   []pack
	missing bool // and nobody knows how much: some found no room in the file, or the machine ended and not the process alone
}

// kept is one record of the file.
type kept struct {
	number  uint64
	message message
	pack    int // messages of the pack that begins with it; 0 = it was not sent
}

// openRecent opens the file of a folder, or makes it, and gives what is in it. Nothing is forgotten before forget.
func openRecent(dir string, log *slog.Logger, unkept prometheus.Counter) (*recent, leftover, error) {
	name := filepath.Join(dir, recentName)
	f, err := reserved(name)
	if err != nil {
		return nil, leftover{}, err
	}
	mem, err := unix.Mmap(int(f.Fd()), 0, recentBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, leftover{}, errors.Join(fmt.Errorf("map recent events: %w", err), f.Close())
	}
	r := &recent{file: f, log: log, missed: unkept, mem: mem, slabs: make([]slab, slabCount)}
	var there leftover
	r.guarded(func() { there = r.read() })
	if r.broken {
		return nil, leftover{}, errors.Join(fmt.Errorf("%s cannot be read; try: move it away, what is in it is lost", name), r.close())
	}
	return r, there, nil
}

// reserved opens a file whose bytes all have their place on the disk.
func reserved(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return created(name)
	case err != nil:
		return nil, fmt.Errorf("open recent events: %w", err)
	}
	info, err := f.Stat()
	magic := make([]byte, len(recentMagic))
	if err == nil {
		_, err = f.ReadAt(magic, 0)
	}
	if err == nil && (info.Size() != recentBytes || string(magic) != recentMagic) || errors.Is(err, io.EOF) {
		err = errNoRecent
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w; try: another folder, or move it away if nothing in it is wanted", name, err), f.Close())
	}
	return f, nil
}

// created makes the file under another name first, so that a process that ends in between leaves no half of one.
func created(name string) (*os.File, error) {
	f, err := os.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make recent events: %w", err)
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, recentBytes)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		_, err = f.Write(make([]byte, recentBytes))
	}
	header := make([]byte, atBoot+bootSize)
	copy(header, recentMagic)
	header[atClean] = 1
	if err == nil {
		_, err = f.WriteAt(header, 0)
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reserve %d bytes for recent events: %w; try: make room on the disk, or another folder", recentBytes, err), f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// read gives what is not done, in order, and begins this process's time.
func (r *recent) read() leftover {
	done, unkept := binary.LittleEndian.Uint64(r.mem[atDone:]), binary.LittleEndian.Uint64(r.mem[atUnkept:])
	boot := bootID()
	crashed := r.mem[atClean] == 0 && !bytes.Equal(boot[:], r.mem[atBoot:atBoot+bootSize])
	var records []kept
	for i := range slabCount {
		records = append(records, r.slab(i, done)...)
	}
	slices.SortFunc(records, func(a, b kept) int { return cmp.Compare(a.number, b.number) })
	records = slices.CompactFunc(records, func(a, b kept) bool { return a.number == b.number })
	r.number = done
	missing := unkept > 0 || crashed
	last := binary.LittleEndian.Uint64(r.mem[atLast:])
	for _, k := range records {
		missing = missing || k.number != r.number+1
		r.number = k.number
	}
	copy(r.mem[atBoot:], boot[:])
	r.mem[atClean] = 0
	missing = missing || r.number < last
	r.number = max(r.number, last)
	return leftover{packs: repacked(records), missing: missing}
}

// slab reads the records that are not done in the room that begins with a slab, and maybe some of the next.
func (r *recent) slab(i int, done uint64) (records []kept) {
	b, last := r.slabBytes()[i*slabBytes:], uint64(0)
	for at := 0; at < len(b); {
		k, size, ok := readKept(b[at:])
		if !ok || last != 0 && k.number != last+1 {
			break
		}
		if last = k.number; k.number > done {
			records = append(records, k)
		}
		at += (size + 7) &^ 7
	}
	return records
}

func readKept(b []byte) (k kept, size int, ok bool) {
	if len(b) < recordHeader {
		return k, 0, false
	}
	length, id := int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[12:]))
	size = recordHeader + length
	if length == 0 || size > len(b) || id > length || crc32.Checksum(b[12:size], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(b[4:]) {
		return k, 0, false
	}
	body := bytes.Clone(b[recordHeader:size])
	k = kept{number: binary.LittleEndian.Uint64(b[16:]), message: message{id: string(body[:id]), data: body[id:]}, pack: int(binary.LittleEndian.Uint32(b[8:]))}
	return k, size, true
}

// repacked makes the packs again that were sent, and new ones of the rest.
func repacked(records []kept) (packs []pack) {
	const limit = unknownPayload - headroom
	var rest []message
	for len(records) > 0 {
		n := records[0].pack
		if n == 0 || n > len(records) {
			rest, records = append(rest, records[0].message), records[1:]
			continue
		}
		var sent []message
		for _, k := range records[:n] {
			sent = append(sent, k.message)
		}
		packs = append(append(packs, packed(rest, limit, packBytes)...), packed(sent, limit, limit)...)
		rest, records = nil, records[n:]
	}
	return append(packs, packed(rest, limit, packBytes)...)
}

// forget begins anew: what was in it has another place now.
func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guarded(func() {
		binary.LittleEndian.PutUint64(r.mem[atDone:], r.number)
		binary.LittleEndian.PutUint64(r.mem[atUnkept:], 0)
	})
}

// bootID names the time since the machine was started; zero where nothing tells.
func bootID() (id [bootSize]byte) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err == nil {
		copy(id[:], bytes.TrimSpace(text))
	}
	return id
}

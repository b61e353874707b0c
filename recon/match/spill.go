package match

import (
	"bufio"
	"fmt"
	"os"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// spillFile holds what one worker could not keep in memory. It is unlinked at once: it ends with the process.
type spillFile struct {
	file *os.File
	out  *bufio.Writer
	size int64
}

const spillBuffer = 1 << 20

func newSpillFile(dir string) (*spillFile, error) {
	f, err := os.CreateTemp(dir, "touchstone-spill-*")
	if err != nil {
		return nil, fmt.Errorf("make spill file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close() // the first error says what is wrong
		return nil, fmt.Errorf("unlink spill file: %w", err)
	}
	return &spillFile{file: f, out: newSpillWriter(f)}, nil
}

func newSpillWriter(f *os.File) *bufio.Writer { return bufio.NewWriterSize(f, spillBuffer) }

func (f *spillFile) write(entries []entry.Entry) error {
	n, err := f.out.Write(asBytes(entries))
	f.size += int64(n)
	if err != nil {
		return fmt.Errorf("write spill file: %w; try: --memory for less spilling, or --temp for a folder with more room", err)
	}
	return nil
}

func (f *spillFile) read(to []entry.Entry, offset int64) error {
	if _, err := f.file.ReadAt(asBytes(to), offset); err != nil {
		return fmt.Errorf("read spill file: %w", err)
	}
	return nil
}

func (f *spillFile) close() error { return f.file.Close() }

// spillAll writes all of a worker's entries, each partition in one extent, and empties its memory.
func (w *scatterWorker) spillAll() error {
	if w.spill == nil {
		var err error
		if w.spill, err = newSpillFile(w.dir); err != nil {
			return err
		}
	}
	for side, p := range w.sides {
		for part, chunks := range p.chunks {
			if len(chunks) == 0 {
				continue
			}
			x := extent{offset: w.spill.size}
			var err error
			w.held(side, part, func(e []entry.Entry) {
				if err == nil {
					err = w.spill.write(e)
					x.count += len(e)
				}
			})
			if err != nil {
				return err
			}
			p.spills[part] = append(p.spills[part], x)
			w.arena.free = append(w.arena.free, chunks...)
			p.chunks[part], p.next[part] = chunks[:0], 0
		}
	}
	if err := w.spill.out.Flush(); err != nil {
		return fmt.Errorf("write spill file: %w; try: --memory for less spilling, or --temp for a folder with more room", err)
	}
	return nil
}

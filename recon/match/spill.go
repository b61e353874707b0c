package match

import (
	"bufio"
	"fmt"
	"os"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/unnamed"
)

// spillFile holds what one worker could not keep in memory. It has no name: it ends with the process.
type spillFile struct {
	file *os.File
	out  *bufio.Writer
	size int64
}

const spillBuffer = 1 << 20

func newSpillFile(dir string) (*spillFile, error) {
	f, err := unnamed.File(dir)
	if err != nil {
		return nil, fmt.Errorf("spill: %w", err)
	}
	return &spillFile{file: f, out: newSpillWriter(f)}, nil
}

func newSpillWriter(f *os.File) *bufio.Writer { return bufio.NewWriterSize(f, spillBuffer) }

func (f *spillFile) write(b []byte) error {
	n, err := f.out.Write(b)
	f.size += int64(n)
	return full(err)
}

// flush writes what is still in the buffer. What was flushed can be read.
func (f *spillFile) flush() error { return full(f.out.Flush()) }

func full(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write spill file: %w; try: --memory for less spilling, or --temp for a folder with more room", err)
}

func (f *spillFile) read(to []byte, offset int64) error {
	if _, err := f.file.ReadAt(to, offset); err != nil {
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
					err = w.spill.write(asBytes(e))
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
	return w.spill.flush()
}

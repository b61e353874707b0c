package match

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// A part file:
//
//	head     magic 8 · byte order 8 · digest of the plan 32 · name of the part 16
//	body     entries by partition, or differences by key
//	trailer  JSON: what the part found, and the lengths and checksums of the body
//	foot     length of the trailer 8 · checksum of head, trailer and length 8
//
// Checksums are against accidents. Whoever can write into the folder can also change the secret in the plan.
const (
	headSize = 64
	footSize = 16
	orderOf  = 0x0102030405060708 // entries are written in the machine's own byte order
)

// magic begins every part file.
const magic = "TSPART\x00\x01"

func (p *Parts) head(part Part) []byte {
	head := append(make([]byte, 0, headSize), magic...)
	head = binary.NativeEndian.AppendUint64(head, orderOf)
	head = append(head, p.plan.id[:]...)
	head = append(head, part.String()...)
	return append(head, make([]byte, headSize-len(head))...)
}

// damaged is a part that is not as it was written, or of another plan.
type damaged struct {
	part Part
	why  string
}

func (e *damaged) Error() string { return fmt.Sprintf("part %s is damaged: %s", e.part, e.why) }

// partialFile is a file that is written beside its name.
type partialFile struct {
	*os.File
	dir string
}

// partial begins a file; what is its kind.
func (p *Parts) partial(what string) (*partialFile, error) {
	f, err := os.CreateTemp(p.dir, what+"-*.partial")
	if err != nil {
		return nil, fmt.Errorf("begin part: %w", err)
	}
	return &partialFile{f, p.dir}, nil
}

func (f *partialFile) drop() error { return errors.Join(f.Close(), os.Remove(f.Name())) }

// keep puts the file in its place by a rename, or by a link where no file may be there, once it is on the disk.
func (f *partialFile) keep(name string, by func(from, to string) error) error {
	err := f.Sync()
	if err == nil {
		err = by(f.Name(), filepath.Join(f.dir, name))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep %s: %w", name, err), f.drop())
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, os.ErrNotExist) { // after a link
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return syncFolder(f.dir)
}

func syncFolder(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder for parts: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder for parts: %w", err)
	}
	return nil
}

// writePart writes a part: body writes what it holds and gives the trailer.
func (p *Parts) writePart(part Part, body func(io.Writer) (any, error)) error {
	f, err := p.partial(string(part.Stage))
	if err != nil {
		return err
	}
	if err := p.fill(f, part, body); err != nil {
		return errors.Join(fmt.Errorf("write part %s: %w; try: a folder with more room", part, err), f.drop())
	}
	return f.keep(part.file(), os.Rename)
}

func (p *Parts) fill(to io.Writer, part Part, body func(io.Writer) (any, error)) error {
	out := bufio.NewWriterSize(to, spillBuffer)
	head := p.head(part)
	if _, err := out.Write(head); err != nil {
		return err
	}
	what, err := body(out)
	if err != nil {
		return err
	}
	trailer, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if _, err := out.Write(append(trailer, foot(head, trailer)...)); err != nil {
		return err
	}
	return out.Flush()
}

func foot(head, trailer []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(trailer)))
	return binary.LittleEndian.AppendUint64(length, sumOf(head, trailer, length))
}

func sumOf(texts ...[]byte) uint64 {
	sum := xxhash.New()
	for _, text := range texts {
		sum.Write(text) // it never fails
	}
	return sum.Sum64()
}

// openPart opens a part and reads its trailer into what. nil: it is not there. A body is body bytes long.
func (p *Parts) openPart(part Part, what any) (f *os.File, body int64, err error) {
	f, err = os.Open(p.path(part.file()))
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open part %s: %w", part, err)
	}
	trailer, body, err := p.trailer(f, part)
	if err == nil {
		if json.Unmarshal(trailer, what) != nil {
			err = &damaged{part, "its trailer cannot be read"}
		}
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, body, nil
}

// trailer reads and verifies all of a part but its body.
func (p *Parts) trailer(f *os.File, part Part) (trailer []byte, body int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("look at part %s: %w", part, err)
	}
	head, end := make([]byte, headSize), make([]byte, footSize)
	if info.Size() < headSize+footSize {
		return nil, 0, &damaged{part, "it is cut off"}
	}
	_, err = f.ReadAt(head, 0)
	_, more := f.ReadAt(end, info.Size()-footSize)
	if err := errors.Join(err, more); err != nil {
		return nil, 0, &damaged{part, err.Error()}
	}
	length := int64(binary.LittleEndian.Uint64(end))
	if length < 0 || length > info.Size()-headSize-footSize {
		return nil, 0, &damaged{part, "it is cut off"}
	}
	body = info.Size() - headSize - footSize - length
	trailer = make([]byte, length)
	if _, err := f.ReadAt(trailer, headSize+body); err != nil {
		return nil, 0, &damaged{part, err.Error()}
	}
	switch {
	case !bytes.Equal(foot(head, trailer), end):
		return nil, 0, &damaged{part, "its checksum is another"}
	case !bytes.Equal(head, p.head(part)):
		return nil, 0, &damaged{part, "it is of another plan"}
	}
	return trailer, body, nil
}

// unpack writes a stream's text into the folder, and has the side read that.
func (p *Parts) unpack(ctx context.Context, side int) (text *planText, err error) {
	f, err := p.partial("text")
	if err != nil {
		return nil, err
	}
	sum := xxhash.New()
	out := bufio.NewWriterSize(f, spillBuffer)
	size, err := p.sides[side].Unpack(ctx, io.MultiWriter(out, sum))
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("scan %s: %w", p.sides[side].Name(), err), f.drop())
	}
	text = &planText{File: fmt.Sprintf("text-%d-%016x.text", side, sum.Sum64()), Size: size, Sum: sum.Sum64()}
	if err := f.keep(text.File, os.Rename); err != nil {
		return nil, err
	}
	opened, err := os.Open(p.path(text.File))
	if err != nil {
		return nil, fmt.Errorf("open text: %w", err)
	}
	return text, errors.Join(p.sides[side].Over(opened), opened.Close())
}

// openText opens what a stream was unpacked to, if it is as it was written.
func (p *Parts) openText(t *planText) (*os.File, error) {
	f, err := os.Open(p.path(filepath.Base(t.File)))
	if err != nil {
		return nil, fmt.Errorf("open text: %w", err)
	}
	sum := xxhash.New()
	n, err := io.Copy(sum, bufio.NewReaderSize(f, spillBuffer))
	if err == nil && (n != t.Size || sum.Sum64() != t.Sum) {
		err = fmt.Errorf("text %s is damaged", strings.TrimSuffix(t.File, ".text"))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

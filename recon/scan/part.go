package scan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// Part is what a scan of some blocks of a side found beside entries. The parts of all blocks, in order, make the side's
// Result: see Join. It is written down as JSON.
type Part struct {
	From   int  `json:"from"` // block
	To     int  `json:"to"`   // block behind the last
	Open   bool `json:"open"` // a quoted cell is open where the block behind the last begins
	stats  []segmentStat
	found  []*found
	length int64 // bytes of text
}

// Blocks is how many blocks the rows of a side with a mapped text have. It reads what stands before the rows.
func (s *Side) Blocks() (int, error) {
	if s.stream != nil {
		return 0, fmt.Errorf("%s is a stream: it has no blocks", s.opts.Name)
	}
	if err := s.bind(s.text, true); err != nil {
		return 0, err
	}
	return newCutter(s.mapping, s.head.body, false).blocks(), nil
}

// BlockSize is the number of bytes of text in a block.
const BlockSize = blockSize

// Opens tells whether a quoted cell is open where block to begins, given whether one is where block from begins. It counts
// the quotes between. Blocks was called before.
func (s *Side) Opens(from, to int, open bool) (bool, error) {
	if !s.opts.Format.Lines.Quote {
		return false, nil
	}
	c := newCutter(s.mapping, s.head.body, false)
	err := Guard(func() error {
		for block := from; block < to; block++ {
			open = open != (bytes.Count(s.text[c.start(block):c.start(block+1)], []byte{'"'})%2 == 1)
		}
		return nil
	})
	return open, s.explain(err)
}

// ScanPart reads the lines that begin in the blocks from to to, and hands their entries to the sink. open tells whether a
// quoted cell is open where the first of them begins. Blocks was called before.
func (s *Side) ScanPart(ctx context.Context, sink Sink, from, to int, open bool) (*Part, error) {
	workers := s.workers(sink)
	cutter := newCutter(s.mapping, s.head.body, s.opts.Format.Lines.Quote)
	if from < 0 || to > cutter.blocks() || from > to {
		return nil, fmt.Errorf("scan %s: no blocks %d to %d", s.opts.Name, from, to)
	}
	cutter.only(from, to, open)
	part := &Part{From: from, To: to, stats: make([]segmentStat, to-from), length: int64(cutter.start(to) - cutter.start(from))}
	if err := s.scanBlocks(ctx, workers, cutter, part.stats); err != nil {
		return nil, s.explain(err)
	}
	part.Open, part.found = cutter.quote && cutter.parity[to], foundBy(workers)
	return part, nil
}

// Skip counts a part that another scan did as read.
func (s *Side) Skip(p *Part) { s.read.Add(p.length) }

// Join takes the parts of all blocks, in order, for a scan of the whole side. What it gives, Scan would have given. Blocks
// was called before.
func (s *Side) Join(parts []*Part) (*Result, error) {
	s.segments = nil
	var all []*found
	at := 0
	for _, p := range parts {
		if p.From != at {
			return nil, fmt.Errorf("join parts of %s: block %d follows block %d", s.opts.Name, p.From, at)
		}
		for _, f := range p.found {
			if len(f.figures) != len(s.layout.totals) {
				return nil, fmt.Errorf("join parts of %s: %d totals instead of %d", s.opts.Name, len(f.figures), len(s.layout.totals))
			}
		}
		s.segments, all, at = append(s.segments, p.stats...), append(all, p.found...), p.To
	}
	if blocks := newCutter(s.mapping, s.head.body, false).blocks(); at != blocks {
		return nil, fmt.Errorf("join parts of %s: %d of %d blocks", s.opts.Name, at, blocks)
	}
	s.lines = newLineNumbers()
	var result *Result
	var problem error
	if err := Guard(func() error { result, problem = s.finish(all); return nil }); err != nil {
		return nil, s.explain(err)
	}
	return result, problem
}

// Streams tells whether the side's text comes as a stream, which Unpack ends.
func (s *Side) Streams() bool { return s.stream != nil }

// Unpack writes the text of a stream to w, to its end. From there on the side is good for nothing but Over.
func (s *Side) Unpack(ctx context.Context, w io.Writer) (int64, error) {
	room, n := make([]byte, streamBlock), int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		got, err := s.stream.Read(room)
		if _, failed := w.Write(room[:got]); failed != nil {
			return n, fmt.Errorf("write text of %s: %w", s.opts.Name, failed)
		}
		n += int64(got)
		switch {
		case errors.Is(err, io.EOF):
			return n, nil
		case err != nil:
			return n, s.explain(err)
		}
	}
}

// Over makes a side, of which nothing was read yet, read a text that was unpacked before.
func (s *Side) Over(f *os.File) error {
	m, err := mapFile(f)
	if err != nil {
		return fmt.Errorf("map text of %s: %w", s.opts.Name, err)
	}
	before, stream := s.close, s.stream
	s.mapping, s.stream = *m, nil
	s.close = func() error { return errors.Join(m.close(), before()) }
	if stream != nil {
		return stream.Close()
	}
	return nil
}

// Text is what is mapped. Whoever reads it does so inside of Guard, and before the side is closed.
func (s *Side) Text() []byte { return s.text }

// Stamp tells the content of the side's file: its size, when it was last written, and a hash of both of its ends; "" of a
// stream that is no file.
func (s *Side) Stamp() string { return s.stamp }

// stampEnds is how much of a file's beginning and end go into its stamp.
const stampEnds = 64 << 10

func stampOf(f *os.File) (string, error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	sum := sha256.New()
	for _, at := range []int64{0, max(0, info.Size()-stampEnds)} {
		if _, err := io.Copy(sum, io.NewSectionReader(f, at, stampEnds)); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d bytes of %s, %x", info.Size(), info.ModTime().UTC().Format("2006-01-02T15:04:05.999999999"), sum.Sum(nil)[:16]), nil
}

// Reading tells how the side is read: two sides over the same text with the same reading have the same entries.
func (s *Side) Reading() (string, error) {
	o := &s.opts
	text, err := json.Marshal([]any{o.Name, o.Table, o.Format, o.Hasher.Fingerprint(), o.Compared, o.Full, o.Sums, o.Account, o.Date, o.MaxLine, o.Keep, blockSize, runtime.Version()})
	if err != nil {
		return "", fmt.Errorf("describe reading of %s: %w", o.Name, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

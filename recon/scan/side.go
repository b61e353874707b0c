package scan

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon/cpu"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/unnamed"
)

// Side is one statement: it is scanned once (or again, for a part of its keys), and then any record can be read by its
// place. A plain file is read in blocks, and mapped for the lines that are looked up; what is unpacked or streamed is written to
// a spool file beside the parsing.
type Side struct {
	opts    Options
	mapping               // once it is a file
	stream  io.ReadCloser // until the spool is complete
	spool   *os.File
	close   func() error

	stamp    string // what tells the content of the file that was opened; "" = nothing does
	layout   *layout
	head     head
	segments []segmentStat
	lines    *lineNumbers
	read     atomic.Int64 // bytes of text whose lines were read, over all scans
}

// OpenFile opens a statement file. Gzip and zip are recognised by their first bytes.
func OpenFile(path string, o Options) (*Side, error) {
	if o.Name == "" {
		o.Name = filepath.Base(path)
	}
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open statement: %w", err)
	}
	stamp, err := stampOf(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("look at statement: %w", err), f.Close())
	}
	packed, err := unpack(f, &o)
	switch {
	case err != nil:
		return nil, errors.Join(&Problem{File: o.Name, What: err.Error(), Try: "fetch the file again"}, f.Close())
	case packed != nil:
		return &Side{opts: o, stamp: stamp, stream: packed, close: f.Close}, nil
	}
	m, err := mapFile(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("map statement: %w", err)
	}
	return &Side{opts: o, stamp: stamp, mapping: *m, close: m.close}, nil
}

// OpenStream takes a statement's text as it comes. The stream is closed with the side.
func OpenStream(r io.ReadCloser, o Options) (*Side, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Side{opts: o, stream: r, close: func() error { return nil }}, nil
}

// Name is the side's name in messages.
func (s *Side) Name() string { return s.opts.Name }

// Hasher is what the side's entries are hashed with.
func (s *Side) Hasher() *entry.Hasher { return s.opts.Hasher }

// Size is the number of bytes of text, or -1 while it is not known.
func (s *Side) Size() int64 {
	if s.text == nil && s.stream != nil {
		return -1
	}
	return int64(len(s.text))
}

// Estimate guesses the number of records from the length of the first lines; -1 while the size is not known.
func (s *Side) Estimate() int64 {
	if s.Size() < 0 {
		return -1
	}
	sample := s.text[:min(len(s.text), streamBlock)]
	lines := max(1, bytes.Count(sample, []byte{'\n'}))
	return int64(len(s.text)) * int64(lines) / int64(max(1, len(sample)))
}

// Read is how many bytes of text were read so far, over all scans. It may be asked at any time.
func (s *Side) Read() int64 { return s.read.Load() }

// Revisit tells that many records will be read one by one: what is scanned from now on stays in the page cache, for them.
func (s *Side) Revisit() {
	if s.opened != nil {
		s.give(buffered)
	}
}

// Close gives everything back. Readers must not be used after it.
func (s *Side) Close() error {
	var errs []error
	if s.stream != nil {
		errs = append(errs, s.stream.Close())
	}
	if s.spool != nil {
		errs = append(errs, s.spool.Close())
	}
	return errors.Join(append(errs, s.close())...)
}

// Scan reads every line once and hands the entries to the sink. A *Problem means that the file must not be reconciled:
// nothing that the sink took counts. One that was found at the end, by holding the whole file against what it states about
// itself, comes with a result. The first scan of a stream makes its spool; later scans read that.
func (s *Side) Scan(ctx context.Context, sink Sink) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.stream != nil {
		return s.scanStream(ctx, sink)
	}
	if err := s.bind(s.text, true); err != nil {
		return nil, err
	}
	return s.scanMapped(ctx, sink)
}

// bind reads what stands before the rows. b is the text's start; whole tells that there is no more.
func (s *Side) bind(b []byte, whole bool) error {
	if s.layout != nil {
		return nil
	}
	h, err := readHead(&s.opts, b, whole)
	if err != nil {
		return err
	}
	l, diagnostics, err := bind(&s.opts, h.names, h.line, h.charset)
	if err != nil {
		return err
	}
	h.diagnostics = append(h.diagnostics, diagnostics...)
	s.layout, s.head = l, *h
	return nil
}

func (s *Side) scanMapped(ctx context.Context, sink Sink) (*Result, error) {
	workers := s.workers(sink)
	cutter := newCutter(s.mapping, s.head.body, s.opts.Format.Lines.Quote)
	s.segments = make([]segmentStat, cutter.blocks())
	if err := s.scanBlocks(ctx, workers, cutter, s.segments); err != nil {
		return nil, s.explain(err)
	}
	s.lines = newLineNumbers()
	return s.finish(foundBy(workers))
}

// scanBlocks has the workers read the cutter's blocks. stats takes what is remembered of each, from the first on.
func (s *Side) scanBlocks(ctx context.Context, workers []*worker, cutter *cutter, stats []segmentStat) error {
	defer s.scattered()
	defer cutter.close()
	group, ctx := errgroup.WithContext(ctx)
	for _, w := range workers {
		group.Go(func() error {
			if s.opts.Pin {
				free, err := cpu.Pin(w.number)
				if err != nil {
					return err
				}
				defer free()
			}
			return Guard(func() error {
				return w.runAll(ctx, cutter, func(segment *segment, stat segmentStat) bool {
					stats[segment.number-cutter.first] = stat
					s.read.Add(int64(segment.to - segment.from))
					return true
				})
			})
		})
	}
	return group.Wait()
}

func foundBy(workers []*worker) []*found {
	all := make([]*found, len(workers))
	for i, w := range workers {
		all[i] = &w.found
	}
	return all
}

func (s *Side) workers(sink Sink) []*worker {
	workers := make([]*worker, s.opts.Workers)
	for i := range workers {
		workers[i] = newWorker(i, s.layout, &s.opts, sink)
	}
	return workers
}

// errFaulted is a page of a mapped file that could not be read: the file was cut short, or its disk failed.
var errFaulted = errors.New("the file changed or could not be read while it was scanned")

// Guard turns a fault on mapped memory into an error. Whoever reads records again (Reader) does it inside.
func Guard(do func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if r := recover(); r != nil {
			fault, ok := r.(interface{ Addr() uintptr })
			if !ok {
				panic(r)
			}
			err = fmt.Errorf("%w (address %#x)", errFaulted, fault.Addr())
		}
	}()
	return do()
}

// streamBlock is how much text of a stream is handed to a worker at a time.
const streamBlock = 256 << 10

// scanStream hands blocks of whole lines to the workers while the next block is unpacked, and writes the spool.
func (s *Side) scanStream(ctx context.Context, sink Sink) (*Result, error) {
	spool, err := unnamed.File(s.opts.Spool)
	if err != nil {
		return nil, fmt.Errorf("spool of %s: %w", s.opts.Name, err)
	}
	s.spool = spool
	out := bufio.NewWriterSize(spool, streamBlock)
	feed := newFeed(io.TeeReader(s.stream, out), s.opts.Format.Lines.Quote, s.opts.MaxLine)
	first, err := feed.next()
	if err == nil || errors.Is(err, io.EOF) {
		err = s.bind(first, feed.done)
	}
	if err != nil {
		return nil, s.explain(err)
	}
	workers := s.workers(sink)
	scanned := s.pump(ctx, workers, feed, first)
	if err := s.seal(out); err != nil {
		return nil, errors.Join(scanned, err)
	}
	if scanned != nil {
		return nil, s.explain(scanned)
	}
	s.lines = newLineNumbers()
	result, err := s.finish(foundBy(workers))
	if result != nil {
		result.Buffers, result.Reused = feed.made.Load(), feed.blocks-feed.made.Load()
	}
	return result, err
}

// seal ends the spool: from here on the side reads like a file.
func (s *Side) seal(out *bufio.Writer) error {
	if err := errors.Join(out.Flush(), s.stream.Close()); err != nil {
		return fmt.Errorf("write spool of %s: %w", s.opts.Name, err)
	}
	s.stream = nil
	m, err := mapFile(s.spool)
	if err != nil {
		return fmt.Errorf("map spool of %s: %w", s.opts.Name, err)
	}
	before := s.close
	s.mapping, s.close = *m, func() error { return errors.Join(m.close(), before()) }
	return nil
}

// pump feeds the workers until the stream ends.
func (s *Side) pump(ctx context.Context, workers []*worker, feed *feed, first []byte) error {
	type done struct {
		number int
		stat   segmentStat
	}
	todo, finished := make(chan segment, len(workers)), make(chan done, len(workers))
	group, ctx := errgroup.WithContext(ctx)
	for _, w := range workers {
		group.Go(func() error {
			for segment := range todo {
				stat, err := w.run(ctx, segment)
				if err != nil {
					return err
				}
				s.read.Add(int64(len(segment.text)))
				feed.free(segment.text)
				select {
				case finished <- done{segment.number, stat}:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(todo)
		block, from, place := first, s.head.body, uint64(0)
		for number := 0; ; number++ {
			quoted := feed.quote && bytes.IndexByte(block, '"') >= 0
			select {
			case todo <- segment{number: number, text: block, place: place, from: from, to: len(block), quoted: quoted}:
			case <-ctx.Done():
				return ctx.Err()
			}
			place += uint64(len(block))
			var err error
			if block, err = feed.next(); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			from = 0
		}
	})
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for d := range finished {
			for len(s.segments) <= d.number {
				s.segments = append(s.segments, segmentStat{})
			}
			s.segments[d.number] = d.stat
		}
	}()
	err := group.Wait()
	close(finished)
	<-collected
	return err
}

// explain turns what went wrong into words about the file.
func (s *Side) explain(err error) error {
	var long *lineError
	var quote *quoteError
	switch {
	case errors.As(err, &long):
		return &Problem{File: s.opts.Name, Line: s.countTo(long.place), What: fmt.Sprintf("a line longer than %d bytes", long.limit), Try: "look whether it is the file it should be"}
	case errors.As(err, &quote):
		line, column := s.countTo(quote.place), s.columnOf(quote.place)
		return &Problem{File: s.opts.Name, Line: line, Column: column, What: "a quote that neither opens nor closes a cell", Try: "a format without quotes, if the channel does not use them"}
	case errors.Is(err, errFaulted):
		return &Problem{File: s.opts.Name, What: err.Error(), Try: "scan a copy that nobody writes to"}
	case errors.Is(err, errDamaged):
		return &Problem{File: s.opts.Name, What: err.Error(), Try: "fetch the file again"}
	}
	return err
}

package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// Places gives a worker places of entries that a scan gave, in ascending order and not far from each other, in room or in
// memory of its own; io.EOF ends it. Calls with different workers may run at the same time.
type Places func(worker int, room []uint64) ([]uint64, error)

// ScanAgain reads the lines at some places again, and hands their entries to the sink. The side must have been scanned. Lines
// that are no records any more are an error: somebody writes to the file.
func (s *Side) ScanAgain(ctx context.Context, places Places, sink Sink) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, w := range s.workers(sink) {
		group.Go(func() error {
			return Guard(func() error {
				var room []uint64
				for {
					some, err := places(w.number, room[:0])
					if err == io.EOF {
						return nil
					} else if err = errors.Join(err, ctx.Err()); err != nil {
						return err
					}
					if err := w.runPlaces(&s.mapping, some); err != nil {
						return err
					}
					room = some
				}
			})
		})
	}
	if err := group.Wait(); err != nil {
		return s.explain(err)
	}
	return nil
}

// runPlaces reads the lines at some places. Those near each other are read in one go.
func (w *worker) runPlaces(m *mapping, places []uint64) error {
	for len(places) > 0 {
		n := together(places)
		from := int(places[0])
		text, err := m.read(&w.room, from, min(int(places[n-1])+lookahead, len(m.text)))
		if err != nil {
			return err
		}
		var stat segmentStat
		for _, place := range places[:n] {
			taken := w.takeAt(text[int(place)-from:], m.text[place:])
			if err := w.rowOrEasy(taken, place, &stat); err != nil && err != errSummary {
				return err
			}
		}
		if stat.records != int64(n) {
			return fmt.Errorf("%w (record at %d)", errFaulted, places[0])
		}
		places = places[n:]
	}
	return w.flush()
}

const (
	// lookahead is how much is read for a line whose length is not known. Longer lines are looked up in the mapping.
	lookahead = 1 << 10

	// leap is how much text is read in vain rather than with a read of its own for the next line.
	leap = 4 << 10
)

// together tells how many of the places are read in one go.
func together(places []uint64) int {
	n := 1
	for n < len(places) && places[n]-places[n-1] <= leap && places[n]-places[0] <= blockSize {
		n++
	}
	return n
}

// takeAt finds the cells of the line at the front of a text; whole goes on to the end of the file.
func (w *worker) takeAt(text, whole []byte) bool {
	width, taken := w.take(text, len(text))
	if width == len(text) || (w.spec.Lines.Quote && bytes.IndexByte(text[:width], '"') >= 0) {
		return w.takeLine(whole, &w.index)
	}
	return taken
}

// takeLine finds the cells of the line at the front of a text that goes on to the end of the file.
func (p *parser) takeLine(text []byte, x *index) bool {
	n := bytes.IndexByte(text, '\n')
	if n < 0 {
		n = len(text)
	}
	if p.spec.Lines.Quote && bytes.IndexByte(text[:n], '"') >= 0 {
		end := quotedEnd(text)
		line := bytes.TrimSuffix(text[:end], []byte{'\r'})
		x.build(line, p.sep, true)
		return p.takeIndexed(line, x.sep, 0, true)
	}
	_, ok := p.take(text, n)
	return ok
}

// quotedEnd is the place of the first line end outside of quotes, or the text's length.
func quotedEnd(text []byte) int {
	inside := false
	for i, c := range text {
		switch {
		case c == '"':
			inside = !inside
		case c == '\n' && !inside:
			return i
		}
	}
	return len(text)
}

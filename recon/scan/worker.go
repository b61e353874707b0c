package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// batchSize is how many entries go to the sink at a time: 32 KiB, which stay in the nearest cache.
const batchSize = 1024

// segment is a run of whole lines: text[from:to], whose first byte stands at place from of the side.
type segment struct {
	number int
	text   []byte // with whatever follows the segment in memory
	place  uint64 // of text[0]
	from   int
	to     int
	quoted bool // it holds quotes
}

// segmentStat is what is remembered of each segment.
type segmentStat struct {
	place   uint64 // of its first byte
	ends    int64  // line ends in it
	records int64
	rejects int64
	summary bool     // the summary begins in it
	lost    []figure // by total, of rejected lines
}

// worker reads segments.
type worker struct {
	*parser
	number  int
	opts    *Options
	sink    Sink
	special [256]bool // first bytes of lines that may be no rows
	room    []byte    // for a block of a file
	batch   []entry.Entry
	index   index
	easy    []easy // by rule

	found
	last    int                    // of sums: the label of the record before
	refused func(keptReject) error // is told of each reject, in order; nil: they are kept
}

// found is what one worker found in its segments.
type found struct {
	sums      []Sum
	figures   []figure // by total, of accepted lines
	ignored   map[string]int64
	rejects   []keptReject
	comments  []keptComment
	summaryAt uint64 // place of the summary's first line, or noPlace
}

const noPlace = math.MaxUint64

type keptReject struct {
	place uint64
	fault fault
}

type keptComment struct {
	place uint64
	text  []byte
}

// maxComments bounds what a file can make us remember: control totals stand in a few lines.
const maxComments = 1000

func newWorker(number int, l *layout, o *Options, sink Sink) *worker {
	w := &worker{
		parser: newParser(l, o.Hasher), number: number, opts: o, sink: sink, batch: make([]entry.Entry, 0, batchSize),
		found: found{ignored: map[string]int64{}, summaryAt: noPlace, figures: make([]figure, len(l.totals))},
	}
	w.easy = w.easyRules()
	for _, c := range []byte{'\n', '\r', ' ', '\t', 0xef} {
		w.special[c] = true
	}
	for _, text := range append([][]byte{l.comment}, l.summary...) {
		if len(text) > 0 {
			w.special[text[0]] = true
		}
	}
	return w
}

// runAll reads segments as long as there are more, and each says so.
func (w *worker) runAll(ctx context.Context, c *cutter, each func(*segment, segmentStat) bool) error {
	for {
		s, err := c.next(&w.room)
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		stat, err := w.run(ctx, s)
		if err != nil || !each(&s, stat) {
			return err
		}
	}
}

// run reads one segment.
func (w *worker) run(ctx context.Context, s segment) (segmentStat, error) {
	stat := segmentStat{place: s.place + uint64(s.from)}
	if err := ctx.Err(); err != nil {
		return stat, err
	}
	var err error
	if s.quoted {
		err = w.runIndexed(s, &stat)
	} else {
		err = w.runPlain(s, &stat)
	}
	if err == nil {
		err = w.flush()
	}
	return stat, err
}

func (w *worker) runPlain(s segment, stat *segmentStat) error {
	for at := s.from; at < s.to; {
		line, place := s.text[at:], s.place+uint64(at)
		width, taken := w.take(line, min(s.to-at, w.opts.MaxLine+1))
		if width > w.opts.MaxLine {
			return w.tooLong(place)
		}
		if at += width; at < s.to {
			stat.ends++
			at++
		}
		if len(w.line) == 0 || w.special[line[0]] {
			if skip, end := w.apart(w.line, place); end {
				return w.rest(s, at, stat)
			} else if skip {
				continue
			}
		}
		if err := w.rowOrEasy(taken, place, stat); err == errSummary {
			return w.rest(s, at, stat)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// rest counts the line ends behind the summary's first line.
func (w *worker) rest(s segment, from int, stat *segmentStat) error {
	stat.ends += int64(bytes.Count(s.text[from:s.to], []byte{'\n'}))
	stat.summary = true
	return nil
}

// runIndexed finds all separators of a segment first: only so it is known which of them stand inside of quotes.
func (w *worker) runIndexed(s segment, stat *segmentStat) error {
	text := s.text[s.from:s.to]
	w.index.build(text, w.sep, s.quoted)
	ends, from, seps := w.index.end, 0, 0
	stat.ends = int64(len(ends))
	if n := len(ends); len(text) > 0 && (n == 0 || int(ends[n-1]) != len(text)-1) { // no line end, or a quote that stays open
		ends = append(ends, uint32(len(text)))
		w.index.upTo = append(w.index.upTo, uint32(len(w.index.sep)))
	}
	for i, end := range ends {
		upTo := int(w.index.upTo[i])
		if err := w.indexedLine(s, from, int(end), w.index.sep[seps:upTo], stat); err == errSummary {
			stat.ends = 0
			return w.rest(s, s.from, stat)
		} else if err != nil {
			return err
		}
		from, seps = int(end)+1, upTo
	}
	if s.quoted {
		stat.ends = int64(bytes.Count(text, []byte{'\n'})) // those inside of cells too
	}
	return nil
}

// indexedLine reads the line text[from:end] of a segment, with its separators.
func (w *worker) indexedLine(s segment, from, end int, seps []uint32, stat *segmentStat) error {
	line, n, place := s.text[s.from+from:], end-from, s.place+uint64(s.from+from)
	if n > w.opts.MaxLine {
		return w.tooLong(place)
	}
	if n > 0 && line[n-1] == '\r' {
		n--
	}
	if s.quoted && bytes.IndexByte(line[:n], '"') >= 0 {
		if bad := badQuotes(line[:n], w.sep); bad >= 0 {
			return &quoteError{place: place + uint64(bad)}
		}
	}
	if n == 0 || w.special[line[0]] {
		if skip, over := w.apart(line[:n], place); over {
			return errSummary
		} else if skip {
			return nil
		}
	}
	return w.rowOrEasy(w.takeIndexed(line[:n], seps, uint32(from), s.quoted), place, stat)
}

// rowOrEasy reads the line that was taken in, the short way if it is easy.
func (w *worker) rowOrEasy(taken bool, place uint64, stat *segmentStat) error {
	if !taken || w.odd || !w.readEasy(place) {
		return w.row(taken, place, stat)
	}
	stat.records++
	if len(w.batch) == cap(w.batch) {
		return w.flush()
	}
	return nil
}

// quoteError is a quote after which nobody knows where a cell ends.
type quoteError struct{ place uint64 }

func (e *quoteError) Error() string { return fmt.Sprintf("quote at %d", e.place) }

// lineError is a line that is too long, at its place.
type lineError struct {
	place uint64
	limit int
}

func (e *lineError) Error() string {
	return fmt.Sprintf("line at %d longer than %d bytes", e.place, e.limit)
}

func (w *worker) tooLong(place uint64) error { return &lineError{place, w.opts.MaxLine} }

// apart looks at a line that may be no row: empty, a comment, the summary's first line.
func (w *worker) apart(line []byte, place uint64) (skip, summary bool) {
	if len(bytes.TrimSpace(line)) == 0 {
		return true, false
	}
	if len(w.comment) > 0 && bytes.HasPrefix(line, w.comment) {
		if len(w.comments) < maxComments {
			w.comments = append(w.comments, keptComment{place, bytes.Clone(line)})
		}
		return true, false
	}
	if len(w.layout.summary) > 0 && w.isSummary(line) {
		w.summaryAt = min(w.summaryAt, place)
		return true, true
	}
	return false, false
}

// errSummary ends a segment's rows.
var errSummary = errors.New("summary")

// isSummary tells the line that ends the rows by its first cell.
func (w *worker) isSummary(line []byte) bool {
	first := bytes.TrimLeft(line, " \t")
	if w.sep != 0 {
		first, _, _ = bytes.Cut(first, []byte{w.sep})
	}
	first = w.trimmed(bytes.TrimRight(first, " \t"))
	if w.spec.Lines.Quote {
		first = bytes.Trim(first, `"`)
	}
	return slices.ContainsFunc(w.layout.summary, func(s []byte) bool { return string(s) == string(first) })
}

// row turns the line that was taken in into an entry, or keeps why it is a reject.
func (w *worker) row(taken bool, place uint64, stat *segmentStat) error {
	if !taken || !w.read() {
		if len(w.layout.summary) > 0 && w.isSummary(w.line) { // written like a row: see apart
			w.summaryAt = min(w.summaryAt, place)
			return errSummary
		}
		stat.rejects++
		if len(w.totals) > 0 {
			if err := w.lose(taken, stat); err != nil {
				return err
			}
		}
		if w.refused != nil {
			if err := w.flush(); err != nil {
				return err
			}
			return w.refused(keptReject{place, w.fault})
		}
		if len(w.rejects) < w.opts.Keep {
			w.fault.value = bytes.Clone(w.fault.value)
			w.rejects = append(w.rejects, keptReject{place, w.fault})
		}
		return nil
	}
	if w.rule.Ignore != "" {
		w.ignored[w.rule.Ignore]++
		return w.sum()
	}
	stat.records++
	if err := w.count(); err != nil {
		return err
	}
	if len(w.perRow) > 0 {
		if err := w.sum(); err != nil {
			return err
		}
	}
	w.batch = append(w.batch, w.entry(place))
	if len(w.batch) == cap(w.batch) {
		return w.flush()
	}
	return nil
}

// count adds the record to the side's totals.
func (w *worker) count() error {
	if w.last >= len(w.sums) || w.sums[w.last].Label != w.label {
		w.last = slices.IndexFunc(w.sums, func(s Sum) bool { return s.Label == w.label })
		if w.last < 0 {
			w.last = len(w.sums)
			w.sums = append(w.sums, Sum{Label: w.label})
		}
	}
	s := &w.sums[w.last]
	sum := s.Minor + w.amount
	if sum < s.Minor {
		return fmt.Errorf("total of %s: %w", w.label.Kind(), recon.ErrAmountOverflow)
	}
	s.Count, s.Minor = s.Count+1, sum
	if w.hasFee {
		s.Fee += w.fee
	}
	return nil
}

func (w *worker) flush() error {
	if len(w.batch) == 0 {
		return nil
	}
	err := w.sink.Take(w.number, w.batch)
	w.batch = w.batch[:0]
	return err
}

package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Records gives a statement's records in the order of the file, each with its line; a recon.Reject among the errors is a
// line that could not be read. The statement is scanned whole before the first record comes, so that no part of a file
// that contradicts itself is ever used; what that scan said is in *result by then, and remarks on single lines are added
// as they come. Memory does not depend on its size.
//
// A *Problem comes first. Where it came with a result, whoever goes on gets the lines all the same: not to reconcile them,
// but to look at what is wrong.
//
// It is for statements that are looked at record by record. Whoever joins millions of them takes Scan's entries instead.
func (s *Side) Records(ctx context.Context, result *Result) iter.Seq2[recon.Record, error] {
	return func(yield func(recon.Record, error) bool) {
		r, err := s.Scan(ctx, nothing{})
		if r != nil && result != nil {
			*result = *r
		}
		if err != nil && (!yield(recon.Record{}, err) || r == nil) {
			return
		}
		e := &each{side: s, result: result, yield: yield, line: 1}
		if err := s.again(ctx, e); err != nil && !errors.Is(err, errStopped) {
			yield(recon.Record{}, s.explain(err))
		}
	}
}

// again scans once more, in order, and tells of every record and reject.
func (s *Side) again(ctx context.Context, e *each) error {
	whole := *s.layout
	whole.full, whole.fees = true, true
	w := newWorker(0, &whole, &s.opts, e)
	w.lenient, w.refused, w.batch = !s.layout.full, e.reject, make([]entry.Entry, 0, 1)
	e.parser = w.parser
	cutter := newCutter(s.mapping, s.head.body, s.opts.Format.Lines.Quote)
	defer cutter.close()
	return Guard(func() error {
		return w.runAll(ctx, cutter, func(_ *segment, stat segmentStat) bool { return !stat.summary })
	})
}

// errStopped ends a pass that its reader ended.
var errStopped = errors.New("stopped")

// nothing is a sink for a scan that only looks.
type nothing struct{}

// Take drops a batch.
func (nothing) Take(int, []entry.Entry) error { return nil }

// each yields every line while its worker still holds it.
type each struct {
	side   *Side
	result *Result // nil: nobody wants to hear remarks
	parser *parser
	yield  func(recon.Record, error) bool
	place  uint64
	line   int // at place
}

// maxRemarks bounds the remarks on single lines.
const maxRemarks = 1000

// Take yields the record that was just read.
func (e *each) Take(_ int, batch []entry.Entry) error {
	record := e.parser.record()
	record.Origin = e.side.origin(record.Key)
	if record.Origin.Table == "" {
		record.Origin.Line = e.lineAt(batch[0].At.Place())
		e.remark(record.Origin.Line)
	}
	if !e.yield(record, nil) {
		return errStopped
	}
	return nil
}

// remark says that an amount's sign contradicts its kind, where either sign is allowed.
func (e *each) remark(line int) {
	p := e.parser
	amount := &p.rule.RowRule.Amount
	if amount.Sign != recon.SignAny || p.amount == 0 || e.result == nil || len(e.result.Diagnostics) >= maxRemarks {
		return
	}
	n, column, ok := p.number(amount, p.rule.amount, p.decimals[p.label&255])
	if !ok || (n < 0) == (p.label.Kind().Direction() < 0) {
		return
	}
	e.result.Diagnostics = append(e.result.Diagnostics, Diagnostic{
		Line: line, Field: p.nameOf(amount.Columns, column), Value: string(p.text(p.cell(column))),
		Message: fmt.Sprintf("the amount's sign is not that of a %s", p.label.Kind()),
	})
}

// nameOf is the format's name of a column.
func (l *layout) nameOf(names []string, column int) string {
	for _, name := range names {
		if l.at[name] == column {
			return name
		}
	}
	return l.describe(column)
}

func (e *each) reject(k keptReject) error {
	reject := e.side.rejectAt(k, e.lineAt(k.place), e.parser.columnOf(k.fault.column))
	if !e.yield(recon.Record{}, reject) {
		return errStopped
	}
	return nil
}

// lineAt counts on from the line before.
func (e *each) lineAt(place uint64) int {
	e.line += bytes.Count(e.side.text[e.place:place], []byte{'\n'})
	e.place = place
	return e.line
}

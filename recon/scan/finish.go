package scan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

// finish adds up what the workers found, and holds it against what the file states about itself.
func (s *Side) finish(all []*found) (*Result, error) {
	r := &Result{Ignored: map[string]int64{}, Diagnostics: slices.Clone(s.head.diagnostics), Bytes: int64(len(s.text))}
	summary := uint64(noPlace)
	for _, w := range all {
		summary = min(summary, w.summaryAt)
	}
	if err := s.countSegments(r, summary); err != nil {
		return nil, err
	}
	for _, w := range all {
		if err := r.merge(w); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(r.Totals, func(a, b Sum) int { return cmp.Compare(a.Label, b.Label) })
	s.keepRejects(r, all, summary)
	figures, err := s.figures(r, all)
	if err != nil {
		return nil, err
	}
	st, err := s.stated(all, summary)
	r.Comments = s.comments(st)
	if err != nil {
		return r, err
	}
	return r, s.control(r, st, figures)
}

// countSegments counts records and rejects before the summary. A record behind it means that two files were glued.
func (s *Side) countSegments(r *Result, summary uint64) error {
	behind := false
	for _, seg := range s.segments {
		if behind && seg.records > 0 {
			return &Problem{File: s.opts.Name, Line: s.Line(summary), What: "text after the summary", Try: "look whether two files were put together"}
		}
		if !behind {
			r.Records += seg.records
			r.Rejected += seg.rejects
		}
		behind = behind || seg.summary
	}
	return nil
}

func (r *Result) merge(w *found) error {
	for _, sum := range w.sums {
		i := slices.IndexFunc(r.Totals, func(t Sum) bool { return t.Label == sum.Label })
		if i < 0 {
			r.Totals = append(r.Totals, sum)
			continue
		}
		t := &r.Totals[i]
		if t.Minor+sum.Minor < t.Minor {
			return fmt.Errorf("total of %s: %w", sum.Label.Kind(), recon.ErrAmountOverflow)
		}
		t.Count, t.Minor, t.Fee = t.Count+sum.Count, t.Minor+sum.Minor, t.Fee+sum.Fee
	}
	for reason, n := range w.ignored {
		r.Ignored[reason] += n
	}
	return nil
}

// keepRejects tells of the first rejects where they stand.
func (s *Side) keepRejects(r *Result, all []*found, summary uint64) {
	var kept []keptReject
	for _, w := range all {
		for _, k := range w.rejects {
			if k.place < summary {
				kept = append(kept, k)
			}
		}
	}
	slices.SortFunc(kept, func(a, b keptReject) int { return cmp.Compare(a.place, b.place) })
	for _, k := range kept[:min(len(kept), s.opts.Keep)] {
		reject := s.rejectAt(k, s.Line(k.place), s.columnIn(k))
		reject.Value = clip(reject.Value)
		r.Rejects = append(r.Rejects, reject)
	}
}

func (s *Side) rejectAt(k keptReject, line, column int) recon.Reject {
	return recon.Reject{
		Origin: recon.Origin{File: s.opts.Name, Line: line}, Column: column,
		Field: s.layout.describe(k.fault.column), Value: string(s.readable(k.fault.value)), Reason: k.fault.reason,
	}
}

func (s *Side) readable(value []byte) []byte {
	p := parser{layout: s.layout}
	return p.text(value)
}

// columnIn is the byte column of a reject's cell in its line.
func (s *Side) columnIn(k keptReject) int {
	if k.fault.column < 0 {
		return 0
	}
	r := s.Reader()
	if !r.parser.takeLine(s.text[k.place:], &r.index) {
		return 0
	}
	return r.parser.columnOf(k.fault.column)
}

// columnOf is the byte column of a cell in the line that was taken in; 0 for the line as a whole.
func (p *parser) columnOf(i int) int {
	if i < 0 {
		return 0
	}
	from, to := p.bounds(i)
	if from < to && p.second != 0 && p.line[from] == p.second {
		from++ // the byte that begins every value is none of it
	}
	return from + 1
}

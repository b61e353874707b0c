package scan

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

// finish adds up what the workers found.
func (s *Side) finish(workers []*worker, scanned error) (*Result, error) {
	if scanned != nil {
		return nil, s.explain(scanned)
	}
	r := &Result{Ignored: map[string]int64{}, Diagnostics: s.head.diagnostics, Bytes: int64(len(s.text))}
	summary := uint64(noPlace)
	for _, w := range workers {
		summary = min(summary, w.summaryAt)
	}
	if err := s.countSegments(r, summary); err != nil {
		return nil, err
	}
	for _, w := range workers {
		if err := r.merge(w); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(r.Totals, func(a, b Sum) int { return cmp.Compare(a.Label, b.Label) })
	s.keepRejects(r, workers, summary)
	stated, err := s.stated(workers, summary)
	if err != nil {
		return nil, err
	}
	return r, s.control(r, stated)
}

// countSegments counts records and rejects before the summary. A record behind it means that two files were glued.
func (s *Side) countSegments(r *Result, summary uint64) error {
	behind := false
	for _, seg := range s.segments {
		if behind && seg.records > 0 {
			return &Problem{File: s.opts.Name, Line: s.Line(summary), What: "rows behind the summary", Try: "look whether two files were put together"}
		}
		if !behind {
			r.Records += seg.records
			r.Rejected += seg.rejects
		}
		behind = behind || seg.summary
	}
	return nil
}

func (r *Result) merge(w *worker) error {
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
func (s *Side) keepRejects(r *Result, workers []*worker, summary uint64) {
	var kept []keptReject
	for _, w := range workers {
		for _, k := range w.rejects {
			if k.place < summary {
				kept = append(kept, k)
			}
		}
	}
	slices.SortFunc(kept, func(a, b keptReject) int { return cmp.Compare(a.place, b.place) })
	for _, k := range kept[:min(len(kept), s.opts.Keep)] {
		r.Rejects = append(r.Rejects, s.rejectAt(k))
	}
}

func (s *Side) rejectAt(k keptReject) recon.Reject {
	return recon.Reject{
		Origin: recon.Origin{File: s.opts.Name, Line: s.Line(k.place)}, Column: s.columnIn(k),
		Field: s.layout.describe(k.fault.column), Value: clip(string(s.readable(k.fault.value))), Reason: k.fault.reason,
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
	if !r.take(r.parser, s.text[k.place:]) {
		return 0
	}
	from, _ := r.parser.bounds(k.fault.column)
	return from + 1
}

// control holds what the file states about itself against its rows.
func (s *Side) control(r *Result, stated *statement) error {
	for _, t := range s.opts.Format.Totals {
		name, text, found, err := stated.find(t)
		switch {
		case err != nil:
			return err
		case !found && t.Required:
			return &Problem{File: s.opts.Name, Field: name, What: "the file does not state this total: it may be cut short", Try: "fetch the file again"}
		case !found:
			continue
		}
		declared, err := declaredOf(t, text)
		if err != nil {
			return &Problem{File: s.opts.Name, Field: name, Value: text, What: err.Error(), Try: "fetch the file again"}
		}
		c := Control{Name: name, Of: t.Of, Declared: declared, Counted: r.counted(t)}
		r.Control = append(r.Control, c)
		if c.Declared != c.Counted {
			return &Problem{File: s.opts.Name, Field: name, What: s.disagrees(c, r), Try: "fetch the file again; it is not reconciled"}
		}
	}
	return nil
}

func (s *Side) disagrees(c Control, r *Result) string {
	text := fmt.Sprintf("the file states %d, its rows add up to %d", c.Declared, c.Counted)
	if c.Of != recon.TotalCount {
		money := func(n int64) string { return recon.Money{Minor: n, Currency: "CNY"}.Major() }
		text = fmt.Sprintf("the file states %s, its rows add up to %s", money(c.Declared), money(c.Counted))
	}
	if r.Rejected > 0 {
		text += fmt.Sprintf(" without %d unreadable rows (first: %v)", r.Rejected, r.Rejects[0])
	}
	return text
}

// counted adds up the rows that a total is about. A reject counts as a row, for it has no kind and no money.
func (r *Result) counted(t recon.Total) int64 {
	var n int64
	if t.Of == recon.TotalCount && len(t.Kinds) == 0 {
		n = r.Rejected
		for _, ignored := range r.Ignored {
			n += ignored
		}
	}
	for _, sum := range r.Totals {
		if len(t.Kinds) > 0 && !slices.Contains(t.Kinds, sum.Label.Kind()) {
			continue
		}
		switch t.Of {
		case recon.TotalCount:
			n += sum.Count
		case recon.TotalAmount:
			n += sum.Minor
		case recon.TotalFee:
			n += sum.Fee
		}
	}
	return n
}

// declaredOf reads a stated figure. A count may be written as a decimal: "20.0".
func declaredOf(t recon.Total, text string) (int64, error) {
	text = string(ungroup([]byte(text)))
	decimals := 0
	if t.Of != recon.TotalCount && t.Unit == recon.UnitMajor {
		decimals = 2
	}
	n, err := recon.ParseDecimal(text, decimals)
	if t.Sign == recon.SignFlip {
		n = -n
	}
	if t.Sign == recon.SignAny {
		n = max(n, -n)
	}
	return n, err
}

// statement is what a file says about itself: the cells of its summary, and its comment and summary lines.
type statement struct {
	names, values []string
	lines         []string
}

// stated reads the summary and the comments.
func (s *Side) stated(workers []*worker, summary uint64) (*statement, error) {
	st := &statement{}
	p := parser{layout: s.layout}
	for _, c := range s.head.comments {
		st.lines = append(st.lines, string(p.text(c)))
	}
	for _, w := range workers {
		for _, c := range w.comments {
			st.lines = append(st.lines, string(p.text(c.text)))
		}
	}
	if summary == noPlace {
		return st, nil
	}
	const most = 64 << 10
	text := s.text[summary:]
	if len(text) > most {
		return nil, &Problem{File: s.opts.Name, Line: s.Line(summary), What: "more than 64 KiB behind the summary's first line", Try: "look whether two files were put together"}
	}
	for i, line := range bytes.Split(bytes.TrimSpace(text), []byte{'\n'}) {
		line = bytes.TrimSuffix(line, []byte{'\r'})
		st.lines = append(st.lines, string(p.text(line)))
		if len(p.comment) > 0 && bytes.HasPrefix(line, p.comment) {
			continue
		}
		cells, err := headerCells(s.opts.Format, line)
		if err != nil {
			return nil, &Problem{File: s.opts.Name, Line: s.Line(summary) + i, What: err.Error(), Try: "the charset of the format"}
		}
		switch {
		case st.names == nil:
			st.names = cells
		case st.values == nil:
			st.values = cells
		case len(bytes.TrimSpace(line)) > 0:
			return nil, &Problem{File: s.opts.Name, Line: s.Line(summary) + i, What: "a row behind the summary", Try: "look whether two files were put together"}
		}
	}
	return st, nil
}

// find gives the text of a total.
func (st *statement) find(t recon.Total) (name, text string, found bool, err error) {
	for _, name := range t.Names {
		i := slices.IndexFunc(st.names, func(n string) bool { return normal(n) == normal(name) })
		if i >= 0 && i < len(st.values) {
			return name, st.values[i], true, nil
		}
	}
	if t.Pattern == "" {
		return t.Names[0], "", false, nil
	}
	pattern, err := regexp.Compile(t.Pattern)
	if err != nil || pattern.NumSubexp() < 1 {
		return t.Pattern, "", false, fmt.Errorf("total %q: not a regular expression with a group; %w", t.Pattern, err)
	}
	for _, line := range st.lines {
		if m := pattern.FindStringSubmatch(line); m != nil {
			return t.Pattern, m[1], true, nil
		}
	}
	return t.Pattern, "", false, nil
}

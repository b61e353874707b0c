package statement

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Request says what the bytes are.
type Request struct {
	Account string // "" accepts any; otherwise rows of other accounts are rejected
	Date    string // the statement's day, 2006-01-02; "" if unknown
	Sums    []*Sum // further columns to add up
	// Comment is shown every line that is no row, before it is looked at for totals; its error ends the decoding.
	Comment func(text string, line int) error
	// Check is shown every record before it is emitted, with the cells it was read from. What it says against it (the
	// column, and why) makes the line a reject.
	Check func(cell func(column string) string, r *recon.Record) (column, reason string)
}

// section is where in the file the reader is.
type section int

const (
	sectionSkipped section = iota
	sectionHeader
	sectionRows
	sectionSummary
	sectionEnd
)

// checkEvery is how many lines pass between two looks at the context.
const checkEvery = 1024

// reader reads one statement and keeps nothing of it but its totals.
type reader struct {
	spec     *recon.FormatSpec
	split    splitter
	text     text
	lines    *lineReader
	clock    clock
	emit     plugins.Emitter
	account  string
	comment  func(text string, line int) error
	verify   func(cell func(column string) string, r *recon.Record) (column, reason string)
	shortest int // bytes of a row of fixed widths up to its last amount; blanks behind may be missing
	rules    map[string]*recon.RowRule

	section section
	layout  *layout
	totals  *totals
	names   []string // of the summary
	cells   []string // memory of one row
	ignored map[string]int
	res     plugins.DecodeResult
}

// Decode reads a statement to its end. An error of kind quarantine voids the file; its totals and remarks say why.
func Decode(ctx context.Context, spec *recon.FormatSpec, req Request, in io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error) {
	r, err := newReader(spec, req, in, emit)
	if err != nil {
		return plugins.DecodeResult{}, err
	}
	err = r.read(ctx)
	if err == nil {
		err = r.check()
	}
	return r.result(), err
}

func newReader(spec *recon.FormatSpec, req Request, in io.Reader, emit plugins.Emitter) (*reader, error) {
	if err := spec.Validate(); err != nil {
		return nil, plugins.Fail(plugins.FailureConfig, "%v", err)
	}
	r := &reader{
		spec: spec, split: splitter{spec.Lines}, emit: emit, account: req.Account,
		rules: map[string]*recon.RowRule{}, ignored: map[string]int{},
	}
	for i := range spec.Rows {
		r.shortest = max(r.shortest, reach(spec, &spec.Rows[i]))
		for _, value := range spec.Rows[i].Match {
			r.rules[value] = &spec.Rows[i]
		}
	}
	var err error
	if r.totals, err = newTotals(spec); err != nil {
		return nil, plugins.Fail(plugins.FailureConfig, "%v", err)
	}
	for _, s := range req.Sums {
		r.totals.sums = append(r.totals.sums, &sum{Sum: s})
	}
	r.verify = req.Check
	if r.comment = req.Comment; r.comment == nil {
		r.comment = func(string, int) error { return nil }
	}
	if r.clock, err = newClock(spec, req.Date); err != nil {
		return nil, err
	}
	body, t, again, err := openText(in, spec.Charset)
	if err != nil {
		return nil, err
	}
	if again {
		r.remark(plugins.Diagnostic{Message: "UTF-8, where the channel writes GB18030: the file was saved again"})
	}
	r.text, r.lines = t, newLineReader(body, spec.Lines.Quote)
	r.begin()
	return r, nil
}

// reach gives the byte behind the last amount of a rule, where cells have widths.
func reach(spec *recon.FormatSpec, rule *recon.RowRule) int {
	columns := rule.Amount.Columns
	if rule.Fee != nil {
		columns = append(slices.Clone(columns), rule.Fee.Columns...)
	}
	end := 0
	for _, w := range spec.Lines.Widths {
		if slices.Contains(columns, w.Column) {
			end = max(end, w.Offset+w.Length)
		}
	}
	return end
}

// begin leaves out the sections the format has not.
func (r *reader) begin() {
	if r.spec.Lines.Skip == 0 {
		r.section = sectionHeader
	}
	if r.section == sectionHeader && r.spec.Header.None {
		r.layout, r.section = fixedLayout(r.spec), sectionRows
	}
}

func (r *reader) read(ctx context.Context) error {
	for n := 0; ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, long, err := r.lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.line(line, long); err != nil {
			return err
		}
	}
}

// line takes one line of the file's own bytes.
func (r *reader) line(raw []byte, long bool) error {
	text, valid := r.text.decode(raw)
	switch {
	case r.section == sectionSkipped:
		if r.lines.ends >= r.spec.Lines.Skip {
			r.section = sectionHeader
			if r.spec.Header.None {
				r.layout, r.section = fixedLayout(r.spec), sectionRows
			}
		}
		return r.look(text)
	case strings.TrimSpace(text) == "":
		return nil
	case r.spec.Lines.Comment != "" && strings.HasPrefix(text, r.spec.Lines.Comment):
		return r.look(text)
	}
	switch r.section {
	case sectionHeader:
		return r.header(text)
	case sectionRows:
		if !long && r.isSummary(text) {
			return r.beginSummary(text)
		}
		return r.row(raw, text, long, valid)
	case sectionSummary:
		r.section = sectionEnd
		return r.totals.summary(r.names, r.split.split(text, nil), r.lines.number)
	}
	return plugins.Fail(plugins.FailureQuarantine, "line %d: text after the summary", r.lines.number)
}

func (r *reader) header(text string) error {
	if strings.HasPrefix(text, "<") || strings.HasPrefix(text, "{") {
		return plugins.Fail(plugins.FailureQuarantine, "line %d: a page or an answer of the API instead of a statement", r.lines.number)
	}
	names := r.split.names(text)
	if r.spec.Lines.Trailing && len(names) > 1 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	l, remarks, err := bind(r.spec, names, r.lines.number)
	if err != nil {
		return err
	}
	r.layout, r.section = l, sectionRows
	for _, d := range remarks {
		r.remark(d)
	}
	return nil
}

// isSummary tells the line that ends the rows by its first cell.
func (r *reader) isSummary(text string) bool {
	if len(r.spec.Lines.Summary) == 0 {
		return false
	}
	first := strings.TrimSpace(text)
	if separator := r.spec.Lines.Separator; separator != "" {
		first, _, _ = strings.Cut(first, separator[:1])
		first = strings.Trim(first, r.spec.Lines.Trim+begin(separator)+`"`)
	}
	return slices.ContainsFunc(r.spec.Lines.Summary, func(s string) bool { return s == first })
}

func (r *reader) beginSummary(text string) error {
	if r.totals.named() {
		r.names, r.section = r.split.names(text), sectionSummary
		return nil
	}
	r.section = sectionEnd
	return r.look(text)
}

// look shows a line that is no row to those who may find something in it.
func (r *reader) look(text string) error {
	if err := r.comment(text, r.lines.number); err != nil {
		return err
	}
	return r.totals.look(text, r.lines.number)
}

// row emits one detail line, as a record or as a reject. What can be read of a reject still counts in the totals.
func (r *reader) row(raw []byte, text string, long, valid bool) error {
	w := &row{reader: r}
	record, bad, read := recon.Record{}, (*fault)(nil), part(0)
	switch width := r.cut(raw, text, w); {
	case long:
		bad = &fault{"", fmt.Sprintf("line over %d bytes", MaxLine)}
	case width != "":
		bad = &fault{"", width}
	default:
		record, bad, read = w.read()
		if bad == nil && r.verify != nil && w.rule.Ignore == "" {
			if column, reason := r.verify(w.value, &record); reason != "" {
				bad = &fault{column, reason}
			}
		}
		if bad == nil && !valid {
			bad = &fault{"", "not of the charset " + string(r.charset())}
		}
	}
	if w.rule != nil && w.rule.Ignore != "" {
		r.ignored[w.rule.Ignore]++
		return nil
	}
	aligned := w.cells
	if bad != nil && bad.column == "" {
		aligned = nil
	}
	if err := r.totals.column(r.layout, aligned, w.kind, read&partKind != 0); err != nil {
		return err
	}
	if err := r.totals.add(w.kind, w.amount, w.fee, read); err != nil {
		return err
	}
	if bad != nil {
		return r.reject(w, bad, text)
	}
	if w.against {
		r.remark(plugins.Diagnostic{
			Line: r.lines.number, Field: w.amountIn, Value: r.layout.cell(w.cells, w.amountIn),
			Message: fmt.Sprintf("the amount's sign is not that of a %s", w.kind),
		})
	}
	record.Origin.Line = r.lines.number
	r.res.Records++
	return r.emit.Record(record)
}

func (r *reader) charset() recon.Charset {
	if r.text.gb {
		return recon.CharsetGB18030
	}
	return recon.CharsetUTF8
}

// cut fills the row's cells, and says how it differs from the header.
func (r *reader) cut(raw []byte, text string, w *row) (width string) {
	if widths := r.spec.Lines.Widths; len(widths) > 0 {
		w.cells, _ = fixed(raw, widths, r.text, r.spec.Lines.Trim+" ", r.cells[:0])
		r.cells = w.cells
		if len(raw) < r.shortest {
			return fmt.Sprintf("%d bytes, its amounts reach to %d: the line is cut off", len(raw), r.shortest)
		}
		return ""
	}
	r.cells = r.split.split(text, r.cells[:0])
	cells, ok := r.layout.align(r.cells, r.spec.Lines.Separator, r.sense)
	w.cells = cells
	if !ok {
		return fmt.Sprintf("%d columns, the header has %d", len(cells), len(r.layout.names))
	}
	return ""
}

// sense tells whether a row's kind, amount, fee and time are there and can be read.
func (r *reader) sense(cells []string) bool {
	w := &row{reader: r, cells: cells}
	if w.choose() != nil || w.rule.Ignore != "" || w.money() != nil {
		return false
	}
	if _, bad := w.cost(); bad != nil {
		return false
	}
	at, bad := w.time()
	return bad == nil && (len(w.rule.Time) == 0 || !at.IsZero())
}

// read gives the record, or the first fault, and what of the row counts in the totals.
func (r *row) read() (rec recon.Record, bad *fault, read part) {
	if bad = r.choose(); bad != nil || r.rule.Ignore != "" {
		return rec, bad, 0
	}
	read = partKind
	if r.rule.Amount.Sign == recon.SignKind {
		read = 0
	}
	if bad = r.money(); bad != nil {
		r.amount = 0
		return rec, bad, read
	}
	read = partKind | partAmount
	hasFee, bad := r.cost()
	if bad != nil {
		return rec, bad, read
	}
	read |= partFee
	rec, bad = r.record(hasFee)
	return rec, bad, read
}

func (r *reader) reject(w *row, bad *fault, text string) error {
	out := recon.Reject{Origin: recon.Origin{Line: r.lines.number}, Column: 1, Field: bad.column, Value: text, Reason: bad.reason}
	if i, ok := r.layout.at[bad.column]; ok && bad.column != "" {
		out.Column, out.Value = r.column(w.cells, i), w.cells[i]
		if i < len(r.layout.names) {
			out.Field = r.layout.names[i]
		}
	}
	r.res.Rejects++
	return r.emit.Reject(out)
}

// column gives the byte of the file's line, from 1, at which a cell begins, as far as trimmed blanks allow.
func (r *reader) column(cells []string, i int) int {
	if widths := r.spec.Lines.Widths; len(widths) > 0 {
		return widths[i].Offset + 1
	}
	at := 1 + len(begin(r.spec.Lines.Separator))
	for _, cell := range cells[:min(i, len(cells))] {
		at += r.text.width(cell) + len(r.spec.Lines.Separator)
	}
	return at
}

func (r *reader) remark(d plugins.Diagnostic) {
	if len(r.res.Diagnostics) < plugins.MaxDiagnostics {
		d.Severity = plugins.SeverityWarning
		r.res.Diagnostics = append(r.res.Diagnostics, d)
	}
}

// check holds the whole file against itself.
func (r *reader) check() error {
	switch {
	case r.lines.ends == 0:
		return plugins.Fail(plugins.FailureQuarantine, "empty file: a day without transactions has a header, or no file at all")
	case r.section < sectionRows:
		return plugins.Fail(plugins.FailureQuarantine, "no header: the file is cut off after line %d", r.lines.number)
	case len(r.spec.Lines.Summary) > 0 && r.section != sectionEnd:
		return plugins.Fail(plugins.FailureQuarantine, "no summary: the file is cut off after line %d", r.lines.number)
	}
	return r.totals.check()
}

// result gives the totals and remarks, also of a file that is refused.
func (r *reader) result() plugins.DecodeResult {
	r.res.Totals = r.totals.list()
	reasons := make([]string, 0, len(r.ignored))
	for reason := range r.ignored {
		reasons = append(reasons, reason)
	}
	slices.Sort(reasons)
	for _, reason := range reasons {
		r.remark(plugins.Diagnostic{Message: fmt.Sprintf("%d lines are no bookings: %s", r.ignored[reason], reason)})
	}
	return r.res
}

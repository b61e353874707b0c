package statement

import (
	"context"
	"errors"
	"fmt"
	"io"
	_ "time/tzdata" // an adapter's environment has no time zone files

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// MaxLine bounds one line, in bytes. What channels write adds up to far less; a file with a longer one is no statement.
const MaxLine = 64 << 10

// Request says what the bytes are.
type Request struct {
	Account string // "" accepts any; otherwise rows of other accounts are rejected
	Date    string // the statement's day, 2006-01-02; "" if unknown
	Sums    []*Sum // further columns to add up
	// Comment is shown every line that is no row, before any record is emitted; its error ends the decoding.
	Comment func(text string, line int) error
	// Check is shown every record, with the cells it was read from. What it says against it (the column, and why) makes the
	// line a reject. A line may be shown to it more than once.
	Check func(cell func(column string) string, r *recon.Record) (column, reason string)
}

// Sum is a column that is added up although no record says it: one more proof that nothing is missing. A summary that
// does not state it is none the worse.
type Sum struct {
	Column  string
	Names   []string // of the summary; none: only for the caller
	Unit    recon.Unit
	Counted int64 // filled: over all lines, rejected ones as far as they can be read
}

// Decode reads a statement to its end. An error of kind quarantine voids the file; its totals and remarks say why. The text
// is kept in a temporary file until then, since a file is held against its own totals before the first record is emitted.
func Decode(ctx context.Context, spec *recon.FormatSpec, req Request, in io.Reader, emit plugins.Emitter) (_ plugins.DecodeResult, err error) {
	side, err := scan.OpenStream(io.NopCloser(in), req.options(spec))
	if err != nil {
		return plugins.DecodeResult{}, plugins.Fail(plugins.FailureConfig, "%v", err)
	}
	defer func() { err = errors.Join(err, side.Close()) }()
	d := &decoding{req: &req, emit: emit}
	err = d.read(ctx, side)
	return d.result(), err
}

func (r *Request) options(spec *recon.FormatSpec) scan.Options {
	o := scan.Options{
		Format: spec, Hasher: entry.NewHasher(entry.NewSecret()), Full: true, Account: r.Account, Date: r.Date, MaxLine: MaxLine, Check: r.Check,
	}
	for _, s := range r.Sums {
		o.Sums = append(o.Sums, scan.ColumnSum{Column: s.Column, Names: s.Names, Unit: s.Unit})
	}
	return o
}

// decoding is one statement under way.
type decoding struct {
	req     *Request
	emit    plugins.Emitter
	scanned scan.Result
	begun   bool
	void    error // why the file must not be used
	records int64
	rejects int64
}

// read emits every line. Of a file that is refused too: whoever asked sees what was in it.
func (d *decoding) read(ctx context.Context, side *scan.Side) error {
	for record, err := range side.Records(ctx, &d.scanned) {
		var problem *scan.Problem
		if errors.As(err, &problem) {
			d.void = quarantine(problem)
			continue
		}
		if err := d.line(record, err); err != nil {
			return err
		}
	}
	if !d.begun && d.void == nil {
		return d.begin()
	}
	return d.void
}

func (d *decoding) line(record recon.Record, err error) error {
	if !d.begun {
		if err := d.begin(); err != nil {
			return err
		}
	}
	var reject recon.Reject
	switch {
	case errors.As(err, &reject):
		d.rejects++
		reject.Column = max(1, reject.Column)
		return d.emit.Reject(reject)
	case err != nil:
		return err
	}
	d.records++
	return d.emit.Record(record)
}

// begin hands over what the scan of the whole file said.
func (d *decoding) begin() error {
	d.begun = true
	for i, n := range d.scanned.Sums {
		d.req.Sums[i].Counted = n
	}
	if d.req.Comment == nil {
		return nil
	}
	for _, c := range d.scanned.Comments {
		if err := d.req.Comment(c.Text, c.Line); err != nil {
			return err
		}
	}
	return nil
}

// quarantine is what is wrong with a file, for people who have it before them.
func quarantine(p *scan.Problem) error {
	text := p.What
	if p.Field != "" {
		text = p.Field + " " + text
	}
	if p.Value != "" {
		text = fmt.Sprintf("%s (got %q)", text, p.Value)
	}
	if p.Line > 0 {
		text = fmt.Sprintf("line %d: %s", p.Line, text)
	}
	return plugins.Fail(plugins.FailureQuarantine, "%s", text)
}

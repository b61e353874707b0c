package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// part is where in the bill the reader is.
type part int

const (
	partHeader part = iota
	partRows
	partSummary
	partEnd
)

// checkEvery is how many lines pass between two looks at the context.
const checkEvery = 1024

// bill reads one trade bill line by line and keeps nothing of it but its totals.
type bill struct {
	req   plugins.DecodeRequest
	emit  plugins.Emitter
	zone  *time.Location
	lines *lineReader

	part    part
	layout  *layout
	totals  *totals
	names   []string // of the summary
	cells   []string // re-used
	remarks []plugins.Diagnostic
}

// read takes the whole bill and emits its records and rejects.
func (b *bill) read(ctx context.Context) error {
	for {
		if b.lines.number%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, long, err := b.lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := b.line(string(line), long); err != nil {
			return err
		}
	}
}

func (b *bill) line(text string, long bool) error {
	if b.lines.number == 1 {
		text = strings.TrimPrefix(text, "\uFEFF")
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	switch b.part {
	case partHeader:
		return b.header(text)
	case partRows:
		if names := splitNames(text); !long && strings.Contains(text, sumCount) && isSummary(names) {
			b.names, b.part = names, partSummary
			return nil
		}
		return b.row(text, long)
	case partSummary:
		cells, ok := splitRow(text, nil)
		if !ok {
			return plugins.Fail(plugins.FailureQuarantine, "line %d: summary row does not begin with a backtick", b.lines.number)
		}
		b.part = partEnd
		return b.totals.state(b.names, cells)
	}
	return plugins.Fail(plugins.FailureQuarantine, "line %d: text after the summary", b.lines.number)
}

func (b *bill) header(text string) error {
	if strings.HasPrefix(text, "<") || strings.HasPrefix(text, "{") {
		return plugins.Fail(plugins.FailureQuarantine, "line %d: an answer of the API instead of a bill", b.lines.number)
	}
	l, remarks, err := readLayout(splitNames(text))
	if err != nil {
		return err
	}
	b.layout, b.totals, b.remarks, b.part = l, newTotals(l), remarks, partRows
	return nil
}

// row emits one detail line, as a record or as a reject. What can be read of a reject still counts in the totals.
func (b *bill) row(text string, long bool) error {
	if long {
		b.totals.skip()
		return b.reject(1, "", text, "line too long")
	}
	cells, ok := splitRow(text, b.cells[:0])
	if !ok {
		b.totals.skip()
		return b.reject(1, "", text, "row does not begin with a backtick")
	}
	b.cells = cells
	unread := b.totals.add(b.layout, cells)
	if want := len(b.layout.names); len(cells) != want {
		return b.reject(columnOf(cells, want), "", text, wrongWidth(want, len(cells)))
	}
	if !utf8.ValidString(text) {
		return b.reject(1, "", text, "not UTF-8")
	}
	if unread != nil {
		return b.fault(unread)
	}
	record, bad := row{layout: b.layout, cells: cells, zone: b.zone}.record()
	if bad == nil && b.req.Account != "" && record.Account != b.req.Account {
		bad = &fault{b.layout.merchant, "another account than the statement's"}
	}
	if bad != nil {
		return b.fault(bad)
	}
	record.Origin.Line = b.lines.number
	return b.emit.Record(record)
}

func (b *bill) fault(f *fault) error {
	return b.reject(columnOf(b.cells, f.cell), b.layout.names[f.cell], b.cells[f.cell], f.reason)
}

func (b *bill) reject(column int, field, value, reason string) error {
	return b.emit.Reject(recon.Reject{
		Origin: recon.Origin{Line: b.lines.number}, Column: column, Field: field, Value: value, Reason: reason,
	})
}

// check holds the whole bill against its summary.
func (b *bill) check() error {
	switch b.part {
	case partHeader:
		return plugins.Fail(plugins.FailureQuarantine, "empty file: a day without transactions has no bill at all")
	case partRows, partSummary:
		return plugins.Fail(plugins.FailureQuarantine, "no summary: the bill is cut off after line %d", b.lines.number)
	}
	return b.totals.check()
}

// result gives the totals and remarks, also of a bill that is refused.
func (b *bill) result() plugins.DecodeResult {
	res := plugins.DecodeResult{Diagnostics: b.remarks}
	if b.totals != nil {
		res.Totals = b.totals.list()
	}
	return res
}

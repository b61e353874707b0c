package main

import (
	"context"
	"io"
	"regexp"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/statement"
	"github.com/seed-3356bd69/touchstone/recon"
)

// bill is what one statement kind is like.
type bill struct {
	title  string // what its files begin with
	format *recon.FormatSpec
	sums   []*statement.Sum
	end    string // text of the line behind the rows
	// footers is how many figures a file with rows states; of refunds it states some only where there are any.
	footers func(counts map[recon.Kind]int64) int
}

func billOf(kind string) *bill {
	sum := func(column string) *statement.Sum { return &statement.Sum{Column: column, Unit: recon.UnitMajor} }
	switch kind {
	case kindTrade:
		return &bill{title: "支付宝业务", format: tradeFormat(), sums: []*statement.Sum{sum(colAmount), sum(colReceived), sum(colFee)}, end: endTrade, footers: tradeFooters}
	case kindAccount:
		return &bill{title: "支付宝账务", format: accountFormat(), sums: []*statement.Sum{sum(colIn), sum(colOut)}, end: endAccount, footers: func(map[recon.Kind]int64) int { return len(accountFormat().Totals) }}
	}
	return nil
}

func tradeFooters(counts map[recon.Kind]int64) int {
	if counts[recon.KindRefund] > 0 {
		return len(tradeFormat().Totals)
	}
	return len(tradeFormat().Totals) / 2
}

// Decode reads a bill and holds the details against their footer and against the summary beside them.
func (a *adapter) Decode(ctx context.Context, req plugins.DecodeRequest, r io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error) {
	b := billOf(req.Kind)
	if b == nil {
		return plugins.DecodeResult{}, plugins.Fail(plugins.FailureUnsupported, "no statement kind %q", req.Kind)
	}
	if req.Hash.Type != "" {
		return plugins.DecodeResult{}, plugins.Fail(plugins.FailureUnsupported, "bill is declared with a hash of type %q; this channel declares none", req.Hash.Type)
	}
	c, err := openContainer(r, b.title)
	if err != nil {
		return plugins.DecodeResult{}, err
	}
	defer c.done()
	d := &details{bill: b, account: req.Account, emit: emit, counts: map[recon.Kind]int64{}}
	res, err := statement.Decode(ctx, b.format, statement.Request{Date: req.Date, Sums: b.sums, Comment: d.comment}, c.details, d)
	if err == nil {
		err = d.check(res)
	}
	if err != nil {
		return res, err
	}
	switch {
	case c.summary != nil:
		totals, err := d.against(c.summary, res)
		res.Totals = append(res.Totals, totals...)
		return res, err
	case c.name != "":
		return res, plugins.Fail(plugins.FailureQuarantine, "zip has the details and no summary")
	}
	res.Diagnostics = append(res.Diagnostics, plugins.Diagnostic{
		Severity: plugins.SeverityWarning, Message: "details without their summary: only the footer was checked",
	})
	return res, nil
}

// details passes records on, with the account that only a comment states, and remembers what the summary must say.
type details struct {
	*bill
	account string // as asked for: the PID, or the PID with 0156 behind it as files have it
	emit    plugins.Emitter

	owner  string // as the file says
	ended  bool
	counts map[recon.Kind]int64
}

// Record gives the record its account.
func (d *details) Record(r recon.Record) error {
	d.counts[r.Key.Kind]++
	r.Account = d.owner
	return d.emit.Record(r)
}

// Reject passes a reject on.
func (d *details) Reject(r recon.Reject) error { return d.emit.Reject(r) }

var accountLine = regexp.MustCompile(`^#账号：\[(\d+)\]`)

// pidLength is how many digits of an account in a file are the merchant's PID; 0156 follows.
const pidLength = 16

func (d *details) comment(text string, line int) error {
	if m := accountLine.FindStringSubmatch(text); m != nil {
		d.owner = m[1]
		if len(d.owner) == pidLength+len("0156") {
			d.owner = strings.TrimSuffix(d.owner, "0156")
		}
		if asked := d.account; asked != "" && asked != m[1] && asked != d.owner {
			return plugins.Fail(plugins.FailureQuarantine, "line %d: bill of account %s, not of %s", line, m[1], asked)
		}
	}
	d.ended = d.ended || strings.Contains(text, d.end)
	return nil
}

// check finds a file that was cut off: the line behind the rows and the footer are the only proof that all is there.
func (d *details) check(res plugins.DecodeResult) error {
	switch {
	case !d.ended:
		return plugins.Fail(plugins.FailureQuarantine, "no line %q: the file is cut off", d.end)
	case len(res.Totals) < d.footers(d.counts) && res.Records+res.Rejects > 0:
		return plugins.Fail(plugins.FailureQuarantine, "no footer with all sums: the file is cut off")
	}
	return nil
}

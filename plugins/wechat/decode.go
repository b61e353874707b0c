package main

import (
	"bufio"
	"context"
	"io"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
	"github.com/seed-3356bd69/touchstone/plugins/statement"
	"github.com/seed-3356bd69/touchstone/recon"
)

// headerBytes is how much of a bill is looked at to tell which one it is; a header is far shorter.
const headerBytes = 4 << 10

// Decode reads a bill, plain or gzip.
func (a *adapter) Decode(ctx context.Context, req plugins.DecodeRequest, r io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error) {
	format := formatOf(req.Kind)
	if format == nil {
		return plugins.DecodeResult{}, plugins.Fail(plugins.FailureUnsupported, "no statement kind %q", req.Kind)
	}
	body, sum, err := openBody(r, req.Hash)
	if err != nil {
		return plugins.DecodeResult{}, err
	}
	in := bufio.NewReaderSize(body, channel.Buffer)
	if err := rightBill(in, req.Kind); err != nil {
		return plugins.DecodeResult{}, err
	}
	ask := statement.Request{Account: req.Account, Date: req.Date}
	if isTrade(req.Kind) {
		ask.Sums = tradeSums()
	}
	res, err := statement.Decode(ctx, format, ask, in, emit)
	if err != nil {
		return res, err
	}
	return res, sum.check()
}

// formatOf gives the format of a statement kind, nil for one this adapter does not know.
func formatOf(kind string) *recon.FormatSpec {
	switch {
	case isTrade(kind):
		return tradeFormat(kind)
	case isFund(kind):
		return fundFormat(kind)
	}
	return nil
}

// rightBill holds the header against the kind that was asked for: the three trade bills repeat each other's rows, and a
// SUCCESS bill read as the whole day would lose every refund.
func rightBill(in *bufio.Reader, kind string) error {
	head, err := in.Peek(headerBytes)
	if err != nil && len(head) == 0 {
		return nil // empty or broken: the reader of the lines says so
	}
	header, _, _ := strings.Cut(string(head), "\n")
	if !isTrade(kind) || !strings.Contains(header, colTime) {
		return nil
	}
	found := kindTrade
	switch {
	case strings.Contains(header, colRefunded):
		found = kindRefund
	case !strings.Contains(header, colRefState):
		found = kindSuccess
	}
	if found != kind {
		return plugins.Fail(plugins.FailureUnsupported, "line 1: a %s bill, not a %s bill as asked for", strings.ToUpper(found), strings.ToUpper(kind))
	}
	return nil
}

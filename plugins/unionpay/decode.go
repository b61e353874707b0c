package main

import (
	"archive/zip"
	"bufio"
	"context"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
	"github.com/seed-3356bd69/touchstone/plugins/statement"
	"github.com/seed-3356bd69/touchstone/recon"
)

const zipMagic = "PK\x03\x04"

func formatOf(kind string) *recon.FormatSpec {
	switch kind {
	case kindTrade:
		return tradeFormat()
	case kindDisputes:
		return disputeFormat()
	}
	return nil
}

// Decode reads one file of the zip, or that file alone.
func (a *adapter) Decode(ctx context.Context, req plugins.DecodeRequest, r io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error) {
	format := formatOf(req.Kind)
	if format == nil {
		return plugins.DecodeResult{}, plugins.Fail(plugins.FailureUnsupported, "no statement kind %q", req.Kind)
	}
	if req.Hash.Type != "" {
		return plugins.DecodeResult{}, plugins.Fail(plugins.FailureUnsupported, "file is declared with a hash of type %q; this channel declares none", req.Hash.Type)
	}
	in := bufio.NewReaderSize(r, channel.Buffer)
	magic, err := in.Peek(len(zipMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return plugins.DecodeResult{}, err
	}
	ask := statement.Request{Account: req.Account, Date: req.Date}
	if string(magic) != zipMagic {
		return decodeLines(ctx, format, ask, channel.Bounded(in, channel.MaxBody), emit)
	}
	f, size, done, err := channel.Spool(in)
	if err != nil {
		return plugins.DecodeResult{}, err
	}
	defer done()
	z, err := zip.NewReader(f, size)
	if err != nil {
		return plugins.DecodeResult{}, channel.Corrupt(err)
	}
	entry, remarks, err := choose(z, req)
	if err != nil || entry == nil {
		return plugins.DecodeResult{Diagnostics: remarks}, err
	}
	body, err := entry.Open()
	if err != nil {
		return plugins.DecodeResult{}, channel.Corrupt(err)
	}
	defer body.Close()
	res, err := decodeLines(ctx, format, ask, channel.Bounded(body, channel.MaxBody), emit)
	res.Diagnostics = append(remarks, res.Diagnostics...)
	return res, err
}

// choose finds the file by its name: INN, the day, two signs, ZM_ or ZME_, the merchant. A zip without disputes is one of
// a day without them; one without transactions is none.
func choose(z *zip.Reader, req plugins.DecodeRequest) (*zip.File, []plugins.Diagnostic, error) {
	mark, found := "ZM_", (*zip.File)(nil)
	if req.Kind == kindDisputes {
		mark = "ZME_"
	}
	var remarks []plugins.Diagnostic
	for _, f := range z.File {
		name := strings.ToValidUTF8(path.Base(f.Name), "\uFFFD")
		switch {
		case strings.Contains(name, mark) && found != nil:
			return nil, remarks, plugins.Fail(plugins.FailureQuarantine, "zip has two files %s", mark)
		case strings.Contains(name, mark):
			found = f
			if err := ownFile(name, req); err != nil {
				return nil, remarks, err
			}
		case !strings.Contains(name, "ZM_") && !strings.Contains(name, "ZME_"):
			remarks = append(remarks, plugins.Diagnostic{Severity: plugins.SeverityWarning, Value: name, Message: "a file nobody knows, left unread"})
		}
	}
	if found == nil && req.Kind == kindTrade {
		return nil, remarks, plugins.Fail(plugins.FailureQuarantine, "zip has no file ZM_")
	}
	return found, remarks, nil
}

// ownFile holds the name against merchant and day: INNyymmdd….
func ownFile(name string, req plugins.DecodeRequest) error {
	if _, merchant, ok := strings.Cut(name, "_"); ok && req.Account != "" && strings.TrimSuffix(merchant, path.Ext(merchant)) != req.Account {
		return plugins.Fail(plugins.FailureQuarantine, "file %s is of another merchant than %s", name, req.Account)
	}
	day := strings.ReplaceAll(req.Date, "-", "")
	if rest, ok := strings.CutPrefix(name, "INN"); ok && len(rest) >= 6 && len(day) == 8 && rest[:6] != day[2:] {
		return plugins.Fail(plugins.FailureQuarantine, "file %s is of another day than %s", name, req.Date)
	}
	return nil
}

// decodeLines reads the lines; an empty file is a day without them.
func decodeLines(ctx context.Context, format *recon.FormatSpec, ask statement.Request, r io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error) {
	in := bufio.NewReaderSize(r, channel.Buffer)
	head, err := in.Peek(1)
	if errors.Is(err, io.EOF) {
		return plugins.DecodeResult{}, nil
	}
	if err == nil && head[0] == '<' {
		return plugins.DecodeResult{}, plugins.Fail(plugins.FailureQuarantine, "a page instead of a statement")
	}
	ask.Check = settlement
	return statement.Decode(ctx, format, ask, in, emit)
}

// settlement holds a line against itself: what is settled is the amount without the fee. It is the only proof a line has,
// as the file has no totals.
func settlement(cell func(column string) string, r *recon.Record) (column, reason string) {
	text := cell(colSettled)
	if text == "" || r.Fee == nil {
		return colSettled, "empty: the line is cut off"
	}
	sign := int64(1)
	switch {
	case text[0] == 'C':
		text = text[1:]
	case text[0] == 'D':
		sign, text = -1, text[1:]
	}
	settled, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return colSettled, "neither C nor D and 12 digits"
	}
	if want := r.Key.Kind.Direction()*r.Amount.Minor - r.Fee.Minor; sign*settled != want && r.Key.Kind != recon.KindChargeback {
		return colSettled, "not the amount without the fee"
	}
	return "", ""
}

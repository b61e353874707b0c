package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/compare"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// simulatedDay is the day of everything that test/recongen makes.
const simulatedDay = "2026-11-23"

// dayChannel is one channel of the simulated day.
type dayChannel struct {
	name    string // and that of its adapter, which describes the lines
	account string
	profile string // of the generic adapter
	format  recongen.Format
	share   int64 // of the day's transactions, in per cent
	compare string
}

func dayChannels() []dayChannel {
	return []dayChannel{
		{name: "wechat", account: "1900000001", format: recongen.FormatWeChat, share: 40, compare: "fee, time"},
		{name: "alipay", account: "20880000000000000156", format: recongen.FormatAlipay, share: 30, compare: "fee, time"},
		{name: "unionpay", account: recongen.UnionPayMerchant, format: recongen.FormatUnionPay, share: 10, compare: "fee, time"},
		{name: "netsunion", account: "Z2000", format: recongen.FormatNetsUnion, share: 10, compare: "time"},
		{name: "bank", account: "6222", profile: "cmb-txt", format: recongen.FormatBank, share: 10},
	}
}

// generator makes both sides of the channel's day. Each channel has order numbers of its own.
func (c dayChannel) generator(o *dayOptions, place int) (*recongen.Generator, error) {
	records := max(1, o.Records*c.share/100)
	return recongen.New(recongen.Config{Seed: o.Seed*10 + uint64(place), Records: records, Sides: 2, Format: c.format, Rates: c.format.Rates(o.FaultRate)})
}

func (c dayChannel) bill() string  { return filepath.Join("bills", c.name+"-"+simulatedDay) }
func (c dayChannel) books() string { return filepath.Join("books", c.name+"-"+simulatedDay+".csv") }

// write writes what the channel sent and what our books say.
func (c dayChannel) write(ctx context.Context, dir string, g *recongen.Generator) error {
	for side, name := range []string{c.books(), c.bill()} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("write day: %w", err)
		}
		err = g.WriteSide(ctx, side, f)
		if shut := f.Close(); err == nil {
			err = shut
		}
		if err != nil {
			return fmt.Errorf("write day: %w", err)
		}
	}
	return nil
}

// section is the channel in the configuration.
func (c dayChannel) section() string {
	return fmt.Sprintf(`  - name: %s
    account: "%s"
    from: 0s
    every: 1s
    provisional: 0s
    max_rejected: 0
    compare: [%s]
    folder: {path: ./bills, file: "%s-{day}", format: %s.json, settle: 0s}
    books: {path: ./books, file: "%s-{day}.csv", format: books.json}
`, c.name, c.account, c.compare, c.name, c.name, c.name)
}

// describe asks the channel's adapter what its lines are like and writes that down.
func (c dayChannel) describe(ctx context.Context, adapters, dir string) error {
	all, err := plugins.Discover(adapters)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(f plugins.Found) bool { return f.Name == c.name })
	if at < 0 {
		return fmt.Errorf("no %s%s in %s; try: make build", plugins.BinaryPrefix, c.name, adapters)
	}
	config := plugins.HostConfig{
		Name: c.name, Path: all[at].Path, SHA256: all[at].SHA256, Logger: slog.New(slog.DiscardHandler), Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	}
	if c.profile != "" {
		config.Secrets = map[string]string{"TOUCHSTONE_PROFILE": c.profile}
	}
	host, err := plugins.Start(ctx, config)
	if err != nil {
		return fmt.Errorf("start adapter: %w", err)
	}
	defer host.Close()
	spec, err := compare.Lines(c.name, "trade", host.Description().Kinds)
	if err != nil {
		return err
	}
	return writeSpec(filepath.Join(dir, c.name+".json"), spec)
}

func writeSpec(path string, spec *recon.FormatSpec) error {
	text, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("encode format: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write format: %w", err)
	}
	return nil
}

// bookLines is how our own books are written.
func bookLines() *recon.FormatSpec {
	f := &recon.FormatSpec{
		Name: "books", Open: true, KindIn: "kind", Lines: recon.LineRule{Separator: ",", Quote: true, Trim: " \t"},
	}
	for _, name := range strings.Fields("order_id booking_id kind amount fee currency status created_at") {
		f.Columns = append(f.Columns, recon.Column{Name: name})
	}
	for _, kind := range []recon.Kind{recon.KindPayment, recon.KindRefund} {
		f.Rows = append(f.Rows, recon.RowRule{
			Match: []string{string(kind)}, Kind: kind, Key: []string{"booking_id"}, Order: []string{"order_id"}, CurrencyIn: "currency", Time: []string{"created_at"},
			Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMajor}, Fee: &recon.Amount{Columns: []string{"fee"}, Unit: recon.UnitMajor},
			Status: recon.StatusMap{Column: "status", Values: map[string]recon.Status{"paid": recon.StatusSuccess, "pending": recon.StatusProcessing, "failed": recon.StatusFailed}},
		})
	}
	return f
}

package main

import (
	"context"
	"io"

	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// formatsCmd measures the channels' own bills.
type formatsCmd struct {
	common
	Records int64 `default:"10000000" help:"Rows a side."`
}

// Run compares CSV with CSV, with the bills, and packed.
func (cmd *formatsCmd) Run(ctx context.Context, out io.Writer) error {
	var sets []fileSet
	var contenders []contender
	for _, day := range []struct {
		title, name string
		format      recongen.Format
		gzip        bool
	}{
		{"CSV against CSV", "peers", recongen.FormatCSV, false},
		{"CSV against a WeChat bill", "wechat", recongen.FormatWeChat, false},
		{"CSV against an Alipay bill", "alipay", recongen.FormatAlipay, false},
		{"CSV against CSV, both gzip", "gzip", recongen.FormatCSV, true},
	} {
		c := config(cmd.common, cmd.Records, 0.00001)
		c.Format, c.Gzip = day.format, day.gzip
		files, err := generate(ctx, cmd.Dir, day.name, c)
		if err != nil {
			return err
		}
		one := cmd.touchstone(day.title, files)
		if day.format != recongen.FormatCSV {
			one = cmd.bill(day.title, files, day.format)
		}
		sets, contenders = append(sets, files), append(contenders, one)
	}
	if err := turns(ctx, cmd.Rounds, contenders); err != nil {
		return err
	}
	if err := table(out, sets, contenders); err != nil {
		return err
	}
	rate := func(i int) float64 { return float64(sets[i].bytes) / medians(contenders[i].runs).wall }
	goals(out,
		goal{what: "of the rate of CSV (bytes) with a WeChat bill", got: rate(1) / rate(0), atLeast: 0.5},
		goal{what: "of the rate of CSV (bytes) with an Alipay bill", got: rate(2) / rate(0), atLeast: 0.5},
	)
	return nil
}

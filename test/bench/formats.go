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

// Run compares CSV with CSV, with a WeChat bill and with an Alipay bill.
func (cmd *formatsCmd) Run(ctx context.Context, out io.Writer) error {
	var sets []fileSet
	var contenders []contender
	for _, format := range []recongen.Format{recongen.FormatCSV, recongen.FormatWeChat, recongen.FormatAlipay} {
		c := config(cmd.common, cmd.Records, 0.00001)
		c.Format = format
		files, err := generate(ctx, cmd.Dir, string(format), c)
		if err != nil {
			return err
		}
		sets, contenders = append(sets, files), append(contenders, cmd.touchstone("CSV against "+string(format), files))
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

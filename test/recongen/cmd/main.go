// Command cmd writes the files that reconciliation is proved with.
//
//	go run ./test/recongen/cmd --records 1000000 --out out/recon
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/seed-3356bd69/touchstone/test/recongen"
)

type options struct {
	Records   int64              `default:"1000000" help:"Rows of the first side."`
	Seed      uint64             `default:"1" help:"Equal seeds make equal files."`
	Order     uint64             `help:"Another order of the same rows."`
	Sides     int                `default:"2" help:"2 or 3."`
	Out       string             `required:"" type:"path" help:"Folder for the files; it is created."`
	FaultRate float64            `default:"0.00001" help:"Planted groups of every class, as a share of the records."`
	Fault     map[string]float64 `placeholder:"CLASS=RATE" help:"Another rate for one class, such as amount=1 (every record differs) or status=0."`
	Format    string             `default:"csv" enum:"csv,wechat,alipay,unionpay,netsunion,bank" help:"Form of the second side."`
	Gzip      bool               `help:"Pack each file."`
	Quoted    bool               `help:"CSV: quotes, separators and line ends inside of cells."`
	Shift     time.Duration      `help:"Added to the time of every row of the second side, such as 10m."`
	Keys      int64              `help:"Order numbers in all, with --fault-rate=0; 0 = one a booking."`
	Truth     bool               `default:"true" negatable:"" help:"Write what was planted: a JSON line a group."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("Writes two or three sides of one day with planted faults, and the truth about them."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "recongen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	rates := map[recongen.Class]float64{}
	if o.FaultRate > 0 {
		rates = recongen.Format(o.Format).Rates(o.FaultRate)
	}
	for name, rate := range o.Fault {
		class, err := recongen.ParseClass(name)
		if err != nil {
			return err
		}
		rates[class] = rate
	}
	g, err := recongen.New(recongen.Config{
		Seed: o.Seed, Order: o.Order, Records: o.Records, Sides: o.Sides, Rates: rates, Format: recongen.Format(o.Format), Gzip: o.Gzip, Quoted: o.Quoted, Keys: o.Keys, Shift: o.Shift,
	})
	if err != nil {
		return err
	}
	if err := g.WriteFiles(ctx, o.Out, o.Truth); err != nil {
		return err
	}
	names, truth := g.Names(o.Out)
	for side, name := range names {
		fmt.Printf("%s: %d records\n", name, g.Rows(side))
	}
	if o.Truth {
		fmt.Println(truth)
	}
	return nil
}

// Command touchstone-bench measures the ports of the sidecar against their peers, in pairs within one run, and prints
// ratios with the peers' figures beside them; and what a whole day of reconciliation takes, from files to cases.
//
// In:    the built binaries, a private MariaDB; haproxy, sysbench and nginx of this machine.
// Out:   a table on standard output: what was measured, the peer, the ratio, the goal.
// Never: a process or a file left behind, a day that is called closed with a fault that is no case.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	Part       string        `default:"all" enum:"all,passthrough,latency,loss,http,mirror,day,lookup" help:"What is measured; all = the ports."`
	Sidecar    string        `default:"bin/touchstone" help:"The built program; adapters beside it."`
	Pairs      int           `default:"5" help:"Pairs of the pass-through part; the latency part takes twice as many."`
	Seconds    int           `default:"4" help:"Length of one measurement."`
	Rate       int           `default:"300" help:"Writes a second of the latency part; they must need less than half of the CPU."`
	HTTPRate   int           `default:"500" help:"Requests a second beside a bad candidate; they must need less than half of the CPU."`
	MirrorRate int           `default:"4000" help:"Requests a second of the mirroring part."`
	LossRate   int           `default:"2000" help:"Tagged writes a second of the loss part."`
	LossFor    time.Duration `default:"30s" help:"Length of the loss part."`
	Day        dayOptions    `embed:""`
	Lookup     lookupOptions `embed:""`
}

func main() {
	var o options
	kong.Parse(&o, kong.Description("Measures the sidecar's ports against their peers."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	switch o.Part {
	case "day":
		return day(ctx, o, os.Stdout)
	case "lookup":
		return lookup(ctx, o, os.Stdout)
	}
	for _, part := range []struct {
		name string
		run  func(context.Context, *machine, options) error
	}{{"passthrough", passthrough}, {"latency", latency}, {"loss", loss}, {"http", httpPart}, {"mirror", mirrorPart}} {
		if o.Part != part.name && (o.Part != "all" || part.name == "mirror") { // which is one of http
			continue
		}
		if err := one(ctx, o, part.run); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func one(ctx context.Context, o options, measure func(context.Context, *machine, options) error) (err error) {
	m, err := newMachine(ctx, o.Sidecar)
	if err != nil {
		return err
	}
	defer m.close()
	return measure(ctx, m, o)
}

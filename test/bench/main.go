// Command bench holds `touchstone recon compare` against its peers on this machine: DuckDB, and the SHA-256 of the files.
// It is a module of its own because DuckDB needs a C compiler, and the product does not.
//
// In:    the built touchstone; a seed and a size. The files are generated.
// Out:   medians of wall time, processor time and memory, the ratios, and whether all gave the same answer.
// Never: a ratio of answers that differ; a verdict on absolute times; a process left behind.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Peers   peersCmd   `cmd:"" help:"Compare two CSV files, against DuckDB and SHA-256."`
	Worst   worstCmd   `cmd:"" help:"Every record differs, against the same size with few breaks."`
	Formats formatsCmd `cmd:"" help:"The channels' own bills, against CSV."`
	Memory  memoryCmd  `cmd:"" help:"The same answer within less and less memory."`
	Pin     pinCmd     `cmd:"" help:"Workers on processors of their own, alone and beside other programs."`
	Plot    plotCmd    `cmd:"" help:"Time and memory against the number of records, as a data file and an SVG."`
	Compute computeCmd `cmd:"" hidden:"" help:"Computes until it is killed."`
	Ask     askCmd     `cmd:"" hidden:"" help:"One run of a peer; started by the other commands."`
}

// common is what all measurements share.
type common struct {
	Touchstone string `default:"../../bin/touchstone" type:"path" help:"The built product."`
	Dir        string `default:"../../out/bench" type:"path" help:"Folder for generated files; what fits is used again."`
	Threads    int    `default:"2" help:"Threads of every program."`
	Rounds     int    `default:"5" help:"Runs of each program, in turns; medians are printed."`
	Seed       uint64 `default:"1" help:"Of the generated files."`
}

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("bench"), kong.Description("Measures reconciliation against its peers."))
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(os.Stdout, (*io.Writer)(nil))
	err = command.Run()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

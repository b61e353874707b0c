package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
)

// pinCmd measures when it pays to keep each worker on a processor of its own: alone, and beside programs that compute.
type pinCmd struct {
	common
	Records    int64 `default:"10000000" help:"Rows a side."`
	Neighbours int   `default:"1" help:"Programs that compute all the time beside the second half of the runs."`
}

// Run compares --pin with its absence in turns.
func (cmd *pinCmd) Run(ctx context.Context, out io.Writer) error {
	files, err := generate(ctx, cmd.Dir, "peers", config(cmd.common, cmd.Records, 0.00001))
	if err != nil {
		return err
	}
	pair := func(where string) []contender {
		return []contender{cmd.touchstone("as the kernel likes, "+where, files), cmd.touchstone("--pin, "+where, files, "--pin")}
	}
	alone, beside := pair("alone"), pair(fmt.Sprintf("beside %d", cmd.Neighbours))
	if err := turns(ctx, cmd.Rounds, alone); err != nil {
		return err
	}
	end, err := neighbours(ctx, cmd.Neighbours)
	if err != nil {
		return err
	}
	err = turns(ctx, cmd.Rounds, beside)
	end()
	if err != nil {
		return err
	}
	all := slices.Concat(alone, beside)
	if err := table(out, slices.Repeat([]fileSet{files}, len(all)), all); err != nil {
		return err
	}
	ratio := func(two []contender) float64 { return medians(two[0].runs).wall / medians(two[1].runs).wall }
	goals(out, goal{what: "times faster with --pin, alone", got: ratio(alone)}, goal{what: "times faster with --pin, beside others", got: ratio(beside)})
	return nil
}

// neighbours starts programs that compute until end is called.
func neighbours(ctx context.Context, n int) (end func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	var running []*exec.Cmd
	end = func() {
		for _, cmd := range running {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()         // it was killed
		}
	}
	for range n {
		cmd := exec.CommandContext(ctx, self, "compute")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			end()
			return nil, fmt.Errorf("start a neighbour: %w", err)
		}
		running = append(running, cmd)
	}
	return end, nil
}

// computeCmd is such a neighbour.
type computeCmd struct{}

// Run computes until it is killed.
func (computeCmd) Run(ctx context.Context) error {
	for x := uint64(1); ; x = x*6364136223846793005 + 1442695040888963407 {
		if x>>40 == 0 && ctx.Err() != nil {
			return nil
		}
	}
}

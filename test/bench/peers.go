package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// peersCmd measures the common day: nearly all agree.
type peersCmd struct {
	common
	Records   int64   `default:"10000000" help:"Rows a side."`
	FaultRate float64 `default:"0.00001" help:"Planted groups of every class, as a share of the records."`
}

func (cmd *peersCmd) Run(ctx context.Context, out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	files, err := generate(ctx, cmd.Dir, "peers", config(cmd.common, cmd.Records, cmd.FaultRate))
	if err != nil {
		return err
	}
	ask := func(peer string) []string {
		return append([]string{"ask", peer, "--threads", fmt.Sprint(cmd.Threads)}, files.sides...)
	}
	contenders := []contender{
		cmd.touchstone("touchstone recon compare", files),
		{title: "DuckDB, full outer join", name: self, args: ask(peerJoin), files: files.sides, check: checkJoin(files.want)},
		{title: "DuckDB, all classes", name: self, args: ask(peerClasses), files: files.sides, check: checkClasses(files.want)},
		{title: "SHA-256 of both files", name: self, args: ask(peerSHA256), files: files.sides, check: succeeds},
	}
	if err := turns(ctx, cmd.Rounds, contenders); err != nil {
		return err
	}
	return cmd.print(out, files, contenders)
}

func succeeds(r run) error {
	if r.code != 0 {
		return fmt.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	return nil
}

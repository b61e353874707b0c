package main

import (
	"context"
	"fmt"
	"io"

	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// worstCmd measures the day on which nothing agrees.
type worstCmd struct {
	common
	Records int64  `default:"10000000" help:"Rows a side."`
	Memory  string `default:"1GiB" help:"Budget of the product."`
}

// Run compares files with few breaks to files in which every amount differs.
func (cmd *worstCmd) Run(ctx context.Context, out io.Writer) error {
	few := config(cmd.common, cmd.Records, 0.00001)
	all := few
	all.Rates = map[recongen.Class]float64{recongen.Amount: 1}
	var sets []fileSet
	var contenders []contender
	for i, c := range []recongen.Config{few, all} {
		files, err := generate(ctx, cmd.Dir, []string{"peers", "worst"}[i], c)
		if err != nil {
			return err
		}
		want, err := planted(files)
		if err != nil {
			return err
		}
		title := []string{"few breaks", "every record differs"}[i]
		sets, contenders = append(sets, files), append(contenders, cmd.touchstone(title, files, want, "--memory", cmd.Memory))
	}
	if err := turns(ctx, cmd.Rounds, contenders); err != nil {
		return err
	}
	if err := table(out, sets, contenders); err != nil {
		return err
	}
	few1, all1 := medians(contenders[0].runs), medians(contenders[1].runs)
	goals(out, goal{what: "times the normal time when every record differs", got: all1.wall / few1.wall, most: 5})
	return nil
}

// memoryCmd measures one day within smaller and smaller budgets.
type memoryCmd struct {
	common
	Records int64    `default:"10000000" help:"Rows a side."`
	Budgets []string `default:"1GiB,256MiB,64MiB" help:"Values of --memory."`
}

// Run wants the same answer within each budget.
func (cmd *memoryCmd) Run(ctx context.Context, out io.Writer) error {
	files, err := generate(ctx, cmd.Dir, "peers", config(cmd.common, cmd.Records, 0.00001))
	if err != nil {
		return err
	}
	want, err := planted(files)
	if err != nil {
		return err
	}
	var sets []fileSet
	var contenders []contender
	for _, budget := range cmd.Budgets {
		sets, contenders = append(sets, files), append(contenders, cmd.touchstone("--memory "+budget, files, want, "--memory", budget))
	}
	if err := turns(ctx, cmd.Rounds, contenders); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records in %d MB, medians of %d rounds; all answers are what was planted\n\n", files.records, files.bytes/1e6, cmd.Rounds)
	return table(out, sets, contenders)
}

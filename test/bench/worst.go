package main

import (
	"context"
	"fmt"
	"io"

	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// worstCmd measures days on which nothing agrees, and one whose order numbers are all the same.
type worstCmd struct {
	common
	Records int64  `default:"10000000" help:"Rows a side."`
	Memory  string `default:"1GiB" help:"Budget of the product."`
}

// Run compares files with few breaks to the worst there are.
func (cmd *worstCmd) Run(ctx context.Context, out io.Writer) error {
	var sets []fileSet
	var contenders []contender
	for _, day := range []struct {
		title, name string
		rates       map[recongen.Class]float64
		keys        int64
	}{
		{"few breaks", "peers", recongen.EveryClass(0.00001), 0},
		{"every amount differs", "worst", map[recongen.Class]float64{recongen.Amount: 1}, 0},
		{"no record has a counterpart", "disjoint", map[recongen.Class]float64{recongen.MissingTheirs: 1, recongen.MissingOurs: 1}, 0},
		{"a hundred order numbers, all equal", "crowded", nil, 100},
	} {
		c := config(cmd.common, cmd.Records, 0)
		c.Rates, c.Keys = day.rates, day.keys
		files, err := generate(ctx, cmd.Dir, day.name, c)
		if err != nil {
			return err
		}
		sets, contenders = append(sets, files), append(contenders, cmd.touchstone(day.title, files, "--memory", cmd.Memory))
	}
	if err := turns(ctx, cmd.Rounds, contenders); err != nil {
		return err
	}
	if err := table(out, sets, contenders); err != nil {
		return err
	}
	var list []goal
	for _, c := range contenders[1:] {
		list = append(list, goal{what: "times the normal time: " + c.title, got: medians(c.runs).wall / medians(contenders[0].runs).wall, most: 5})
	}
	goals(out, list...)
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
	var sets []fileSet
	var contenders []contender
	for _, budget := range cmd.Budgets {
		sets, contenders = append(sets, files), append(contenders, cmd.touchstone("--memory "+budget, files, "--memory", budget))
	}
	if err := turns(ctx, cmd.Rounds, contenders); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d records in %d MB, medians of %d rounds; all answers are what was planted\n\n", files.records, files.bytes/1e6, cmd.Rounds)
	return table(out, sets, contenders)
}

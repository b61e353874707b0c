package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/test/bench/internal/duck"
	"github.com/seed-3356bd69/touchstone/test/recongen"
	"github.com/seed-3356bd69/touchstone/test/reconoracle"
)

// config is a day with every class of fault at one rate.
func config(c common, records int64, rate float64) recongen.Config {
	return recongen.Config{Seed: c.Seed, Records: records, Sides: 2, Format: recongen.FormatCSV, Rates: recongen.EveryClass(rate)}
}

// touchstone is the product as a contender.
func (c common) touchstone(title string, files fileSet, more ...string) contender {
	return c.asked(title, files, slices.Concat(reconoracle.Money().Flags(), more))
}

// bill is the product with a channel's own bill on the second side.
func (c common) bill(title string, files fileSet, format recongen.Format) contender {
	return c.asked(title, files, append(reconoracle.Booking().Flags(), "--format", string(format)))
}

func (c common) asked(title string, files fileSet, flags []string) contender {
	args := slices.Concat([]string{"recon", "compare"}, files.sides, flags, []string{"--json", "--threads", fmt.Sprint(c.Threads)})
	return contender{title: title, name: c.Touchstone, args: args, files: files.sides, check: func(r run) error { return checkSummary(r, files) }}
}

// checkSummary holds the summary against what was planted, in number and in money.
func checkSummary(r run, files fileSet) error {
	if r.code > 1 {
		return fmt.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	var s reconoracle.Summary
	if err := json.Unmarshal(r.stdout, &s); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	var records int64
	for _, side := range s.Sides {
		records += side.Records
	}
	if records != files.records {
		return fmt.Errorf("it read %d records, the files have %d", records, files.records)
	}
	got := duck.Counts{}
	for _, b := range s.Breaks {
		got[b.Break] = duck.Count{Count: b.Count, Ours: money(b.Sides["primary"]), Theirs: money(b.Sides["channel"])}
	}
	return agree(got, files.want)
}

// money adds up totals as numbers, whatever their kind and currency.
func money(totals []reconoracle.Total) int64 {
	var sum int64
	for _, t := range totals {
		sum += t.Minor
	}
	return sum
}

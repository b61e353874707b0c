package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// CompareRequest is one reconciliation of files or tables without configuration.
type CompareRequest struct {
	Sources   []string // files; two or three
	Columns   CompareColumns
	Format    *recon.FormatSpec // of the second source, a channel's own file; nil = columns
	Separator string
	Account   string // of the channel's file; "" accepts any
	Date      string // the statement's day, where the file's times have no year
	Plan      match.Plan
	Threads   int
	Parts     int
	Memory    int64
	Temp      string
	Unique    bool
	JSON      bool
	Breaks    string // file for the breaks: .csv or .jsonl; "" = none
	Out       io.Writer
	Terminal  io.Writer // gets a progress bar; nil = none
}

// Compare holds the sources against each other and prints what it found. equal is false when there is a break, or a line
// that could not be read.
func Compare(ctx context.Context, r CompareRequest) (equal bool, err error) {
	start := time.Now()
	sides, err := openSides(&r)
	defer func() {
		for _, s := range sides {
			err = errors.Join(err, s.Close())
		}
	}()
	if err != nil {
		return false, err
	}
	breaks, err := newBreakFile(r.Breaks, sides)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, breaks.abandon()) }()
	bar := newProgress(r.Terminal, sides)
	result, err := match.Reconcile(ctx, match.Config{
		Plan: r.Plan, Compared: r.Columns.compared(), Threads: r.Threads, Parts: r.Parts, Memory: r.Memory, Temp: r.Temp, Unique: r.Unique,
		Each: breaks.each(), Progress: bar.step,
	}, sides...)
	bar.end()
	if err != nil {
		return false, err
	}
	if err := breaks.finish(result); err != nil {
		return false, err
	}
	report := newCompareReport(&r, result, time.Since(start))
	if r.JSON {
		return result.Equal(), report.json(r.Out)
	}
	return result.Equal(), report.text(r.Out)
}

// openSides opens every source with its format.
func openSides(r *CompareRequest) ([]*scan.Side, error) {
	if len(r.Sources) < 2 || len(r.Sources) > 3 {
		return nil, fmt.Errorf("%d files; try: two, or three with the shadow's last", len(r.Sources))
	}
	hasher := entry.NewHasher(entry.NewSecret()) // nothing of it outlives the run
	var sides []*scan.Side
	for i, source := range r.Sources {
		format := r.Format
		if format == nil || i != 1 {
			var err error
			if format, err = r.Columns.format(i, r.Separator); err != nil {
				return sides, err
			}
		}
		o := scan.Options{
			Name: filepath.Base(source), Format: format, Hasher: hasher, Compared: r.Columns.compared(),
			Workers: r.Threads, Spool: r.Temp, Date: r.Date,
		}
		if i == 1 {
			o.Account = r.Account
		}
		side, err := openSource(source, o)
		if err != nil {
			return sides, err
		}
		sides = append(sides, side)
	}
	return sides, nil
}

func openSource(source string, o scan.Options) (*scan.Side, error) {
	if source == "-" {
		o.Name = "stdin"
		return scan.OpenStream(os.Stdin, o)
	}
	return scan.OpenFile(source, o)
}

// sideNames are the roles of two or three sources.
func sideNames(n int) []string { return []string{"primary", "channel", "shadow"}[:n] }

package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// Request is one reconciliation of files or tables without configuration.
type Request struct {
	Sources   []string // files; two or three
	Columns   Columns
	Format    *recon.FormatSpec // of the second source, a channel's own file; nil = columns
	Separator string
	Account   string // of the channel's file; "" accepts any
	Date      string // the statement's day, where the file's times have no year
	Plan      match.Plan
	Threads   int
	Parts     int
	Memory    int64
	Pin       bool // workers stand on one processor each
	Temp      string
	Resume    string // folder in which what was done is kept until the end; "" = a run that ends early begins from nothing
	PartSize  int64  // of Resume: bytes of text in a part; 0 = the engine's
	Unique    bool
	PushDown  bool          // two tables: their servers sum them up, and only rows of buckets that differ are read
	Recheck   time.Duration // two live tables: breaks are looked at again after so long; 0 = not
	JSON      bool
	Breaks    string // file for the breaks: .csv or .jsonl; "" = none
	Out       io.Writer
	Terminal  io.Writer // gets a progress bar; nil = none
	Log       io.Writer // is told that a run goes on; nil = nobody
}

// Run holds the sources against each other and prints what it found. equal is false when there is a break, or a line
// that could not be read.
func Run(ctx context.Context, r Request) (equal bool, err error) {
	start := time.Now()
	kept, err := openKept(&r)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, kept.close()) }()
	sides, tables, pushed, err := openSides(ctx, &r, kept.parts.Hasher())
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
	again := &recheck{tables: tables, delay: r.Recheck, to: breaks.each()}
	each := again.to
	if r.Recheck > 0 {
		each = again.hold
	}
	bar := newProgress(r.Terminal, sides)
	result, err := kept.reconcile(ctx, match.Config{
		Plan: r.Plan, Compared: r.Columns.compared(), Threads: r.Threads, Parts: r.Parts, PartSize: r.PartSize, Memory: r.Memory, Temp: r.Temp, Pin: r.Pin, Unique: r.Unique,
		Each: each, Progress: bar.step,
	}, sides)
	bar.end()
	if err != nil {
		return false, err
	}
	settled, err := again.settle(ctx)
	if err != nil {
		return false, err
	}
	if err := breaks.finish(result); err != nil {
		return false, err
	}
	out := newReport(&r, result, time.Since(start))
	out.settle(settled)
	out.Pushed = pushed
	if err := out.print(&r); err != nil {
		return false, err
	}
	return out.Equal, kept.clear()
}

// openSides opens every source with its format. What was opened is to be closed also after an error.
func openSides(ctx context.Context, r *Request, hasher *entry.Hasher) (sides []*scan.Side, t tables, pushed *ledger.Pushed, err error) {
	if len(r.Sources) < 2 || len(r.Sources) > 3 {
		return nil, nil, nil, fmt.Errorf("%d files; try: two, or three with the shadow's last", len(r.Sources))
	}
	formats := make([]*recon.FormatSpec, len(r.Sources))
	for i := range formats {
		if formats[i] = r.Format; r.Format == nil || i != 1 {
			if formats[i], err = r.Columns.format(i, r.Separator, isTable(r.Sources[i])); err != nil {
				return nil, nil, nil, err
			}
		}
	}
	if t, err = readTables(r.Sources, formats); err != nil {
		return nil, nil, nil, err
	}
	if r.PushDown {
		if pushed, err = t.pushDown(ctx); err != nil {
			return nil, nil, nil, err
		}
	}
	for i := range r.Sources {
		o := scan.Options{
			Format: formats[i], Hasher: hasher, Compared: r.Columns.compared(), Workers: r.Threads, Pin: r.Pin, Spool: r.Temp, Date: r.Date,
		}
		if i == 1 {
			o.Account = r.Account
		}
		side, err := openSource(ctx, r.Sources, t, i, o)
		if err != nil {
			return sides, t, pushed, err
		}
		sides = append(sides, side)
	}
	return sides, t, pushed, nil
}

func openSource(ctx context.Context, sources []string, t tables, i int, o scan.Options) (*scan.Side, error) {
	switch {
	case t[i] != nil:
		return t.open(ctx, i, o)
	case sources[i] == "-":
		o.Name = "stdin"
		return scan.OpenStream(os.Stdin, o)
	}
	return scan.OpenFile(sources[i], o)
}

// sideNames are the roles of two or three sources.
func sideNames(n int) []string { return []string{"primary", "channel", "shadow"}[:n] }

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"
	"golang.org/x/term"

	"github.com/seed-3356bd69/touchstone/cmd/internal/compare"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

type reconCmd struct {
	Compare   compareCmd   `cmd:"" help:"Hold two or three files or tables against each other; exit code 0 equal, 1 breaks, 2 error."`
	Run       runCmd       `cmd:"" help:"Do a day's statements as far as they go now; exit code 0 all closed, 1 some are open, 2 error."`
	Status    statusCmd    `cmd:"" help:"Tell where a day's statements stand, and why; exit codes as run."`
	Rerun     rerunCmd     `cmd:"" help:"Pull a day's statements again at once: a corrected file becomes a version of its own."`
	Close     closeCmd     `cmd:"" help:"Close a day whose statements are all closed."`
	Retire    retireCmd    `cmd:"" help:"Take out of the store what is past its term, now; a worker does it once a day."`
	Retired   retiredCmd   `cmd:"" help:"List the archived files of what left the store, or print what they hold about an id."`
	Archive   archiveCmd   `cmd:"" help:"Look after the archive of raw files and of what left the store."`
	Operation operationCmd `cmd:"" help:"Look at operations: what is to happen at channels, once."`
	Payment   paymentCmd   `cmd:"" help:"Look at payments that a worker confirms with the ledger."`
	Case      caseCmd      `cmd:"" help:"Work on cases, over the API of recon serve."`
	Serve     serveCmd     `cmd:"" help:"Run the desk: the API of cases, and the audit log."`
	Token     tokenCmd     `cmd:"" help:"Make a token for somebody who works on cases."`
}

// compareCmd is reconciliation without configuration. A column that the sides name differently is written ours=theirs.
type compareCmd struct {
	Sources    []string          `arg:"" help:"Ours, theirs (the channel's), and the shadow's if there is one: files (CSV, also gzip or zip), - or mysql://user:password@host/database?table=NAME."`
	Key        []string          `required:"" sep:"," placeholder:"COLUMN,..." help:"Columns that identify a booking together."`
	Amount     string            `required:"" placeholder:"COLUMN:yuan" help:"Amount and its unit: yuan (19.99) or fen (1999)."`
	Status     string            `placeholder:"COLUMN" help:"State; without it every line is a success."`
	Currency   string            `default:"CNY" placeholder:"CODE|COLUMN" help:"Currency of all lines, or the column that has it."`
	Kind       string            `placeholder:"COLUMN" help:"What a line books; without it a negative amount is a refund."`
	Fee        string            `placeholder:"COLUMN:yuan" help:"Fee, compared where it is given."`
	Time       string            `placeholder:"COLUMN" help:"Time, compared where it is given."`
	Layout     []string          `sep:"none" placeholder:"2006-01-02 15:04:05" help:"Form of times, as Go writes it; several are tried in order."`
	Zone       string            `default:"Asia/Shanghai" help:"Zone of times without one."`
	Compare    []string          `sep:"," placeholder:"COLUMN,..." help:"Further columns whose text is compared."`
	Map        map[string]string `mapsep:"," placeholder:"paid=success" help:"What a state means: success, processing, failed or closed."`
	KindMap    map[string]string `mapsep:"," placeholder:"支付=payment" help:"What a kind means: payment, refund, reversal, ..."`
	Format     string            `placeholder:"NAME|FILE.json" help:"Form of theirs, a channel's own file: of the adapter NAME (wechat, alipay, ...) or as FILE.json describes it; the other flags say what ours is."`
	FormatKind string            `placeholder:"KIND" help:"Statement kind of the adapter (default: its first)."`
	FormatEnv  []string          `sep:"," placeholder:"NAME,..." help:"Variables that the adapter needs."`
	Adapters   string            `type:"existingdir" placeholder:"FOLDER" help:"Folder of adapters (default: that of this program)."`
	Account    string            `help:"With --format: the merchant's account; lines of others are not accepted."`
	Date       string            `placeholder:"2006-01-02" help:"With --format: the statement's day, where its times have no year."`
	Separator  string            `default:"," help:"Between the columns of CSV files."`
	Unique     bool              `help:"Report copies that every side has as often, too."`
	Pushdown   bool              `help:"Two tables: their servers sum them up, and only rows that may differ are read."`
	Recheck    time.Duration     `placeholder:"30s" help:"Two live tables: look at breaks again after so long."`
	Memory     string            `default:"4GiB" help:"For what is kept and joined; what exceeds it goes to disk."`
	Threads    int               `help:"Workers (default: the processors there are)."`
	Pin        bool              `help:"Workers stand on one processor each (files only)."`
	Temp       string            `type:"existingdir" help:"Folder for what does not fit in memory."`
	Resume     string            `type:"path" placeholder:"FOLDER" help:"Keep what is done in this folder until the end: a run that was killed goes on when it is started again with the same arguments."`
	PartSize   int64             `hidden:"" help:"With --resume: bytes of text in a part."`
	Plan       string            `enum:"auto,join,digest,spill" default:"auto" help:"auto, join, digest or spill; the answer is the same."`
	Parts      int               `hidden:"" help:"Partitions, a power of two."`
	JSON       bool              `help:"Print JSON."`
	Breaks     string            `placeholder:"FILE" help:"Write every break with both sides' values and places: .csv or .jsonl."`
}

// codedError ends the program with a code of its own. Without an error there is nothing to print.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *codedError) Unwrap() error { return e.err }

// ExitCode is the code.
func (e *codedError) ExitCode() int { return e.code }

var _ kong.ExitCoder = (*codedError)(nil)

// Exit codes of recon compare.
const (
	exitBreaks = 1
	exitError  = 2
)

func (cmd *compareCmd) Run(_ *cli, s *streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	request, err := cmd.request(s)
	if err == nil {
		err = cmd.channel(ctx, request, s)
	}
	if err != nil {
		return &codedError{exitError, err}
	}
	switch equal, err := compare.Run(ctx, *request); {
	case err != nil:
		return &codedError{exitError, err}
	case !equal:
		return &codedError{code: exitBreaks}
	}
	return nil
}

// channel adds the form of the channel's own file.
func (cmd *compareCmd) channel(ctx context.Context, r *compare.Request, s *streams) (err error) {
	if cmd.Format == "" {
		if cmd.FormatKind != "" || len(cmd.FormatEnv) > 0 || cmd.Adapters != "" || cmd.Account != "" {
			return errors.New("--format-kind, --format-env, --adapters, --account: are about --format; try: --format NAME")
		}
		return nil
	}
	if len(cmd.Compare) > 0 {
		return errors.New("--compare: the columns of a channel's own file are those of its format; try: without --compare, or without --format")
	}
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	from := compare.Channel{Format: cmd.Format, Kind: cmd.FormatKind, Folder: cmd.Adapters, Env: cmd.FormatEnv, Logger: logger}
	r.Format, err = from.Spec(ctx)
	return err
}

func (cmd *compareCmd) request(s *streams) (*compare.Request, error) {
	memory, err := humanize.ParseBytes(cmd.Memory)
	if err != nil {
		return nil, errors.New("--memory: not a size (got " + cmd.Memory + "); try: --memory 1GiB")
	}
	if cmd.Threads < 1 {
		cmd.Threads = runtime.GOMAXPROCS(0)
	}
	plan := match.Plan(cmd.Plan)
	if cmd.Plan == "auto" {
		plan = match.PlanAuto
	}
	return &compare.Request{
		Sources: cmd.Sources, Account: cmd.Account, Date: cmd.Date, Separator: cmd.Separator, Plan: plan, Threads: cmd.Threads, Parts: cmd.Parts, Memory: int64(memory),
		Temp: cmd.Temp, Resume: cmd.Resume, PartSize: cmd.PartSize, Log: s.log, Pin: cmd.Pin, Unique: cmd.Unique, PushDown: cmd.Pushdown, Recheck: cmd.Recheck, JSON: cmd.JSON, Breaks: cmd.Breaks, Out: s.out, Terminal: terminal(s.log),
		Columns: compare.Columns{
			Key: cmd.Key, Amount: cmd.Amount, Fee: cmd.Fee, Currency: cmd.Currency, Status: cmd.Status, Kind: cmd.Kind, Time: cmd.Time,
			Compare: cmd.Compare, States: cmd.Map, Kinds: cmd.KindMap, Layouts: cmd.Layout, Zone: cmd.Zone,
		},
	}, nil
}

// terminal gives a stream that a person looks at, or nil.
func terminal(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

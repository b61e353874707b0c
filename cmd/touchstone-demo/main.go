// Command touchstone-demo shows the whole system on one machine: a payment service in two releases behind the sidecar,
// two databases, a channel that issues its bill, the adapter that reads it, and the verdict.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/payservice"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/world"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
)

type cli struct {
	Run     runCmd     `cmd:"" default:"withargs" help:"Run the demo."`
	Service serviceCmd `cmd:"" hidden:"" help:"Run one release of the payment service."`
}

type runCmd struct {
	options
}

type serviceCmd struct {
	Release string         `required:""`
	Bug     payservice.Bug `default:""`
	Listen  string         `required:""`
	DSN     string         `required:""`
	Channel string         `required:""`
	Account string         `required:""`
	Key     string         `required:"" help:"File with the merchant's signing key."`
	InSteps bool           `help:"Insert rows as new and update them to their status."`
}

// Exit codes of a run.
const (
	exitPass     = 0
	exitError    = 1
	exitHold     = 2
	exitRollback = 3
)

func main() {
	runtime.LockOSThread() // children end with the thread that started them: it must be this one, which stays
	var c cli
	parser := kong.Must(&c, kong.Name("touchstone-demo"), kong.UsageOnError())
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	code := exitPass
	if err := command.Run(&code); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitError)
	}
	os.Exit(code)
}

func (cmd *runCmd) Run(code *int) error {
	wanted, err := cmd.scenario()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := run(ctx, cmd.options)
	if err != nil {
		return err
	}
	switch verdict := gate.Verdict(report.Verdict); {
	case cmd.Expect && verdict == wanted.verdict:
		*code = exitPass
	case cmd.Expect:
		return fmt.Errorf("this run was meant to end in %s", wanted.verdict)
	case verdict == gate.Hold:
		*code = exitHold
	case verdict == gate.Rollback:
		*code = exitRollback
	}
	return nil
}

const serviceDrain = 5 * time.Second

func (cmd *serviceCmd) Run() error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	key, err := world.ReadKey(cmd.Key)
	if err != nil {
		return err
	}
	db, err := world.OpenDSN(cmd.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	ln, err := net.Listen("tcp", cmd.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ctx, stop := daemon.Signals(context.Background(), log, os.Exit)
	defer stop()
	service := payservice.New(payservice.Config{Release: cmd.Release, Bug: cmd.Bug, Channel: cmd.Channel, Account: cmd.Account, Key: key, DB: db, InSteps: cmd.InSteps})
	if err := daemon.Serve(ctx, log, ln, service.Handler(), serviceDrain); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

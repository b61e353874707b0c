// Command touchstone is the product: one binary, one role a process.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/seed-3356bd69/touchstone/cmd/internal/app"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/recon/audit"
)

// version is set by the linker.
var version = "unreleased"

// cli is the command line.
type cli struct {
	LogFormat string     `enum:"text,json" default:"text" help:"Form of log lines: text or json."`
	LogLevel  slog.Level `default:"INFO" help:"DEBUG, INFO, WARN or ERROR."`

	Sidecar  sidecarCmd  `cmd:"" help:"Run the sidecar of a payment service."`
	Comparer comparerCmd `cmd:"" help:"Run the comparer: evidence in, verdict out."`
	Shadow   shadowCmd   `cmd:"" help:"Prepare the shadow database, compare it with the primary, empty it."`
	Gate     gateCmd     `cmd:"" help:"Ask where the gate and its rollout stand, and steer them."`
	Recon    reconCmd    `cmd:"" help:"Reconcile: hold books and statements against each other."`
	Worker   workerCmd   `cmd:"" help:"Run a worker of daily reconciliation: statements are pulled, reconciled and closed by schedule."`
	Audit    auditCmd    `cmd:"" help:"Verify and read audit logs; make their keys."`
	Noise    noiseCmd    `cmd:"" help:"Ask the stable release read-only questions twice, and propose noise rules for what differs."`
	Plugin   pluginCmd   `cmd:"" help:"Write, check, list, describe and run channel adapters."`
	Explain  explainCmd  `cmd:"" help:"Print the whole chain of one order from what a run stored."`
	Check    checkCmd    `cmd:"" help:"Check configuration files and print every complaint."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

type sidecarCmd struct {
	Config string `arg:"" help:"Configuration file with role: sidecar."`
}

type comparerCmd struct {
	Config string `arg:"" help:"Configuration file with role: comparer."`
}

type shadowCmd struct {
	Prepare prepareCmd `cmd:"" help:"Create the tables the shadow lacks and copy the rows of reference tables."`
	Drift   driftCmd   `cmd:"" help:"Print what is otherwise on the shadow; exit code 1 when it blocks a run."`
	Discard discardCmd `cmd:"" help:"Empty what gray runs wrote on the shadow; the sidecar must not run."`
}

type prepareCmd struct {
	Config string `arg:"" help:"Configuration file of the sidecar."`
	DryRun bool   `help:"Print what would be done."`
}

type driftCmd struct {
	Config string `arg:"" help:"Configuration file of the sidecar."`
}

type discardCmd struct {
	Config string `arg:"" help:"Configuration file of the sidecar."`
	DryRun bool   `help:"Print what would be done."`
	Yes    bool   `help:"Really empty it."`
}

type noiseCmd struct {
	Config   string        `arg:"" help:"Configuration file of the sidecar."`
	Requests string        `arg:"" help:"File with a request a line, such as GET /payments/P1."`
	Owner    string        `required:"" help:"Who answers for the proposed rules."`
	Header   []string      `short:"H" help:"Header of each request: 'Name: value'."`
	Pause    time.Duration `default:"10ms" help:"Between two requests."`
}

type explainCmd struct {
	Order string `arg:"" help:"Order number."`
	Data  string `default:"out/demo" help:"Data folder of the comparer that judged the run."`
}

type checkCmd struct {
	Files []string `arg:"" help:"Configuration files."`
}

type versionCmd struct{}

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("touchstone"), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Description("Proves a new release of a payment service on real traffic, and reconciles its books with its channels."))
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	if err := command.Run(&c, &streams{out: os.Stdout, log: os.Stderr}); err != nil {
		os.Exit(exitCode(os.Stderr, err))
	}
}

// exitCode prints an error and gives the code to exit with: 1, unless the error brings its own.
func exitCode(w io.Writer, err error) int {
	if text := err.Error(); text != "" {
		fmt.Fprintln(w, text)
	}
	var coded kong.ExitCoder
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 1
}

// streams are where a command prints.
type streams struct {
	out, log io.Writer
}

// serve runs a role until a signal ends it.
func (c *cli) serve(s *streams, role func(context.Context, app.Process) error) error {
	log, err := telemetry.NewLogger(s.log, telemetry.Format(c.LogFormat), c.LogLevel)
	if err != nil {
		return err
	}
	audit.LogTo(log.With(telemetry.KeyComponent, "audit"))
	ctx, stop := daemon.Signals(context.Background(), log, os.Exit)
	defer stop()
	return role(ctx, app.Process{Log: log, Version: version})
}

// sidecarGC is how much garbage, in percent of what lives, a sidecar lets pile up: it shares its machine with the service
// it stands beside, and can spare processor time more easily than memory.
const sidecarGC = 100

func (cmd *sidecarCmd) Run(c *cli, s *streams) error {
	cfg, err := config.LoadSidecar(cmd.Config)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(cfg.Threads) // each thread more costs a relayed query a fifth of its CPU time
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(sidecarGC)
	}
	return c.serve(s, func(ctx context.Context, p app.Process) error { return app.RunSidecar(ctx, cfg, p) })
}

func (cmd *comparerCmd) Run(c *cli, s *streams) error {
	cfg, err := config.LoadComparer(cmd.Config)
	if err != nil {
		return err
	}
	return c.serve(s, func(ctx context.Context, p app.Process) error { return app.RunComparer(ctx, cfg, p) })
}

// withSidecar runs a command on what a sidecar's configuration names until it is done or a signal ends it.
func withSidecar(file string, do func(context.Context, *config.Sidecar) error) error {
	cfg, err := config.LoadSidecar(file)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return do(ctx, cfg)
}

func (cmd *prepareCmd) Run(_ *cli, s *streams) error {
	return withSidecar(cmd.Config, func(ctx context.Context, cfg *config.Sidecar) error {
		return app.PrepareShadow(ctx, cfg, s.out, cmd.DryRun)
	})
}

func (cmd *driftCmd) Run(_ *cli, s *streams) error {
	return withSidecar(cmd.Config, func(ctx context.Context, cfg *config.Sidecar) error { return app.DriftShadow(ctx, cfg, s.out) })
}

func (cmd *discardCmd) Run(_ *cli, s *streams) error {
	if !cmd.Yes && !cmd.DryRun {
		return errors.New("discard empties tables of the shadow; try: --dry-run to see which, --yes to do it")
	}
	return withSidecar(cmd.Config, func(ctx context.Context, cfg *config.Sidecar) error {
		return app.DiscardShadow(ctx, cfg, s.out, cmd.DryRun)
	})
}

func (cmd *checkCmd) Run(_ *cli, s *streams) error {
	var errs []error
	for _, file := range cmd.Files {
		if err := config.Check(file); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(s.out, "%s: ok\n", file)
	}
	return errors.Join(errs...)
}

func (cmd *noiseCmd) Run(_ *cli, s *streams) error {
	header := http.Header{}
	for _, line := range cmd.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return fmt.Errorf("--header: is no header (got %q); try: -H 'Name: value'", line)
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return withSidecar(cmd.Config, func(ctx context.Context, cfg *config.Sidecar) error {
		f, err := os.Open(cmd.Requests)
		if err != nil {
			return fmt.Errorf("open requests: %w", err)
		}
		defer f.Close()
		return app.ProposeNoise(ctx, cfg, app.NoiseRun{File: cmd.Requests, Requests: f, Header: header, Owner: cmd.Owner, Pause: cmd.Pause, Now: time.Now()}, s.out)
	})
}

const readTimeout = 30 * time.Second

func (cmd *explainCmd) Run(_ *cli, s *streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	return app.Explain(ctx, s.out, cmd.Data, cmd.Order)
}

func (versionCmd) Run(_ *cli, s *streams) error {
	_, err := fmt.Fprintf(s.out, "touchstone %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/app"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/batch"
)

// workerCmd is reconciliation by schedule.
type workerCmd struct {
	Config string `arg:"" help:"Configuration file with role: recon."`
}

func (cmd *workerCmd) Run(c *cli, s *streams) error {
	cfg, err := config.LoadRecon(cmd.Config)
	if err != nil {
		return err
	}
	return c.serve(s, func(ctx context.Context, p app.Process) error { return app.RunWorker(ctx, cfg, p) })
}

// oneDay is what the commands about one day have in common.
type oneDay struct {
	Config string `arg:"" help:"Configuration file with role: recon."`
	Date   string `required:"" placeholder:"2006-01-02" help:"Day of the statements."`
}

// dayCmd is what those have in common that print a day's statements.
type dayCmd struct {
	oneDay
	Channel string `help:"Only this channel."`
	JSON    bool   `help:"Print JSON."`
}

// with opens the store for the time of a command.
func (cmd *oneDay) with(s *streams, do func(context.Context, *app.Recon) error) error {
	if _, err := time.Parse(time.DateOnly, cmd.Date); err != nil {
		return fmt.Errorf("--date: no day (got %q); try: --date 2006-01-02", cmd.Date)
	}
	return withRecon(cmd.Config, s, func(ctx context.Context, _ *config.Recon, r *app.Recon) error { return do(ctx, r) })
}

// withRecon opens what a configuration names for the time of a command.
func withRecon(file string, s *streams, do func(context.Context, *config.Recon, *app.Recon) error) (err error) {
	cfg, err := config.LoadRecon(file)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r, err := app.OpenRecon(ctx, cfg, app.Process{Log: log, Version: version}, prometheus.NewRegistry(), time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return do(ctx, cfg, r)
}

// lines gives the day's statements, of the channel that was asked for.
func (cmd *dayCmd) lines(ctx context.Context, r *app.Recon) ([]batch.Line, error) {
	all, err := r.Status(ctx, cmd.Date)
	if err != nil {
		return nil, err
	}
	var some []batch.Line
	for _, l := range all {
		if cmd.Channel == "" || cmd.Channel == l.Channel {
			some = append(some, l)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("no statement of %s is known; try: touchstone recon run --date %s %s", cmd.Date, cmd.Date, cmd.Config)
	}
	return some, nil
}

// print prints the day's statements. The command ends with code 1 while one of them is open.
func (cmd *dayCmd) print(ctx context.Context, r *app.Recon, s *streams) error {
	all, err := cmd.lines(ctx, r)
	if err != nil {
		return err
	}
	open := false
	for i := range all {
		open = open || all[i].Open()
		if !cmd.JSON {
			fmt.Fprintln(s.out, all[i].String())
		}
	}
	if cmd.JSON {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		if err := e.Encode(all); err != nil {
			return fmt.Errorf("print statements: %w", err)
		}
	}
	if open {
		return &codedError{code: exitBreaks}
	}
	return nil
}

// runCmd does a day's statements in this process, as far as they go now.
type runCmd struct{ dayCmd }

func (cmd *runCmd) Run(_ *cli, s *streams) error {
	return cmd.with(s, func(ctx context.Context, r *app.Recon) error {
		if err := r.Expect(ctx, cmd.Date); err != nil {
			return err
		}
		return errors.Join(cmd.advance(ctx, r, s), cmd.print(ctx, r, s))
	})
}

// advance brings each statement forward; one that fails does not hold up the others.
func (cmd *dayCmd) advance(ctx context.Context, r *app.Recon, s *streams) error {
	all, err := cmd.lines(ctx, r)
	if err != nil {
		return err
	}
	bar := newDayBar(terminal(s.log))
	defer bar.end()
	r.Progress = bar.show
	return r.With(ctx, func(ctx context.Context) error {
		var errs []error
		for i := range all {
			if err := cmd.forward(ctx, r, all[i].ID); err != nil {
				errs = append(errs, &codedError{exitError, err})
			}
		}
		return errors.Join(errs...)
	})
}

// forward brings a statement forward, and the days behind it that wait for it or were done with what it carried out before.
func (cmd *dayCmd) forward(ctx context.Context, r *app.Recon, id batch.ID) error {
	if _, err := r.Advance(ctx, id); err != nil {
		return fmt.Errorf("%s: %w", id, err)
	}
	return r.Follow(ctx, id)
}

// statusCmd tells where a day's statements stand, and why.
type statusCmd struct{ dayCmd }

func (cmd *statusCmd) Run(_ *cli, s *streams) error {
	return cmd.with(s, func(ctx context.Context, r *app.Recon) error { return cmd.print(ctx, r, s) })
}

// rerunCmd pulls statements again at once.
type rerunCmd struct {
	dayCmd
	Again bool `help:"Do a file that was done before once more: the books or the format were corrected, not the file."`
}

func (cmd *rerunCmd) Run(_ *cli, s *streams) error {
	return cmd.with(s, func(ctx context.Context, r *app.Recon) error {
		all, err := cmd.lines(ctx, r)
		if err != nil {
			return err
		}
		for i := range all {
			if err := r.Rerun(ctx, all[i].ID, cmd.Again, actor()); err != nil {
				return err
			}
		}
		return errors.Join(cmd.advance(ctx, r, s), cmd.print(ctx, r, s))
	})
}

// closeCmd closes a day, with all of its statements.
type closeCmd struct{ oneDay }

func (cmd *closeCmd) Run(_ *cli, s *streams) error {
	return cmd.with(s, func(ctx context.Context, r *app.Recon) error {
		at, err := r.Runner.Close(ctx, cmd.Date, actor())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "%s closed at %s\n", cmd.Date, at.UTC().Format(time.RFC3339))
		return err
	})
}

// actor is who runs a command, for the audit log.
func actor() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

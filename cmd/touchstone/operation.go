package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// operationCmd looks at operations in the store. It sends nothing: touchstone worker does, after it asked the channel.
type operationCmd struct {
	List  operationListCmd  `cmd:"" help:"List operations; exit code 1 while one of them has not come to its end."`
	Show  operationShowCmd  `cmd:"" help:"Print an operation with what was asked and what the channel answered."`
	Retry operationRetryCmd `cmd:"" help:"Have a worker ask the channel about an operation at once, and go on from its answer."`
}

// operationConfig is what these commands have in common.
type operationConfig struct {
	Config string `arg:"" help:"Configuration file with role: recon."`
	JSON   bool   `help:"Print JSON."`
}

// with opens the store for the time of a command.
func (cmd *operationConfig) with(do func(context.Context, *config.Recon, *store.DB) error) (err error) {
	cfg, err := config.LoadRecon(cmd.Config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	db, err := store.Open(ctx, cfg.StoreURL())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(ctx, cfg, db)
}

func (cmd *operationConfig) print(s *streams, o *batch.Operation) error {
	if cmd.JSON {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		return e.Encode(o)
	}
	line := fmt.Sprintf("%s  %s since %s", o.ID, o.State, o.Moved.UTC().Format(time.RFC3339))
	if !o.Due.IsZero() {
		line += ", due " + o.Due.UTC().Format(time.RFC3339)
	}
	if o.Rest != 0 {
		line += fmt.Sprintf(", rest %d", o.Rest)
	}
	_, err := fmt.Fprintln(s.out, line)
	return err
}

type operationListCmd struct {
	operationConfig
	State batch.OperationState `help:"Only in this state, such as PROCESSING."`
	Kind  batch.OperationKind  `help:"Only of this kind, such as reversal."`
	After string               `placeholder:"ID" help:"Only behind this id: the next page."`
	Limit int                  `default:"100" help:"At most so many."`
}

func (cmd *operationListCmd) Run(_ *cli, s *streams) error {
	return cmd.with(func(ctx context.Context, _ *config.Recon, db *store.DB) error {
		all, err := batch.Operations(ctx, db, batch.OperationFilter{State: cmd.State, Kind: cmd.Kind, After: cmd.After, Limit: cmd.Limit})
		if err != nil {
			return err
		}
		open := false
		for i := range all {
			open = open || all[i].State == batch.Init || all[i].State == batch.Scheduled || all[i].State == batch.Processing
			if err := cmd.print(s, &all[i]); err != nil {
				return err
			}
		}
		if open {
			return &codedError{code: exitBreaks}
		}
		return nil
	})
}

type operationShowCmd struct {
	ID string `arg:"" help:"Of the operation: kind/booking/request."`
	operationConfig
}

func (cmd *operationShowCmd) Run(_ *cli, s *streams) error {
	return cmd.with(func(ctx context.Context, _ *config.Recon, db *store.DB) error {
		o, err := batch.ReadOperation(ctx, db, cmd.ID)
		if err != nil {
			return noOperation(cmd.ID, err)
		}
		if err := cmd.print(s, o); err != nil || cmd.JSON {
			return err
		}
		_, err = fmt.Fprintf(s.out, "asked   %s\nanswer  %s\n", o.Payload, o.Answer)
		return err
	})
}

func noOperation(id string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("no operation %q is on record; try: touchstone recon operation list", id)
	}
	return err
}

type operationRetryCmd struct {
	ID string `arg:"" help:"Of the operation."`
	operationConfig
}

func (cmd *operationRetryCmd) Run(_ *cli, s *streams) error {
	return cmd.with(func(ctx context.Context, cfg *config.Recon, db *store.DB) error {
		if cfg.Operations == nil {
			return errors.New("no worker looks after operations; try: operations in the configuration")
		}
		o, err := batch.Retry(ctx, db, cmd.ID, actor(), cfg.Operations.Timeout, time.Now())
		if err != nil {
			return noOperation(cmd.ID, err)
		}
		return cmd.print(s, o)
	})
}

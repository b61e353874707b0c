package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// paymentCmd looks at payments in the store. touchstone worker confirms them with the ledger and settles them.
type paymentCmd struct {
	List paymentListCmd `cmd:"" help:"List payments; exit code 1 while one of them has not come to its end."`
	Show paymentShowCmd `cmd:"" help:"Print a payment with what was asked."`
}

type paymentListCmd struct {
	operationConfig
	State batch.State `enum:",PENDING,PREPARING,CONFIRMED,SETTLED,ABORTED" default:"" help:"Only in this state, such as PREPARING."`
	After string      `placeholder:"ID" help:"Only behind this id: the next page."`
	Limit int         `default:"100" help:"At most so many."`
}

func (cmd *paymentListCmd) Run(_ *cli, s *streams) error {
	return cmd.with(func(ctx context.Context, _ *config.Recon, db *store.DB) error {
		all, err := batch.ReadPayments(ctx, db, batch.PaymentFilter{State: cmd.State, After: cmd.After, Limit: cmd.Limit})
		if err != nil {
			return err
		}
		open := false
		for i := range all {
			open = open || all[i].State != batch.Settled && all[i].State != batch.Aborted
			if err := printPayment(s, &all[i], cmd.JSON); err != nil {
				return err
			}
		}
		if open {
			return &codedError{code: exitBreaks}
		}
		return nil
	})
}

type paymentShowCmd struct {
	ID string `arg:"" help:"Of the payment."`
	operationConfig
}

func (cmd *paymentShowCmd) Run(_ *cli, s *streams) error {
	return cmd.with(func(ctx context.Context, _ *config.Recon, db *store.DB) error {
		p, err := batch.ReadPayment(ctx, db, cmd.ID)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("no payment %q is on record; try: touchstone recon payment list", cmd.ID)
		}
		if err != nil {
			return err
		}
		if err := printPayment(s, p, cmd.JSON); err != nil || cmd.JSON {
			return err
		}
		_, err = fmt.Fprintf(s.out, "asked   %s\n", p.Payload)
		return err
	})
}

func printPayment(s *streams, p *batch.Payment, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		return e.Encode(p)
	}
	line := fmt.Sprintf("%s  %s since %s", p.ID, p.State, p.Moved.UTC().Format(time.RFC3339))
	if p.Txn != "" {
		line += ", transaction " + p.Txn
	}
	_, err := fmt.Fprintln(s.out, line)
	return err
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/seed-3356bd69/touchstone/cmd/internal/app"
	"github.com/seed-3356bd69/touchstone/recon/audit"
)

type auditCmd struct {
	Verify auditVerifyCmd `cmd:"" help:"Prove that nothing of an audit log was changed, removed or built anew; exit code 1 otherwise."`
	Show   auditShowCmd   `cmd:"" help:"Print every entry about a case, repair, batch, operation or rollout, each with its proof."`
	Key    auditKeyCmd    `cmd:"" help:"Keys that sign checkpoints."`
}

// auditPlace says which log; the public half of its key is enough to read it.
type auditPlace struct {
	Log string `required:"" type:"existingdir" placeholder:"FOLDER" help:"Folder of the log."`
	Key string `required:"" type:"existingfile" placeholder:"FILE.pub" help:"Public half of its key."`
}

type auditVerifyCmd struct {
	auditPlace
	Witness string `type:"existingdir" placeholder:"FOLDER" help:"Folder outside the log's host that has its checkpoints."`
}

type auditShowCmd struct {
	auditPlace
	Subject string `arg:"" help:"Id of the case, repair, batch or operation; of a rollout SERVICE/CANDIDATE."`
}

type auditKeyCmd struct {
	New auditKeyNewCmd `cmd:"" help:"Make a key: FILE for the writer alone, FILE.pub for everybody."`
}

type auditKeyNewCmd struct {
	File string `arg:"" help:"File for the secret half."`
	Name string `required:"" placeholder:"example.com/audit" help:"Name of the log, which stands in every checkpoint."`
}

func (cmd *auditVerifyCmd) Run(_ *cli, s *streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	quiet := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelError}))
	return app.AuditLog{Folder: cmd.Log, Key: cmd.Key, Witness: cmd.Witness}.Verify(ctx, app.Process{Log: quiet}, s.out)
}

func (cmd *auditShowCmd) Run(_ *cli, s *streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	verifier, err := audit.ReadVerifier(cmd.Key)
	if err != nil {
		return err
	}
	found, err := audit.Find(ctx, cmd.Log, verifier, cmd.Subject)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("the audit log has nothing about %s", cmd.Subject)
	}
	lines := json.NewEncoder(s.out)
	lines.SetEscapeHTML(false)
	for _, f := range found {
		if err := lines.Encode(f); err != nil {
			return err
		}
	}
	return nil
}

func (cmd *auditKeyNewCmd) Run(_ *cli, s *streams) error {
	if err := audit.NewKey(cmd.File, cmd.Name); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "wrote %s, for the writer alone, and %s.pub, for everybody who verifies\n", cmd.File, cmd.File)
	return err
}

package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/audit"
)

// openAudit opens a log where the configuration says, with the writer's name and what else settings say.
func openAudit(ctx context.Context, cfg config.AuditLog, settings audit.Config) (_ *audit.Log, err error) {
	if settings.Key, err = audit.ReadKey(cfg.Key.Bytes()); err != nil {
		return nil, err
	}
	settings.Dir, settings.Now = string(cfg.Folder), time.Now
	if cfg.Witness != "" {
		if settings.Witness, err = audit.NewFolder(string(cfg.Witness)); err != nil {
			return nil, err
		}
	}
	return audit.Open(ctx, settings)
}

func warnOfNoWitness(cfg config.AuditLog, at string, log *slog.Logger) {
	if cfg.Witness == "" {
		log.Warn("the audit log has no witness: whoever holds its key could build it anew; try: " + at + ".witness")
	}
}

// AuditLog is a log that a person looks at: its folder, the public half of its key and its witness, "" = none.
type AuditLog struct {
	Folder, Key, Witness string
}

// ErrNotVerified means that a log was changed or damaged.
var ErrNotVerified = errors.New("the audit log is not what was written")

// Verify prints what verification found.
func (a AuditLog) Verify(ctx context.Context, p Process, out io.Writer) error {
	verifier, err := audit.ReadVerifier(a.Key)
	if err != nil {
		return err
	}
	var witness *audit.Folder
	if a.Witness != "" {
		if witness, err = audit.NewFolder(a.Witness); err != nil {
			return err
		}
	}
	report, err := audit.Verify(ctx, a.Folder, verifier, witness)
	if err != nil {
		return err
	}
	if err := report.Print(out); err != nil {
		return err
	}
	if !report.Whole() {
		return ErrNotVerified
	}
	return nil
}

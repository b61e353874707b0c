package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/shadow/divert"
	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
	"github.com/seed-3356bd69/touchstone/shadow/journal"
	"github.com/seed-3356bd69/touchstone/shadow/schema"
)

// ErrDrift means that the shadow cannot take what the primary gets.
var ErrDrift = errors.New("the shadow differs in what blocks a run; try: touchstone shadow prepare, or declare the difference under mysql.tables")

// PrepareShadow creates the shadow's tables and copies reference rows, as the sidecar's configuration names them.
func PrepareShadow(ctx context.Context, cfg *config.Sidecar, out io.Writer, dryRun bool) error {
	return onShadow(ctx, cfg, dryRun, func(s schema.Config) error {
		steps, err := schema.Prepare(ctx, s)
		return errors.Join(printSteps(out, steps, dryRun), err)
	})
}

// DriftShadow prints what is otherwise on the shadow; ErrDrift when something of it blocks a run.
func DriftShadow(ctx context.Context, cfg *config.Sidecar, out io.Writer) error {
	return onShadow(ctx, cfg, false, func(s schema.Config) error {
		all, err := schema.Drift(ctx, s)
		if err != nil {
			return err
		}
		blocks := false
		for _, d := range all {
			fmt.Fprintln(out, d)
			blocks = blocks || d.Severity == schema.Blocks
		}
		fmt.Fprintf(out, "%d differences\n", len(all))
		if blocks {
			return ErrDrift
		}
		return nil
	})
}

// DiscardShadow empties what gray runs wrote, and forgets what was still on its way there. The sidecar must not run.
func DiscardShadow(ctx context.Context, cfg *config.Sidecar, out io.Writer, dryRun bool) error {
	return onShadow(ctx, cfg, dryRun, func(s schema.Config) error {
		forget := func() error { return nil }
		if a := cfg.MySQL.Apply; a != nil {
			j, _, _, err := journal.Open(journal.Config{Dir: string(a.Journal), MaxBytes: int64(a.MaxBytes), Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
			if err != nil {
				return fmt.Errorf("mysql.apply.journal: %w; try: stop the sidecar first", err)
			}
			forget = func() error { return errors.Join(j.Close(), emptyFolder(string(a.Journal))) }
			if dryRun {
				forget = j.Close
			}
		}
		steps, err := schema.Discard(ctx, s)
		if err != nil {
			return errors.Join(printSteps(out, steps, dryRun), err)
		}
		return errors.Join(printSteps(out, steps, dryRun), forget())
	})
}

// emptyFolder leaves the evidence alone: what is discarded happened.
func emptyFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("empty the journal: %w", err)
	}
	for _, e := range entries {
		if e.Name() == evidenceFolder {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("empty the journal: %w", err)
		}
	}
	return nil
}

// onShadow opens both databases, proves that they are two, and works on them.
func onShadow(ctx context.Context, cfg *config.Sidecar, dryRun bool, do func(schema.Config) error) error {
	primary, err := openDSN(cfg.MySQL.Prove.PrimaryDSN.Text())
	if err != nil {
		return fmt.Errorf("mysql.prove.primary_dsn_file: %w", err)
	}
	defer primary.Close()
	second, err := openDSN(cfg.MySQL.Prove.ShadowDSN.Text())
	if err != nil {
		return fmt.Errorf("mysql.prove.shadow_dsn_file: %w", err)
	}
	defer second.Close()
	if err := divert.Prove(ctx, second, primary); err != nil {
		return fmt.Errorf("prove that shadow and primary are two databases: %w", err)
	}
	s := schema.Config{Primary: primary, Shadow: second, Own: []string{dualwrite.TableApplied}, DryRun: dryRun}
	for _, name := range cfg.MySQL.References {
		s.Tables = append(s.Tables, schema.Table{Name: name, Kind: schema.Reference})
	}
	for _, t := range cfg.MySQL.Tables {
		if t.Policy == config.TableIgnore {
			continue
		}
		table := schema.Table{Name: t.Name, Kind: schema.Written}
		if t.Shadow != nil {
			table.Shadow, table.Differ = t.Shadow.Name, true
		}
		s.Tables = append(s.Tables, table)
	}
	return do(s)
}

func printSteps(out io.Writer, steps []schema.Step, statements bool) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, s := range steps {
		fmt.Fprintf(w, "%s\t%s\n", s.Table, s.What)
		if statements && s.SQL != "" {
			fmt.Fprintf(w, "\t%s\n", s.SQL)
		}
	}
	return w.Flush()
}

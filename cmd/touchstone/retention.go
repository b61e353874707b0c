package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/seed-3356bd69/touchstone/cmd/internal/app"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/retention"
)

// storeCmd is what those commands have in common that look at the store and the archive, and not at one day.
type storeCmd struct {
	Config string `arg:"" help:"Configuration file with role: recon."`
	JSON   bool   `help:"Print JSON, an object a line."`
}

// line prints a value as JSON or as text.
func (cmd *storeCmd) line(s *streams, value any, text string) error {
	if cmd.JSON {
		return json.NewEncoder(s.out).Encode(value)
	}
	_, err := fmt.Fprintln(s.out, text)
	return err
}

// retireCmd does now what a worker does once a day.
type retireCmd struct{ storeCmd }

func (cmd *retireCmd) Run(_ *cli, s *streams) error {
	return withRecon(cmd.Config, s, func(ctx context.Context, cfg *config.Recon, r *app.Recon) error {
		k := r.Keeper(cfg, nil)
		if k == nil {
			return fmt.Errorf("%s has no terms; try: retention: {findings: 400d, batches: 1100d}", cmd.Config)
		}
		begun := time.Now()
		if err := k.Run(ctx); err != nil {
			return err
		}
		all, err := retention.Files(ctx, r.DB, r.Archive, retention.Filter{})
		if err != nil {
			return err
		}
		for _, f := range all {
			if f.At.Before(begun) {
				continue
			}
			if err := cmd.line(s, f, fileText(&f)); err != nil {
				return err
			}
		}
		return nil
	})
}

func fileText(f *retention.File) string {
	text := fmt.Sprintf("%s  %s", f.First, f.Table)
	if f.Last != f.First {
		text = fmt.Sprintf("%s to %s  %s", f.First, f.Last, f.Table)
	}
	text += fmt.Sprintf(", %d rows, retired %s: %s", f.Rows, f.At.UTC().Format(time.DateOnly), f.Path)
	if f.Removed.IsZero() {
		text += " (its rows are still leaving the store)"
	}
	return text
}

// retiredCmd says where rows are that left the store.
type retiredCmd struct {
	storeCmd
	Day   string          `placeholder:"2006-01-02" help:"Only files with rows of this day."`
	Table retention.Table `enum:"findings,write_offs,settlements,batches,cases,operations," default:"" help:"Only files of this table: ${enum}."`
	ID    string          `placeholder:"ID" help:"Print the lines about a case, batch, statement, order, booking or operation instead; reads each of the files."`
}

func (cmd *retiredCmd) Run(_ *cli, s *streams) error {
	if _, err := time.Parse(time.DateOnly, cmd.Day); err != nil && cmd.Day != "" {
		return fmt.Errorf("--day: no day (got %q); try: --day 2006-01-02", cmd.Day)
	}
	return withRecon(cmd.Config, s, func(ctx context.Context, _ *config.Recon, r *app.Recon) error {
		all, err := retention.Files(ctx, r.DB, r.Archive, retention.Filter{Day: cmd.Day, Table: cmd.Table})
		if err != nil {
			return err
		}
		if cmd.ID != "" {
			found, err := retention.Search(ctx, r.Archive, all, cmd.ID, s.out)
			if err == nil && found == 0 {
				err = fmt.Errorf("%d files hold nothing about %s", len(all), cmd.ID)
			}
			return err
		}
		for i := range all {
			if err := cmd.line(s, all[i], fileText(&all[i])); err != nil {
				return err
			}
		}
		return nil
	})
}

type archiveCmd struct {
	Check archiveCheckCmd `cmd:"" help:"Read every file and say which are damaged, missing, or cited by nothing; exit code 1 if any is damaged or missing, 2 error."`
	Sweep archiveSweepCmd `cmd:"" help:"Take out files that nothing cites and that are older than a day: those of pulls that never came to their end."`
}

func (cmd *storeCmd) remark(s *streams, m retention.Remark) error {
	text := fmt.Sprintf("%s  %s", m.Trouble, m.Path)
	if m.Why != "" {
		text += ": " + m.Why
	}
	return cmd.line(s, m, text)
}

// archiveCheckCmd reads the archive.
type archiveCheckCmd struct {
	storeCmd
	Rate        string `default:"64MiB" help:"Read at most so much a second; 0 = no bound."`
	Attachments string `type:"existingdir" placeholder:"FOLDER" help:"Check these attachments of cases too."`
	Log         string `type:"existingdir" placeholder:"FOLDER" help:"Audit log, whose entries cite files too."`
	Key         string `type:"existingfile" placeholder:"FILE.pub" help:"Public half of the log's key."`
}

func (cmd *archiveCheckCmd) Run(_ *cli, s *streams) error {
	rate, err := humanize.ParseBytes(cmd.Rate)
	if err != nil {
		return &codedError{exitError, errors.New("--rate: not a size (got " + cmd.Rate + "); try: --rate 64MiB")}
	}
	if (cmd.Log == "") != (cmd.Key == "") {
		return &codedError{exitError, errors.New("--log and --key go together; try: --log FOLDER --key FILE.pub")}
	}
	err = withRecon(cmd.Config, s, func(ctx context.Context, _ *config.Recon, r *app.Recon) error {
		return cmd.check(ctx, r, s, int64(rate))
	})
	if coded, ok := errors.AsType[*codedError](err); ok {
		return coded
	}
	if err != nil {
		return &codedError{exitError, err}
	}
	return nil
}

func (cmd *archiveCheckCmd) check(ctx context.Context, r *app.Recon, s *streams, rate int64) error {
	cited, unread := r.Cited(ctx, app.AuditLog{Folder: cmd.Log, Key: cmd.Key})
	bad, err := cmd.folder(ctx, s, r.Archive.Folder, cited, rate)
	if err := errors.Join(unread, err); err != nil {
		return err
	}
	if cmd.Attachments != "" {
		attached, err := retention.Attached(ctx, r.DB, r.Archive)
		if err != nil {
			return err
		}
		worse, err := cmd.folder(ctx, s, cmd.Attachments, attached, rate)
		if err != nil {
			return err
		}
		bad = bad || worse
	}
	if bad {
		return &codedError{code: exitBreaks}
	}
	return nil
}

func (cmd *archiveCheckCmd) folder(ctx context.Context, s *streams, folder string, cited retention.Citations, rate int64) (bad bool, err error) {
	sum, err := retention.Check(ctx, folder, cited, rate, func(m retention.Remark) error { return cmd.remark(s, m) })
	if err != nil {
		return false, err
	}
	return sum.Damaged+sum.Missing > 0, cmd.line(s, sum, fmt.Sprintf("%s: %d files, %s: %d damaged, %d missing, %d uncited", folder, sum.Files, humanize.IBytes(uint64(sum.Bytes)), sum.Damaged, sum.Missing, sum.Uncited))
}

// archiveSweepCmd empties the archive of what nothing cites.
type archiveSweepCmd struct {
	storeCmd
	auditPlace
	Yes bool `help:"Do it; otherwise it is only told what would go."`
}

func (cmd *archiveSweepCmd) Run(_ *cli, s *streams) error {
	return withRecon(cmd.Config, s, func(ctx context.Context, _ *config.Recon, r *app.Recon) error {
		cited, err := r.Cited(ctx, app.AuditLog{Folder: cmd.Log, Key: cmd.Key})
		if err != nil {
			return err
		}
		sum, err := retention.Sweep(ctx, r.Archive.Folder, cited, r.Now(), !cmd.Yes, func(m retention.Remark) error { return cmd.remark(s, m) })
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%d of %d files, %s, would go; try: --yes", sum.Uncited, sum.Files, humanize.IBytes(uint64(sum.Bytes)))
		if cmd.Yes {
			text = fmt.Sprintf("%d of %d files, %s, went to incoming, and are removed in a day", sum.Uncited, sum.Files, humanize.IBytes(uint64(sum.Bytes)))
		}
		return cmd.line(s, sum, text)
	})
}

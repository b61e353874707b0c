package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func (cmd *caseAttachCmd) Run(c *cli, s *streams) (err error) {
	a, err := c.Recon.Case.asker()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	f, err := os.Open(cmd.File)
	if err != nil {
		return fmt.Errorf("read attachment: %w", err)
	}
	defer f.Close()
	name := cmd.Name
	if name == "" {
		name = filepath.Base(cmd.File)
	}
	resp, err := a.send(ctx, http.MethodPost, "cases/"+url.PathEscape(cmd.ID)+"/attachments", url.Values{"name": {name}}, "application/octet-stream", f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	var kept struct{ SHA256 string }
	if err := json.NewDecoder(resp.Body).Decode(&kept); err != nil {
		return fmt.Errorf("read answer of %s: %w", a.base, err)
	}
	_, err = fmt.Fprintf(s.out, "%s is kept as sha256 %s\n", name, kept.SHA256)
	return err
}

// Run writes beside the file's final name and moves it there when it is whole.
func (cmd *caseExportCmd) Run(c *cli, s *streams) (err error) {
	form := strings.TrimPrefix(filepath.Ext(cmd.File), ".")
	if form != "csv" && form != "jsonl" && form != "parquet" {
		return fmt.Errorf("FILE: ends in none of .csv, .jsonl and .parquet (got %q); try: %s.csv", cmd.File, cmd.What)
	}
	a, err := c.Recon.Case.asker()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	query := cmd.query()
	query.Set("format", form)
	resp, err := a.send(ctx, http.MethodGet, "exports/"+url.PathEscape(cmd.What), query, "", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	n, err := replace(cmd.File, resp.Body)
	if err != nil {
		return fmt.Errorf("write %s: %w", cmd.File, err)
	}
	_, err = fmt.Fprintf(s.out, "wrote %s, %d bytes\n", cmd.File, n)
	return err
}

func replace(file string, content io.Reader) (int64, error) {
	f, err := os.Create(file + ".partial")
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return n, errors.Join(err, os.Remove(f.Name()))
	}
	return n, os.Rename(f.Name(), file)
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/compare"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// booksOf gives our own side: a file a day, or the day's rows of a table.
func booksOf(c *config.ReconBooks) (batch.Books, error) {
	format, err := compare.ReadSpec(string(c.Format))
	if err != nil {
		return nil, err
	}
	if c.File != "" {
		return &bookFiles{c, format}, nil
	}
	table, err := ledger.ParseURL(c.TableFile.Text())
	if err != nil {
		return nil, err
	}
	if len(table.Columns) == 0 {
		for _, column := range format.Columns {
			table.Columns = append(table.Columns, column.Name)
		}
	}
	table.Time.Column = c.Time
	return &bookTable{table, format}, nil
}

// bookFiles are books that somebody writes into a folder.
type bookFiles struct {
	config *config.ReconBooks
	format *recon.FormatSpec
}

// Open opens the day's file.
func (b *bookFiles) Open(_ context.Context, id batch.ID, o scan.Options) (*scan.Side, error) {
	name := named(b.config.File, id)
	o.Format, o.Name = b.format, "books "+name
	return scan.OpenFile(filepath.Join(string(b.config.Path), name), o)
}

// bookTable is a table of which each day's rows are read.
type bookTable struct {
	table  ledger.Source
	format *recon.FormatSpec
}

// Open begins to read the day's rows.
func (b *bookTable) Open(ctx context.Context, id batch.ID, o scan.Options) (*scan.Side, error) {
	day, err := time.Parse(time.DateOnly, id.Day)
	if err != nil {
		return nil, fmt.Errorf("read day of statement: %w", err)
	}
	table := b.table
	table.Time.From, table.Time.Until = id.Day, day.AddDate(0, 0, 1).Format(time.DateOnly)
	stream := &laterTable{open: func() (io.ReadCloser, error) { return ledger.Open(ctx, table) }}
	o.Format, o.Name, o.Table = b.format, "books "+table.Name(), true
	side, err := scan.OpenStream(stream, o)
	if err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	return side, nil
}

// laterTable is a table that is opened once somebody reads it: who does parts of a batch reads what another one unpacked.
type laterTable struct {
	open   func() (io.ReadCloser, error)
	stream io.ReadCloser
}

// Read reads CSV text.
func (t *laterTable) Read(p []byte) (int, error) {
	if t.stream == nil {
		stream, err := t.open()
		if err != nil {
			return 0, fmt.Errorf("open books: %w", err)
		}
		t.stream = stream
	}
	return t.stream.Read(p)
}

// Close ends the reading.
func (t *laterTable) Close() error {
	if t.stream == nil {
		return nil
	}
	return t.stream.Close()
}

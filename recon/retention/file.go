package retention

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// File is one archived file of rows that left the store.
type File struct {
	SHA256  string    `json:"sha256"` // of the file, which is its name in the archive
	Table   Table     `json:"table"`
	First   string    `json:"first_day"` // days of the statements it is about; of operations, of their end
	Last    string    `json:"last_day"`
	Rows    int64     `json:"rows"`
	Size    int64     `json:"size"` // bytes
	At      time.Time `json:"at"`
	Removed time.Time `json:"removed,omitzero"` // its rows left the store; zero = not all of them yet
	Path    string    `json:"path"`
}

// head is the first line of a file.
type head struct {
	Table Table `json:"table"`
	Form  int   `json:"form"`
}

const form = 1

// write brings a source's records into files, and each file's rows out of the store.
func (c *claim) write(ctx context.Context, t Table, dayOf func(row) string, next source) error {
	page, err := next(ctx)
	for err == nil && len(page) > 0 {
		f := File{Table: t}
		f.SHA256, f.Size, err = c.Archive.Keep(func(out io.Writer) (err error) {
			page, err = c.fill(ctx, &f, dayOf, out, page, next)
			return err
		})
		if err == nil {
			err = c.note(ctx, &f)
		}
		if err == nil {
			err = c.remove(ctx, f)
		}
	}
	return err
}

// fill writes one file, from a page on, and gives the page that did not go into it.
func (c *claim) fill(ctx context.Context, f *File, dayOf func(row) string, out io.Writer, page []record, next source) ([]record, error) {
	most := int64(c.Rows)
	if most <= 0 {
		most = defaultRows
	}
	zip := gzip.NewWriter(out)
	lines := json.NewEncoder(zip)
	lines.SetEscapeHTML(false)
	err := lines.Encode(head{f.Table, form})
	for err == nil && len(page) > 0 && f.Rows < most {
		for i := range page {
			if err := lines.Encode(&page[i]); err != nil {
				return nil, fmt.Errorf("write %s: %w", f.Table, err)
			}
			f.count(dayOf(page[i].Row))
		}
		page, err = next(ctx)
	}
	return page, errors.Join(err, zip.Close())
}

func (f *File) count(day string) {
	f.Rows++
	if f.First == "" || day < f.First {
		f.First = day
	}
	f.Last = max(f.Last, day)
}

// note writes down that a file holds what is about to leave the store.
func (c *claim) note(ctx context.Context, f *File) error {
	f.At = c.Now()
	name := batch.ArchiveName(f.SHA256)
	return c.tx(ctx, func(tx *store.Tx) error {
		added, err := tx.Add(ctx, store.Rows{
			Table: "retired", Key: []string{"sha256"}, Columns: []string{"name", "first_day", "last_day", "row_count", "size", "at_us", "removed_us"},
			Values: [][]any{{f.SHA256, string(f.Table), f.First, f.Last, f.Rows, f.Size, store.Moment(f.At), 0}},
		})
		if err == nil && added == 0 { // the very same rows stayed in the store the last time
			_, err = tx.Exec(ctx, "UPDATE retired SET removed_us = 0 WHERE sha256 = ?", f.SHA256)
		}
		if err != nil {
			return fmt.Errorf("note file of %s: %w", f.Table, err)
		}
		return tx.Audit(ctx, store.Entry{
			Time: f.At, Actor: c.Worker, Action: "retire " + string(f.Table), Subject: "retired/" + string(f.Table) + "/" + f.First, SHA256: f.SHA256, Archive: name,
			Basis: fmt.Sprintf("%d rows of %s to %s, %d bytes; they are deleted from the store by this file", f.Rows, f.First, f.Last, f.Size),
		})
	})
}

// reader reads a file of the archive.
type reader struct {
	file  *os.File
	zip   *gzip.Reader
	lines *json.Decoder
}

func openFile(a batch.Archive, f *File) (_ *reader, err error) {
	file, err := os.Open(a.Path(f.SHA256))
	if err != nil {
		return nil, fmt.Errorf("open archived %s: %w", f.Table, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("read archived %s %s: %w", f.Table, f.SHA256, err), file.Close())
		}
	}()
	zip, err := gzip.NewReader(bufio.NewReader(file))
	if err != nil {
		return nil, err
	}
	r := &reader{file, zip, json.NewDecoder(zip)}
	var h head
	if err := r.lines.Decode(&h); err != nil {
		return nil, err
	}
	if h.Table != f.Table || h.Form != form {
		return nil, fmt.Errorf("it holds %q in form %d, not %q in form %d", h.Table, h.Form, f.Table, form)
	}
	return r, nil
}

// next gives the next records, at most n; none after the last.
func (r *reader) next(n int) (page []record, err error) {
	for len(page) < n {
		var one record
		switch err := r.lines.Decode(&one); {
		case errors.Is(err, io.EOF):
			return page, nil
		case err != nil:
			return nil, fmt.Errorf("read archived rows: %w", err)
		}
		page = append(page, one)
	}
	return page, nil
}

func (r *reader) close() error { return errors.Join(r.zip.Close(), r.file.Close()) }

// each reads a file's records, some at a time.
func each(a batch.Archive, f *File, n int, do func([]record) error) (err error) {
	r, err := openFile(a, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	for {
		page, err := r.next(n)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := do(page); err != nil {
			return err
		}
	}
}

package compare

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/sheet"
)

// breakFile takes the breaks of a run, one a line. It is written beside its final name and moved there when it is whole.
type breakFile struct {
	path  string
	names []string
	file  *os.File
	out   *bufio.Writer
	rows  *sheet.Writer // of a CSV file
}

// newBreakFile opens the file, whose name says its form. An empty path gives a file that takes nothing.
func newBreakFile(path string, sides []*scan.Side) (*breakFile, error) {
	b := &breakFile{path: path, names: sideNames(len(sides))}
	if path == "" {
		return b, nil
	}
	form := filepath.Ext(path)
	if form != ".csv" && form != ".jsonl" {
		return nil, fmt.Errorf("--breaks: neither .csv nor .jsonl (got %q); try: --breaks breaks.csv", path)
	}
	var err error
	if b.file, err = os.Create(path + ".partial"); err != nil { // one name: a killed run leaves at most one
		return nil, fmt.Errorf("make file for breaks: %w", err)
	}
	b.out = bufio.NewWriter(b.file)
	if form == ".csv" {
		b.rows = sheet.NewWriter(b.out)
		return b, b.header()
	}
	return b, nil
}

func (b *breakFile) header() error {
	row := []string{"break", "class", "kind", "key", "occurrence", "fields"}
	for _, name := range b.names {
		for _, column := range []string{"place", "amount", "currency", "status", "fee", "time"} {
			row = append(row, name+"_"+column)
		}
	}
	return b.rows.Write(row)
}

// each gives what is called for every break, or nil.
func (b *breakFile) each() func(*match.Difference) error {
	switch {
	case b.file == nil:
		return nil
	case b.rows != nil:
		return b.csv
	}
	return b.jsonLine
}

func (b *breakFile) csv(d *match.Difference) error {
	fields := make([]string, 0, len(d.Fields))
	for _, f := range d.Fields {
		fields = append(fields, string(f.Field))
	}
	row := []string{string(d.Break), string(d.Class), string(d.Key.Kind), d.Key.ID, strconv.Itoa(d.Occurrence), strings.Join(fields, " ")}
	for _, r := range d.Records {
		row = append(row, recordCells(r)...)
	}
	return b.rows.Write(row)
}

func recordCells(r *recon.Record) []string {
	if r == nil {
		return make([]string, 6)
	}
	fee, at := "", ""
	if r.Fee != nil {
		fee = r.Fee.Major()
	}
	if !r.Time.IsZero() {
		at = r.Time.Format(time.DateTime)
	}
	return []string{r.Origin.String(), r.Amount.Major(), string(r.Amount.Currency), string(r.Status), fee, at}
}

// breakLine is one break as JSON.
type breakLine struct {
	Break      recon.Break              `json:"break"`
	Class      recon.Class              `json:"class,omitempty"`
	Kind       recon.Kind               `json:"kind"`
	Key        string                   `json:"key"`
	Occurrence int                      `json:"occurrence"`
	Fields     []map[string]string      `json:"fields,omitempty"`
	Sides      map[string]*recon.Record `json:"sides"`
}

func (b *breakFile) jsonLine(d *match.Difference) error {
	line := breakLine{Break: d.Break, Class: d.Class, Kind: d.Key.Kind, Key: d.Key.ID, Occurrence: d.Occurrence, Sides: map[string]*recon.Record{}}
	for i, r := range d.Records {
		if r != nil {
			line.Sides[b.names[i]] = r
		}
	}
	for _, f := range d.Fields {
		values := map[string]string{"field": string(f.Field)}
		for i, v := range f.Values {
			if d.Records[i] != nil {
				values[b.names[i]] = v
			}
		}
		line.Fields = append(line.Fields, values)
	}
	return json.NewEncoder(b.out).Encode(line)
}

// finish adds the lines that could not be read and puts the file in its place.
func (b *breakFile) finish(result *match.Result) error {
	if b.file == nil {
		return nil
	}
	for i, s := range result.Sides {
		for _, r := range s.Rejects {
			if err := b.reject(b.names[i], r); err != nil {
				return fmt.Errorf("write breaks: %w", err)
			}
		}
	}
	if err := errors.Join(b.flushRows(), b.out.Flush(), b.file.Sync(), b.file.Close()); err != nil {
		return fmt.Errorf("write breaks: %w", err)
	}
	if err := os.Rename(b.file.Name(), b.path); err != nil {
		return fmt.Errorf("put breaks in place: %w", err)
	}
	b.file = nil
	return nil
}

func (b *breakFile) flushRows() error {
	if b.rows == nil {
		return nil
	}
	return b.rows.Flush()
}

// rejected is the break of a line that could not be read.
const rejected = "rejected"

func (b *breakFile) reject(side string, r recon.Reject) error {
	if b.rows == nil {
		return json.NewEncoder(b.out).Encode(struct {
			Break  string       `json:"break"`
			Side   string       `json:"side"`
			Reject recon.Reject `json:"reject"`
		}{rejected, side, r})
	}
	const first = 6 // cell of the first side
	row := make([]string, first+6*len(b.names))
	row[0], row[first-1] = rejected, r.Field
	for i, name := range b.names {
		if name == side {
			row[first+6*i] = r.Error()
		}
	}
	return b.rows.Write(row)
}

// abandon removes what was not finished.
func (b *breakFile) abandon() error {
	if b.file == nil {
		return nil
	}
	err := errors.Join(b.file.Close(), os.Remove(b.file.Name()))
	if errors.Is(err, os.ErrClosed) {
		err = os.Remove(b.file.Name())
	}
	return err
}

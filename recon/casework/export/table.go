package export

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/sheet"
)

// What is what a table holds.
type What string

// The tables.
const (
	Breaks   What = "breaks"   // both sides of each break, one a row
	Cases    What = "cases"    // one a row
	Suspense What = "suspense" // the journal of what cases hold in suspense and of what rules write off, lines that balance
)

// Form is a file format.
type Form string

// The formats.
const (
	CSV       Form = "csv"
	JSONLines Form = "jsonl"
	Parquet   Form = "parquet"
)

// Table is one table in one format.
type Table struct {
	what What
	form Form
}

// Open gives a table, if there is such a one.
func Open(what What, form Form) (*Table, error) {
	if !slices.Contains([]What{Breaks, Cases, Suspense}, what) {
		return nil, fmt.Errorf("table: %w (got %q); try: breaks, cases or suspense", casework.ErrInput, what)
	}
	if !slices.Contains([]Form{CSV, JSONLines, Parquet}, form) {
		return nil, fmt.Errorf("format: %w (got %q); try: csv, jsonl or parquet", casework.ErrInput, form)
	}
	return &Table{what, form}, nil
}

// Name is a name for the file.
func (t *Table) Name() string { return string(t.what) + "." + string(t.form) }

// ContentType is the format's media type.
func (t *Table) ContentType() string {
	switch t.form {
	case CSV:
		return "text/csv; charset=utf-8"
	case JSONLines:
		return "application/jsonl"
	}
	return "application/vnd.apache.parquet"
}

// Write writes the rows of the cases that a filter chooses.
func (t *Table) Write(ctx context.Context, desk *casework.Desk, f casework.Filter, out io.Writer) error {
	switch t.what {
	case Breaks:
		return write(t.form, out, func(emit func(BreakRow) error) error {
			return desk.Each(ctx, f, func(c *casework.Case) error { return emit(breakRow(c)) })
		})
	case Cases:
		return write(t.form, out, func(emit func(CaseRow) error) error {
			return desk.Each(ctx, f, func(c *casework.Case) error { return emit(caseRow(c)) })
		})
	}
	return write(t.form, out, func(emit func(Line) error) error {
		if err := journal(ctx, desk, f, emit); err != nil {
			return err
		}
		return writeOffs(ctx, desk, f, emit)
	})
}

// sink takes rows of one type.
type sink[T row] interface {
	add(T) error
	end() error
}

// row is a line of a table: what it says as cells, in the order of its columns.
type row interface {
	columns() []string
	cells() []string
}

func write[T row](form Form, out io.Writer, rows func(emit func(T) error) error) error {
	buffer := bufio.NewWriterSize(out, 64<<10)
	var to sink[T]
	switch form {
	case CSV:
		to = &csvSink[T]{rows: sheet.NewWriter(buffer)}
	case JSONLines:
		encoder := json.NewEncoder(buffer)
		encoder.SetEscapeHTML(false)
		to = jsonSink[T]{encoder}
	default:
		to = parquetSink[T]{parquet.NewGenericWriter[T](buffer, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupRows))}
	}
	if err := rows(to.add); err != nil {
		return err
	}
	if err := to.end(); err != nil {
		return fmt.Errorf("write %s: %w", form, err)
	}
	if err := buffer.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", form, err)
	}
	return nil
}

type csvSink[T row] struct {
	rows  *sheet.Writer
	begun bool
}

func (s *csvSink[T]) head(r T) error {
	if s.begun {
		return nil
	}
	s.begun = true
	return s.rows.Write(r.columns())
}

func (s *csvSink[T]) add(r T) error {
	if err := s.head(r); err != nil {
		return err
	}
	return s.rows.Write(r.cells())
}

func (s *csvSink[T]) end() error {
	var none T
	if err := s.head(none); err != nil {
		return err
	}
	return s.rows.Flush()
}

type jsonSink[T row] struct{ to *json.Encoder }

func (s jsonSink[T]) add(r T) error { return s.to.Encode(r) }
func (s jsonSink[T]) end() error    { return nil }

// groupRows is how many rows of Parquet are kept in memory before they are written.
const groupRows = 64 << 10

type parquetSink[T row] struct{ to *parquet.GenericWriter[T] }

func (s parquetSink[T]) add(r T) error {
	_, err := s.to.Write([]T{r})
	return err
}

func (s parquetSink[T]) end() error { return s.to.Close() }

package retention

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Table names what files hold.
type Table string

// The tables. Those of cases hold histories and repairs too.
const (
	Findings    Table = "findings"
	WriteOffs   Table = "write_offs"
	Settlements Table = "settlements"
	Batches     Table = "batches"
	Cases       Table = "cases"
	Operations  Table = "operations"
)

// Tables lists them.
func Tables() []Table {
	return []Table{Findings, WriteOffs, Settlements, Batches, Cases, Operations}
}

// What goes with a case.
const (
	events  Table = "case_events"
	repairs Table = "repairs"
)

// column is one column of a table.
type column struct {
	name   string
	number bool // else text or bytes
}

// shape is a table's columns: those that name a row, and the others.
type shape struct {
	table Table
	key   []column
	rest  []column
}

// shapeOf gives the columns of a table; # marks numbers.
func shapeOf(t Table) shape {
	texts := map[Table][2]string{
		Findings:    {"batch key_id key_kind occurrence# since break_name", "body"},
		WriteOffs:   {"batch entry", "body"},
		Settlements: {"batch key_id key_kind occurrence# since break_name", "fate told"},
		Batches:     {"id", "statement number# state version# superseded file result changed made_us# moved_us#"},
		Cases: {"part# id", "version# batch statement channel account day break_name class key_kind key_id occurrence# order_id gap_minor# gap_currency state resolution owner " +
			"expected_us# opened_us# due_us# closed_us# facts detail"},
		events:     {"part# case_id seq#", "at_us# actor action from_state to_state note sha256 audit trace gap_minor# gap_currency resolution"},
		repairs:    {"part# id", "case_id version# state kind proposer approver made_us# moved_us# body outcome"},
		Operations: {"id", "kind digest payload state version# due_us# date_us# rest# answer made_us# moved_us#"},
	}
	return shape{t, columnsOf(texts[t][0]), columnsOf(texts[t][1])}
}

func columnsOf(text string) (all []column) {
	for _, name := range strings.Fields(text) {
		plain := strings.TrimSuffix(name, "#")
		all = append(all, column{plain, plain != name})
	}
	return all
}

func (s shape) columns() []column { return append(append([]column(nil), s.key...), s.rest...) }

func names(columns []column) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = c.name
	}
	return out
}

// query reads all columns of the rows that a condition chooses.
func (s shape) query(ctx context.Context, from store.Reader, condition string, args ...any) ([]row, error) {
	columns := s.columns()
	rows, err := from.Query(ctx, "SELECT "+strings.Join(names(columns), ", ")+" FROM "+string(s.table)+" WHERE "+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.table, err)
	}
	defer rows.Close()
	var all []row
	for rows.Next() {
		r, err := scanRow(rows, columns)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.table, err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.table, err)
	}
	return all, nil
}

func scanRow(rows *sql.Rows, columns []column) (row, error) {
	numbers, texts := make([]int64, len(columns)), make([][]byte, len(columns))
	into := make([]any, len(columns))
	for i, c := range columns {
		if into[i] = &texts[i]; c.number {
			into[i] = &numbers[i]
		}
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	r := row{}
	for i, c := range columns {
		if r[c.name] = cell(texts[i]); c.number {
			r[c.name] = numbers[i]
		}
	}
	return r, nil
}

// deleteAtOnce is how many rows one statement deletes.
const deleteAtOnce = 50

// delete deletes rows by their keys.
func (s shape) delete(ctx context.Context, tx *store.Tx, all []row) (deleted int64, err error) {
	for len(all) > 0 {
		page := all[:min(len(all), deleteAtOnce)]
		var terms []string
		var args []any
		for _, r := range page {
			values, err := r.values(s.key)
			if err != nil {
				return deleted, err
			}
			terms, args = append(terms, strings.Join(names(s.key), " = ? AND ")+" = ?"), append(args, values...)
		}
		n, err := tx.Exec(ctx, "DELETE FROM "+string(s.table)+" WHERE "+strings.Join(terms, " OR "), args...)
		if err != nil {
			return deleted, fmt.Errorf("delete %s: %w", s.table, err)
		}
		deleted, all = deleted+n, all[len(page):]
	}
	return deleted, nil
}

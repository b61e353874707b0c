package dualwrite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow/stmt"
)

// images writes rows of one table in one transaction.
type images struct {
	tx    *sql.Tx
	table string
	key   []string // columns that name a row; empty = rows can only be inserted
}

// write brings one row from its image before to the one after. Rows that the shadow never got are put there whole.
func (m images) write(ctx context.Context, before, after *row) error {
	switch {
	case after == nil:
		return m.delete(ctx, before)
	case len(m.key) == 0:
		return m.insert(ctx, after)
	case before == nil:
		err := m.insert(ctx, after)
		if is(err, errDuplicate) { // the shadow's row was not the primary's any more: what was written last counts
			return m.put(ctx, after, after)
		}
		return err
	}
	return m.put(ctx, before, after)
}

// put updates the row with the key of the one, or inserts the other.
func (m images) put(ctx context.Context, named, after *row) error {
	where, args, err := m.where(named)
	if err != nil {
		return err
	}
	var there int
	err = m.tx.QueryRowContext(ctx, "SELECT 1 FROM "+stmt.Quote(m.table)+where+" FOR UPDATE", args...).Scan(&there)
	if errors.Is(err, sql.ErrNoRows) {
		return m.insert(ctx, after)
	}
	if err != nil {
		return err
	}
	set := make([]string, len(after.columns))
	for i, c := range after.columns {
		set[i] = stmt.Quote(c) + " = ?"
	}
	_, err = m.tx.ExecContext(ctx, "UPDATE "+stmt.Quote(m.table)+" SET "+strings.Join(set, ", ")+where, append(append([]any{}, after.args...), args...)...)
	return err
}

func (m images) insert(ctx context.Context, after *row) error {
	_, err := m.tx.ExecContext(ctx, insertText(m.table, after), after.args...)
	return err
}

func insertText(table string, r *row) string {
	names, marks := make([]string, len(r.columns)), make([]string, len(r.columns))
	for i, c := range r.columns {
		names[i], marks[i] = stmt.Quote(c), "?"
	}
	return "INSERT INTO " + stmt.Quote(table) + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
}

func (m images) delete(ctx context.Context, before *row) error {
	where, args, err := m.where(before)
	if err != nil {
		return err
	}
	_, err = m.tx.ExecContext(ctx, "DELETE FROM "+stmt.Quote(m.table)+where, args...)
	return err
}

func (m images) where(r *row) (string, []any, error) {
	if len(m.key) == 0 {
		return "", nil, fmt.Errorf("%w: table %s has no key", errFinal, m.table)
	}
	terms, args := make([]string, len(m.key)), make([]any, len(m.key))
	for i, name := range m.key {
		value, ok := r.value(name)
		if !ok {
			return "", nil, fmt.Errorf("%w: an image of %s lacks the key column %s", errFinal, m.table, name)
		}
		terms[i], args[i] = stmt.Quote(name)+" <=> ?", value
	}
	return " WHERE " + strings.Join(terms, " AND "), args, nil
}

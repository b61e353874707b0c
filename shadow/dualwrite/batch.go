package dualwrite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// batch writes a set that holds nothing but inserts in one round trip; false = it is not such a set, or the shadow refused a
// part of it and nothing of it is there: the long way will tell which.
func (t *target) batch(ctx context.Context, conn *sql.Conn, ws shadow.WriteSet) (done bool, err error) {
	if !t.batched || maxBatch < len(ws.Statements) {
		return false, nil
	}
	var text strings.Builder
	args := []any{ws.ID}
	text.WriteString("START TRANSACTION; INSERT INTO " + TableApplied + " (id) VALUES (?)")
	for _, s := range ws.Statements {
		if len(s.Key) > 0 || len(s.Before) > 0 || len(s.Rows) > maxBatch {
			return false, nil
		}
		m := t.mappings[strings.ToLower(s.Table)]
		computed, known := t.knownComputed(m.table(s.Table))
		if !known && len(s.Rows) > 0 {
			return false, nil
		}
		for _, from := range s.Rows {
			r, err := m.row(from, computed)
			if err != nil {
				return false, err
			}
			text.WriteString("; " + insertText(m.table(s.Table), r))
			args = append(args, r.args...)
		}
	}
	text.WriteString("; COMMIT")
	_, err = conn.ExecContext(ctx, text.String(), args...)
	var refused *mysql.MySQLError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &refused):
		if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
			return false, fmt.Errorf("roll back on shadow: %w", sorted(err))
		}
		return false, nil
	}
	return false, fmt.Errorf("%w: %w", errCommitUnanswered, sorted(err)) // the COMMIT may have been read
}

const maxBatch = 100

func (t *target) knownComputed(table string) ([]string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	names, known := t.generated[table]
	return names, known
}

package rowlog

import (
	"context"
	"fmt"
	"strings"
)

// odd holds the columns of MariaDB's types UUID, INET4 and INET6. The log shows them as bytes in an order of the server's
// own and does not name the type, so their values cannot be told.
type odd map[string]bool

func oddKey(table, column string) string {
	return strings.ToLower(table) + "." + strings.ToLower(column)
}

func (r *Reader) readOdd(ctx context.Context) error {
	rows, err := r.db.QueryContext(ctx, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ? AND data_type IN ('uuid', 'inet4', 'inet6')", r.cfg.Schema)
	if err != nil {
		return fmt.Errorf("row log: read the columns' types: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	all := odd{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return fmt.Errorf("row log: read the columns' types: %w", err)
		}
		all[oddKey(table, column)] = true
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("row log: read the columns' types: %w", err)
	}
	r.odd = all
	return nil
}

// has tells whether a row of the table has such a value.
func (o odd) has(table string, columns []string) bool {
	if len(o) == 0 {
		return false
	}
	for _, c := range columns {
		if o[oddKey(table, c)] {
			return true
		}
	}
	return false
}

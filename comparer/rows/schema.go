package rows

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// form says how a column's values are read and when two of them are equal.
type form int

const (
	formText    form = iota // byte for byte
	formNumber              // by decimal value
	formInstant             // DATE, DATETIME, TIMESTAMP: by the instant
	formClock               // TIME: by the duration
	formBinary              // byte for byte, shown as hex
)

// schemaColumn is one column as one side's server describes it.
type schemaColumn struct {
	name     string
	form     form
	lossy    bool // FLOAT: the server's text of it drops digits
	identity bool // holds each value once, by an index of its own
}

// schemaOf lists a table's columns, invisible ones too; SELECT * would leave those out.
func schemaOf(ctx context.Context, db *sql.DB, table string) ([]schemaColumn, error) {
	schema, name := "", table
	if before, after, ok := strings.Cut(table, "."); ok {
		schema, name = before, after
	}
	rows, err := db.QueryContext(ctx, `SELECT column_name, data_type, column_key FROM information_schema.columns
		WHERE table_schema = COALESCE(NULLIF(?, ''), DATABASE()) AND table_name = ? ORDER BY ordinal_position`, schema, name)
	if err != nil {
		return nil, fmt.Errorf("read schema of table %s: %w", table, err)
	}
	defer rows.Close()
	var columns []schemaColumn
	keys := []string{}
	for rows.Next() {
		var column, kind, key string
		if err := rows.Scan(&column, &kind, &key); err != nil {
			return nil, fmt.Errorf("read schema of table %s: %w", table, err)
		}
		kind = strings.ToLower(kind)
		columns = append(columns, schemaColumn{name: column, form: formOf(kind), lossy: kind == "float"})
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read schema of table %s: %w", table, err)
	}
	markIdentities(columns, keys)
	return columns, nil
}

// markIdentities finds columns that are a whole unique key by themselves.
func markIdentities(columns []schemaColumn, keys []string) {
	primaries := 0
	for _, k := range keys {
		if k == "PRI" {
			primaries++
		}
	}
	for i, k := range keys {
		columns[i].identity = k == "UNI" || k == "PRI" && primaries == 1
	}
}

func formOf(kind string) form {
	switch kind {
	case "tinyint", "smallint", "mediumint", "int", "integer", "bigint", "decimal", "numeric", "year", "float", "double", "real":
		return formNumber
	case "date", "datetime", "timestamp":
		return formInstant
	case "time":
		return formClock
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json", "uuid", "inet4", "inet6":
		return formText
	}
	return formBinary // BINARY, VARBINARY, BLOB, BIT, geometry, and what nobody knows yet
}

// common is the form in which the two sides' values of one column are compared.
func common(primary, shadowed form) form {
	if primary == shadowed {
		return primary
	}
	return formText
}

func find(columns []schemaColumn, name string) (schemaColumn, bool) {
	i := slices.IndexFunc(columns, func(c schemaColumn) bool { return c.name == name })
	if i < 0 {
		return schemaColumn{}, false
	}
	return columns[i], true
}

// expression reads a column as text: times whatever the connection's parseTime says, floats with all their digits.
func (c schemaColumn) expression() string {
	switch {
	case c.lossy:
		return quote(c.name) + "+0e0"
	case c.form == formInstant || c.form == formClock:
		return "CAST(" + quote(c.name) + " AS CHAR)"
	}
	return quote(c.name)
}

func quote(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = "`" + strings.ReplaceAll(p, "`", "``") + "`"
	}
	return strings.Join(parts, ".")
}

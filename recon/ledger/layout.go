package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// layout is what the server says about a table.
type layout struct {
	columns []columnInfo
	key     *columnInfo // to cut ranges by; nil = the table is read in one
	rows    int64       // estimate
	engine  string
}

type columnInfo struct {
	name     string
	kind     string // DATA_TYPE: varchar, bigint, decimal, …
	nullable bool
}

func (c columnInfo) integer() bool {
	return slices.Contains([]string{"tinyint", "smallint", "mediumint", "int", "bigint"}, c.kind)
}

func (c columnInfo) text() bool { return slices.Contains([]string{"char", "varchar"}, c.kind) }

func (c columnInfo) binary() bool {
	return slices.Contains([]string{"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "bit"}, c.kind)
}

func (c columnInfo) float() bool { return c.kind == "float" || c.kind == "double" }

// expression selects a column as the text it has. The driver would make a float of a float.
func (c columnInfo) expression() string {
	if c.float() {
		return "CAST(" + quote(c.name) + " AS CHAR)"
	}
	return quote(c.name)
}

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// readLayout asks the server about a table.
func readLayout(ctx context.Context, q querier, s Source) (*layout, error) {
	l := &layout{}
	err := each(ctx, q, "SELECT table_rows AS n, engine AS e FROM information_schema.tables WHERE table_schema = "+literal(s.Config.DBName)+" AND table_name = "+literal(s.Table),
		func(rows *sql.Rows) error {
			var n sql.NullInt64
			var engine sql.NullString
			err := rows.Scan(&n, &engine)
			l.rows, l.engine = n.Int64, engine.String
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read layout of %s: %w", s.Name(), err)
	}
	var all []columnInfo
	err = each(ctx, q, "SELECT column_name AS n, data_type AS t, is_nullable AS u FROM information_schema.columns WHERE table_schema = "+literal(s.Config.DBName)+" AND table_name = "+literal(s.Table)+" ORDER BY ordinal_position",
		func(rows *sql.Rows) error {
			var c columnInfo
			var nullable string
			err := rows.Scan(&c.name, &c.kind, &nullable)
			c.kind, c.nullable = strings.ToLower(c.kind), nullable != "NO"
			all = append(all, c)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read columns of %s: %w", s.Name(), err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("table %s: there is none, or this account may not read it; try: SHOW TABLES", s.Name())
	}
	if l.columns, err = pick(all, s.Columns, s); err != nil {
		return nil, err
	}
	return l, l.readKey(ctx, q, s, all)
}

// pick gives the columns that are asked for.
func pick(all []columnInfo, names []string, s Source) ([]columnInfo, error) {
	if len(names) == 0 {
		return all, nil
	}
	var picked []columnInfo
	for _, name := range names {
		c, err := find(all, name, s)
		if err != nil {
			return nil, err
		}
		picked = append(picked, c)
	}
	return picked, nil
}

func find(all []columnInfo, name string, s Source) (columnInfo, error) {
	i := slices.IndexFunc(all, func(c columnInfo) bool { return strings.EqualFold(c.name, name) })
	if i < 0 {
		var names []string
		for _, c := range all {
			names = append(names, c.name)
		}
		return columnInfo{}, fmt.Errorf("table %s: no such column (got %q); try: one of %s", s.Name(), name, strings.Join(names, ", "))
	}
	return all[i], nil
}

// readKey finds the column to cut ranges by: the first of some index, of whole numbers or text.
func (l *layout) readKey(ctx context.Context, q querier, s Source, all []columnInfo) error {
	if s.Key != "" {
		if _, err := find(all, s.Key, s); err != nil {
			return err
		}
	}
	key := ""
	err := each(ctx, q, "SELECT index_name AS i, column_name AS n FROM information_schema.statistics WHERE table_schema = "+literal(s.Config.DBName)+" AND table_name = "+literal(s.Table)+" AND seq_in_index = 1 AND index_type = 'BTREE' AND sub_part IS NULL",
		func(rows *sql.Rows) error {
			var index, name string
			err := rows.Scan(&index, &name)
			if (s.Key == "" && index == "PRIMARY") || strings.EqualFold(name, s.Key) {
				key = name
			}
			return err
		})
	if err != nil || key == "" {
		return err
	}
	c, err := find(all, key, s)
	if err == nil && (c.integer() || c.text()) {
		l.key = &c
	}
	return err
}

// each runs a query over its rows.
func each(ctx context.Context, q querier, query string, take func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := take(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// literal is a text in a statement, which nothing can break out of.
func literal(text string) string {
	if text == "" {
		return "''"
	}
	return fmt.Sprintf("_utf8mb4 x'%x'", text)
}

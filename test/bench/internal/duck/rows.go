package duck

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/test/reconoracle"
)

// Load copies a file into a table of the given name, with the line each record begins on. Records are read one after the
// other, so that they can be counted.
func (d *DB) Load(ctx context.Context, table, file string) error {
	return d.Exec(ctx, fmt.Sprintf(`CREATE OR REPLACE TABLE %s AS
		WITH numbered AS (SELECT row_number() OVER () AS nth, * FROM %s)
		SELECT 1 + nth + coalesce(sum(length(subject) - length(replace(subject, chr(10), ''))) OVER (ORDER BY nth ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS line,
			* EXCLUDE (nth) REPLACE (CASE status WHEN 'paid' THEN 'success' WHEN 'pending' THEN 'processing' ELSE status END AS status),
			CAST(amount * 100 AS BIGINT) AS minor FROM numbered`, table, scan(file, false)))
}

// Answer gives every break between two loaded tables by row: copies that agree in everything are paired first, then the
// rest in order, then what is left over has no counterpart.
func (d *DB) Answer(ctx context.Context, q reconoracle.Question) (reconoracle.Answer, error) {
	a := reconoracle.Answer{}
	for _, table := range []string{"ours", "theirs"} {
		side, err := d.totals(ctx, q, table)
		if err != nil {
			return a, err
		}
		a.Sides = append(a.Sides, side)
	}
	rows, err := d.conn.QueryContext(ctx, breaksQuery(q))
	if err != nil {
		return a, fmt.Errorf("duckdb: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var class, kind, key, fields string
		var lines, minors [2]sql.NullInt64
		var currencies [2]sql.NullString
		if err := rows.Scan(&class, &kind, &key, &fields, &lines[0], &minors[0], &currencies[0], &lines[1], &minors[1], &currencies[1]); err != nil {
			return a, fmt.Errorf("read break: %w", err)
		}
		b := reconoracle.Break{Break: class, Kind: kind, Key: key, Rows: make([]*reconoracle.Row, 2)}
		for i := range lines {
			if lines[i].Valid {
				b.Rows[i] = &reconoracle.Row{Line: lines[i].Int64, Minor: minors[i].Int64, Currency: currencies[i].String}
			}
		}
		if b.Rows[0] != nil && b.Rows[1] != nil {
			b.Fields = strings.Fields(fields)
			slices.Sort(b.Fields)
		}
		a.Breaks = append(a.Breaks, b)
	}
	return a, rows.Err()
}

func (d *DB) totals(ctx context.Context, q reconoracle.Question, table string) (reconoracle.Side, error) {
	rows, err := d.conn.QueryContext(ctx, fmt.Sprintf("SELECT %s, %s, count(*), sum(minor)::BIGINT FROM %s GROUP BY ALL", kind(q, ""), q.Currency, table))
	if err != nil {
		return reconoracle.Side{}, fmt.Errorf("duckdb: %w", err)
	}
	defer rows.Close()
	var side reconoracle.Side
	for rows.Next() {
		var t reconoracle.Total
		if err := rows.Scan(&t.Kind, &t.Currency, &t.Count, &t.Minor); err != nil {
			return side, fmt.Errorf("read totals: %w", err)
		}
		side.Records, side.Totals = side.Records+t.Count, append(side.Totals, t)
	}
	return side, rows.Err()
}

// breaksQuery is the whole job as one statement.
func breaksQuery(q reconoracle.Question) string {
	key := slices.Clone(q.Key)
	if q.Kind != "" {
		key = append(key, q.Kind)
	}
	var columns, differ []string
	for _, f := range q.Fields() {
		columns = append(columns, f.Column)
		differ = append(differ, fmt.Sprintf("CASE WHEN a.%[2]s <> b.%[2]s THEN '%[1]s ' ELSE '' END", f.Name, f.Column))
	}
	keys, all := strings.Join(key, ", "), strings.Join(columns, ", ")
	var with []string
	for _, table := range []string{"ours", "theirs"} {
		with = append(with, fmt.Sprintf("%[1]s_same AS (SELECT *, row_number() OVER (PARTITION BY %[2]s, %[3]s ORDER BY line) AS copy FROM %[1]s)", table, keys, all))
	}
	for _, pair := range [][2]string{{"ours", "theirs"}, {"theirs", "ours"}} {
		with = append(with, fmt.Sprintf(`%[1]s_rest AS (SELECT *, row_number() OVER (PARTITION BY %[2]s ORDER BY %[3]s, line) AS n
			FROM %[1]s_same ANTI JOIN %[4]s_same USING (%[2]s, %[3]s, copy))`, pair[0], keys, all, pair[1]))
	}
	var on []string
	for _, column := range append(slices.Clone(key), "n") {
		on = append(on, fmt.Sprintf("a.%[1]s = b.%[1]s", column))
	}
	unique := ""
	if q.Unique {
		with = append(with, fmt.Sprintf(`agreed AS (SELECT a.*, b.line AS other, row_number() OVER (PARTITION BY %[2]s ORDER BY %[1]s, a.line) AS n
			FROM ours_same a JOIN theirs_same b USING (%[3]s, %[4]s, copy))`, prefixed("a.", columns), prefixed("a.", key), keys, all))
		unique = fmt.Sprintf(" UNION ALL SELECT 'duplicate', %s, %s, '', line, minor, %[3]s, other, minor, %[3]s FROM agreed WHERE n > 1", kind(q, ""), joined(q, ""), q.Currency)
	}
	return fmt.Sprintf(`WITH %s SELECT CASE
			WHEN b.line IS NULL THEN CASE WHEN (%s) IN (SELECT (%s) FROM theirs) THEN 'duplicate' ELSE 'missing-at-channel' END
			WHEN a.line IS NULL THEN CASE WHEN (%s) IN (SELECT (%s) FROM ours) THEN 'duplicate' ELSE 'missing-internally' END
			WHEN a.minor <> b.minor OR a.%[6]s <> b.%[6]s THEN 'amount-mismatch'
			WHEN a.%[7]s <> b.%[7]s THEN 'status-mismatch'
			ELSE 'field-mismatch' END,
		coalesce(%[8]s), coalesce(%[11]s, %[12]s), %[9]s, a.line, a.minor, a.%[6]s, b.line, b.minor, b.%[6]s
		FROM ours_rest a FULL OUTER JOIN theirs_rest b ON %[10]s`,
		strings.Join(with, ",\n"), prefixed("a.", key), keys, prefixed("b.", key), keys, q.Currency, q.Status, kind(q, "a.")+", "+kind(q, "b."), strings.Join(differ, " || "), strings.Join(on, " AND "), joined(q, "a."), joined(q, "b.")) + unique
}

// joined is the key as the product prints it, NULL where there is no row.
func joined(q reconoracle.Question, side string) string {
	return "rtrim(" + strings.Join(strings.Split(prefixed(side, q.Key), ", "), " || '/' || ") + ", '/')"
}

// kind is the kind of a row, as SQL.
func kind(q reconoracle.Question, prefix string) string {
	if q.Kind == "" {
		return "'payment'"
	}
	return prefix + q.Kind
}

func prefixed(prefix string, columns []string) string {
	var list []string
	for _, c := range columns {
		list = append(list, prefix+c)
	}
	return strings.Join(list, ", ")
}

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
	rows, err := d.conn.QueryContext(ctx, words(q).Replace("SELECT {kind}, {currency}, count(*), sum(minor)::BIGINT FROM "+table+" GROUP BY ALL"))
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

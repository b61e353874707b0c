package duck

import (
	"context"
	"fmt"
)

// Count is how often a break occurs, and the money of its rows on both sides in minor units.
type Count struct {
	Count  int64 `json:"count"`
	Ours   int64 `json:"ours"`
	Theirs int64 `json:"theirs"`
}

// Counts gives a count for each break.
type Counts map[string]Count

// classify names what is wrong with a pair a, b. A row alone with a number above one is a copy: in generated files no key
// has more than one row on one side and none on the other.
const classify = `CASE
	WHEN b.order_id IS NULL THEN CASE WHEN a.n > 1 THEN 'duplicate' ELSE 'missing-at-channel' END
	WHEN a.order_id IS NULL THEN CASE WHEN b.n > 1 THEN 'duplicate' ELSE 'missing-internally' END
	WHEN a.amount <> b.amount OR a.currency <> b.currency THEN 'amount-mismatch'
	WHEN a.status <> b.status THEN 'status-mismatch'
	ELSE 'matched' END`

const grouped = `SELECT class, count(*), coalesce(sum(CAST(ours * 100 AS BIGINT)), 0)::BIGINT, coalesce(sum(CAST(theirs * 100 AS BIGINT)), 0)::BIGINT
	FROM (SELECT %s AS class, a.amount AS ours, b.amount AS theirs FROM %s a FULL OUTER JOIN %s b USING (%s)) GROUP BY class`

// Joined is the plain full outer join by key. It does not know copies: two against two are four rows.
func (d *DB) Joined(ctx context.Context) (Counts, error) {
	side := func(view string) string {
		return "(SELECT order_id, amount, currency, status, 1 AS n FROM " + view + ")"
	}
	return d.counts(ctx, fmt.Sprintf(grouped, classify, side("ours"), side("theirs"), "order_id"))
}

// Classes answers all classes: copies of a key are numbered in the order of their content.
func (d *DB) Classes(ctx context.Context) (Counts, error) {
	side := func(view string) string {
		return `(SELECT order_id, amount, currency, status,
			row_number() OVER (PARTITION BY order_id ORDER BY amount, currency, status) AS n FROM ` + view + ")"
	}
	return d.counts(ctx, fmt.Sprintf(grouped, classify, side("ours"), side("theirs"), "order_id, n"))
}

func (d *DB) counts(ctx context.Context, query string) (Counts, error) {
	rows, err := d.conn.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("duckdb: %w", err)
	}
	defer rows.Close()
	found := Counts{}
	for rows.Next() {
		var class string
		var c Count
		if err := rows.Scan(&class, &c.Count, &c.Ours, &c.Theirs); err != nil {
			return nil, fmt.Errorf("read counts: %w", err)
		}
		found[class] = c
	}
	return found, rows.Err()
}

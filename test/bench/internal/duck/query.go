package duck

import (
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/test/reconoracle"
)

// breaks is the whole job as one statement; {key}, {a.key} and the like stand for columns.
const breaks = `WITH
ours_same AS (SELECT *, row_number() OVER (PARTITION BY {key}, {all} ORDER BY line) AS copy FROM ours),
theirs_same AS (SELECT *, row_number() OVER (PARTITION BY {key}, {all} ORDER BY line) AS copy FROM theirs),
ours_rest AS (
	SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {all}, line) AS n
	FROM ours_same ANTI JOIN theirs_same USING ({key}, {all}, copy)),
theirs_rest AS (
	SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {all}, line) AS n
	FROM theirs_same ANTI JOIN ours_same USING ({key}, {all}, copy))
SELECT
	CASE
		WHEN b.line IS NULL THEN CASE WHEN ({a.key}) IN (SELECT ({key}) FROM theirs) THEN 'duplicate' ELSE 'missing-at-channel' END
		WHEN a.line IS NULL THEN CASE WHEN ({b.key}) IN (SELECT ({key}) FROM ours) THEN 'duplicate' ELSE 'missing-internally' END
		WHEN a.minor <> b.minor OR a.{currency} <> b.{currency} THEN 'amount-mismatch'
		WHEN a.{status} <> b.{status} THEN 'status-mismatch'
		ELSE 'field-mismatch'
	END,
	coalesce({a.kind}, {b.kind}), coalesce({a.text}, {b.text}), {differing},
	a.line, a.minor, a.{currency}, b.line, b.minor, b.{currency}
FROM ours_rest a FULL OUTER JOIN theirs_rest b ON {same}`

// copies are the rows that agree with a row of the other side, but for the first of each key.
const copies = ` UNION ALL
SELECT 'duplicate', {kind}, {text}, '', line, minor, {currency}, other, minor, {currency}
FROM (
	SELECT a.*, b.line AS other, row_number() OVER (PARTITION BY {a.key} ORDER BY {a.all}, a.line) AS n
	FROM ours_same a JOIN theirs_same b USING ({key}, {all}, copy))
WHERE n > 1`

func breaksQuery(q reconoracle.Question) string {
	if q.Unique {
		return words(q).Replace(breaks + copies)
	}
	return words(q).Replace(breaks)
}

// words are the columns of a question.
func words(q reconoracle.Question) *strings.Replacer {
	key := q.Key
	if q.Kind != "" {
		key = append([]string{q.Kind}, key...)
	}
	var all, differing, same []string
	for _, f := range q.Fields() {
		column := f.Column
		if f.Name == "amount" {
			column = "minor"
		}
		all = append(all, column)
		differing = append(differing, fmt.Sprintf("CASE WHEN a.%[2]s <> b.%[2]s THEN '%[1]s ' ELSE '' END", f.Name, column))
	}
	for _, column := range append([]string{"n"}, key...) {
		same = append(same, fmt.Sprintf("a.%[1]s = b.%[1]s", column))
	}
	pairs := []string{"{currency}", q.Currency, "{status}", q.Status, "{differing}", strings.Join(differing, " || "), "{same}", strings.Join(same, " AND ")}
	for _, side := range []string{"", "a.", "b."} {
		kind := "'payment'"
		if q.Kind != "" {
			kind = side + q.Kind
		}
		pairs = append(pairs, "{"+side+"key}", list(side, key, ", "), "{"+side+"all}", list(side, all, ", "), "{"+side+"kind}", kind,
			"{"+side+"text}", "rtrim("+list(side, q.Key, " || '/' || ")+", '/')") // as the product prints a key
	}
	return strings.NewReplacer(pairs...)
}

// list joins the columns of one side.
func list(side string, columns []string, separator string) string {
	return side + strings.Join(columns, separator+side)
}

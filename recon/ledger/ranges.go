package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"math/big"
	"strings"
)

// keyRange is a condition on the key: from from, and before to, both as SQL; "" = no bound.
type keyRange struct {
	from, to string
	nulls    bool // rows without a key are in it
}

func (r keyRange) condition(key string) string {
	var parts []string
	if r.from != "" {
		parts = append(parts, quote(key)+" >= "+r.from)
	}
	if r.to != "" {
		parts = append(parts, quote(key)+" < "+r.to)
	}
	condition := strings.Join(parts, " AND ")
	if r.nulls && condition != "" {
		return "(" + condition + " OR " + quote(key) + " IS NULL)"
	}
	return condition
}

// rangesPerConnection makes the parts small: a server is looked at before each, and they need not be of one size.
const rangesPerConnection = 16

// smallTable is read in one.
const smallTable = 10_000 // rows

// cutRanges cuts a table into about n ranges of its key, without a gap: the first has no lower bound, the last no upper.
func cutRanges(ctx context.Context, q querier, s Source, l *layout, n int) ([]keyRange, error) {
	if l.key == nil || n < 2 || l.rows < smallTable {
		return []keyRange{{}}, nil
	}
	var low, high sql.NullString
	err := each(ctx, q, fmt.Sprintf("SELECT MIN(%[1]s) AS a, MAX(%[1]s) AS b FROM %[2]s", quote(l.key.name), quote(s.Table)), func(rows *sql.Rows) error { return rows.Scan(&low, &high) })
	if err != nil {
		return nil, fmt.Errorf("read bounds of %s: %w", s.Name(), err)
	}
	if !low.Valid {
		return []keyRange{{}}, nil
	}
	var bounds []string
	if l.key.integer() {
		bounds = wholeBounds(low.String, high.String, n)
	} else if bounds, err = textBounds(ctx, q, s, l, low.String, high.String, n); err != nil {
		return nil, fmt.Errorf("sample keys of %s: %w", s.Name(), err)
	}
	ranges := []keyRange{{nulls: l.key.nullable}}
	for _, b := range bounds {
		ranges[len(ranges)-1].to = b
		ranges = append(ranges, keyRange{from: b})
	}
	return ranges, nil
}

// wholeBounds cuts a range of whole numbers evenly.
func wholeBounds(low, high string, n int) []string {
	a, okA := new(big.Int).SetString(low, 10)
	b, okB := new(big.Int).SetString(high, 10)
	if !okA || !okB {
		return nil
	}
	width := new(big.Int).Sub(b, a)
	var bounds []string
	for i := 1; i < n; i++ {
		at := new(big.Int).Mul(width, big.NewInt(int64(i)))
		at.Add(at.Div(at, big.NewInt(int64(n))), a)
		if text := at.String(); at.Cmp(a) > 0 && (len(bounds) == 0 || bounds[len(bounds)-1] != text) {
			bounds = append(bounds, text)
		}
	}
	return bounds
}

// textBounds finds keys that cut a range of texts. Points between the first and the last are guessed from their bytes, each
// is moved to the next key that exists, and the server sorts them: its order of texts is its collation's, not that of bytes.
func textBounds(ctx context.Context, q querier, s Source, l *layout, low, high string, n int) ([]string, error) {
	key, table := quote(l.key.name), quote(s.Table)
	var dives []string
	for _, guess := range between(low, high, n) {
		dives = append(dives, fmt.Sprintf("(SELECT MIN(%s) AS k FROM %s WHERE %s >= %s)", key, table, key, literal(guess)))
	}
	if len(dives) == 0 {
		return nil, nil
	}
	var bounds []string
	err := each(ctx, q, "SELECT DISTINCT k FROM ("+strings.Join(dives, " UNION ALL ")+") AS dives WHERE k IS NOT NULL ORDER BY k", func(rows *sql.Rows) error {
		var k string
		err := rows.Scan(&k)
		bounds = append(bounds, literal(k))
		return err
	})
	return bounds, err
}

// alphabets are what keys are usually made of, smallest first.
func alphabets() []string {
	const digits, upper, lower = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
	return []string{digits, digits + "abcdef", digits + upper, digits + lower, "-" + digits + upper + "_" + lower}
}

// guessWidth is how many characters behind what all keys begin with are guessed.
const guessWidth = 8

// between gives texts between two others, evenly spaced by the characters behind their common beginning.
func between(low, high string, n int) []string {
	common := 0
	for common < len(low) && common < len(high) && low[common] == high[common] {
		common++
	}
	alphabet := alphabetOf(low[common:] + high[common:])
	a, b := numberOf(low[common:], alphabet), numberOf(high[common:], alphabet)
	width := new(big.Int).Sub(b, a)
	if width.Sign() <= 0 {
		return nil
	}
	var all []string
	for i := 1; i < n; i++ {
		at := new(big.Int).Mul(width, big.NewInt(int64(i)))
		at.Add(at.Div(at, big.NewInt(int64(n))), a)
		all = append(all, strings.ToValidUTF8(low[:common], "")+textOf(at, alphabet))
	}
	return all
}

// alphabetOf is the smallest alphabet that has every character of a text, or the largest there is.
func alphabetOf(text string) string {
	all := alphabets()
	for _, alphabet := range all {
		if strings.Trim(text, alphabet) == "" {
			return alphabet
		}
	}
	return all[len(all)-1]
}

func numberOf(text, alphabet string) *big.Int {
	n, base := new(big.Int), big.NewInt(int64(len(alphabet)))
	for i := range guessWidth {
		digit := 0
		if i < len(text) {
			digit = max(0, strings.IndexByte(alphabet, text[i]))
		}
		n.Add(n.Mul(n, base), big.NewInt(int64(digit)))
	}
	return n
}

func textOf(n *big.Int, alphabet string) string {
	text, base := make([]byte, guessWidth), big.NewInt(int64(len(alphabet)))
	rest, digit := new(big.Int).Set(n), new(big.Int)
	for i := guessWidth - 1; i >= 0; i-- {
		rest.DivMod(rest, base, digit)
		text[i] = alphabet[digit.Int64()]
	}
	return string(text)
}

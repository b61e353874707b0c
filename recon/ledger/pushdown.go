package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Pushed says in which buckets of rows two tables differ. The servers summed up their rows themselves, and sent the sums.
type Pushed struct {
	Rows    [2]int64 // in the tables
	Sums    [2]int64 // buckets that were sent
	Buckets int      // into which the keys fall
	Dirty   []int

	secret string
	digits int
	keys   [2]columnInfo
}

// Bounds of the number of buckets: with few rows the sums would be more than the rows.
const (
	rowsPerBucket = 64
	maxDigits     = 4 // hexadecimal: 65,536 buckets
)

// Compare has both servers sum up their tables by bucket: the number of rows, and the sum of a keyed SHA-256 of each row's
// compared columns, 128 bits of it. Sums show copies, which XOR hides, and no regular change cancels. The key chooses the
// bucket. Columns are paired by their place; the first key of both sources must be among them. The secret is a new one for
// each comparison, since servers log statements.
func Compare(ctx context.Context, a, b Source) (*Pushed, error) {
	pair := [2]Source{a.withDefaults(), b.withDefaults()}
	if len(a.Columns) == 0 || len(a.Columns) != len(b.Columns) {
		return nil, errors.New("compare tables: each needs the same number of columns; try: columns=order_id,amount,status on both")
	}
	secret := make([]byte, 16)
	rand.Read(secret) // it never fails
	p := &Pushed{secret: hex.EncodeToString(secret)}
	var layouts [2]*layout
	var dbs [2]*sql.DB
	for i, s := range pair {
		db, err := s.open()
		if err != nil {
			return nil, err
		}
		defer db.Close()
		if layouts[i], err = readLayout(ctx, db, s); err != nil {
			return nil, err
		}
		if p.keys[i], err = find(layouts[i].columns, s.keyName(), s); err != nil {
			return nil, fmt.Errorf("key of a comparison: %w", err)
		}
		dbs[i] = db
	}
	p.chooseDigits(max(layouts[0].rows, layouts[1].rows))
	var sums [2]map[int]sum
	for i, s := range pair {
		var err error
		if sums[i], err = p.sums(ctx, dbs[i], s, layouts[i], i); err != nil {
			return nil, fmt.Errorf("sum up %s: %w", s.Name(), err)
		}
	}
	p.Dirty = dirtyOf(sums[0], sums[1])
	return p, nil
}

// keyName is the column that chooses the bucket.
func (s Source) keyName() string {
	if s.Key != "" || len(s.Columns) == 0 {
		return s.Key
	}
	return s.Columns[0]
}

func (p *Pushed) chooseDigits(rows int64) {
	p.digits, p.Buckets = 1, 16
	for p.digits < maxDigits && rows/int64(p.Buckets) >= rowsPerBucket {
		p.digits++
		p.Buckets *= 16
	}
}

// bucket gives SQL for a row's bucket.
func (p *Pushed) bucket(side int) string {
	return number(hashOf(p.secret, "key", []columnInfo{p.keys[side]}), 1, p.digits)
}

// sum is what a server says of one bucket. The halves of the hash are summed up without a bound, as decimals.
type sum struct {
	rows     int64
	low, top string
}

func (p *Pushed) sums(ctx context.Context, db *sql.DB, s Source, l *layout, side int) (map[int]sum, error) {
	r := tableReader{source: s, layout: l}
	query := fmt.Sprintf("SELECT b, COUNT(*) AS n, SUM(%s) AS x, SUM(%s) AS y FROM (SELECT %s AS b, %s AS h FROM %s%s) AS hashed GROUP BY b",
		number("h", 1, 16), number("h", 17, 16), p.bucket(side), hashOf(p.secret, "row", l.columns), quote(s.Table), r.where(keyRange{}))
	out := map[int]sum{}
	err := each(ctx, db, query, func(rows *sql.Rows) error {
		var at int
		var one sum
		if err := rows.Scan(&at, &one.rows, &one.low, &one.top); err != nil {
			return err
		}
		out[at] = one
		p.Rows[side] += one.rows
		p.Sums[side]++
		return nil
	})
	return out, err
}

func dirtyOf(a, b map[int]sum) []int {
	var dirty []int
	for at, s := range a {
		if b[at] != s {
			dirty = append(dirty, at)
		}
	}
	for at := range b {
		if _, both := a[at]; !both {
			dirty = append(dirty, at)
		}
	}
	slices.Sort(dirty)
	return dirty
}

// Part is the part of a source that has to be read: the rows of the buckets that differ. side is 0 or 1, the source's place
// in Compare. With no such bucket the part is empty.
func (p *Pushed) Part(s Source, side int) Source {
	var list []string
	for _, b := range p.Dirty {
		list = append(list, strconv.Itoa(b))
	}
	switch len(list) {
	case 0:
		s.where = "1 = 0"
	case p.Buckets:
		s.where = ""
	default:
		s.where = p.bucket(side) + " IN (" + strings.Join(list, ", ") + ")"
	}
	return s
}

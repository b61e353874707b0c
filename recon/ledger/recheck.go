package ledger

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// recheckBatch is how many keys are read at a time.
const recheckBatch = 500

// Recheck reads rows again by their keys, after a delay, and gives the keys of which the sides still differ: tables that
// live have moved on, and what was only under way agrees by then. Columns are paired as in Compare.
func Recheck(ctx context.Context, delay time.Duration, keys []string, a, b Source) ([]string, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(delay):
	}
	secret := make([]byte, 16)
	rand.Read(secret) // it never fails
	var sides [2]*rechecker
	for i, s := range []Source{a.withDefaults(), b.withDefaults()} {
		r, err := newRechecker(ctx, s, hex.EncodeToString(secret))
		if err != nil {
			return nil, err
		}
		defer r.db.Close()
		sides[i] = r
	}
	if len(sides[0].layout.columns) != len(sides[1].layout.columns) {
		return nil, fmt.Errorf("recheck: %d columns against %d", len(sides[0].layout.columns), len(sides[1].layout.columns))
	}
	var still []string
	for batch := range slices.Chunk(keys, recheckBatch) {
		var found [2]map[string][]string
		for i, r := range sides {
			var err error
			if found[i], err = r.read(ctx, batch); err != nil {
				return nil, fmt.Errorf("recheck %s: %w", r.source.Name(), err)
			}
		}
		for _, key := range batch {
			if !slices.Equal(found[0][key], found[1][key]) {
				still = append(still, key)
			}
		}
	}
	a.Options.Metrics.rechecked(len(keys)-len(still), len(still))
	return still, nil
}

// rechecker reads rows of one side by key.
type rechecker struct {
	source Source
	db     *sql.DB
	layout *layout
	key    columnInfo
	secret string
}

func newRechecker(ctx context.Context, s Source, secret string) (*rechecker, error) {
	db, err := s.open()
	if err != nil {
		return nil, err
	}
	r := &rechecker{source: s, db: db, secret: secret}
	if r.layout, err = readLayout(ctx, db, s); err == nil {
		r.key, err = find(r.layout.columns, cmp.Or(s.keyName(), r.layout.columns[0].name), s)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("recheck: %w", err)
	}
	return r, nil
}

// read gives the hashes of the rows of each key, sorted: copies count. A collation may find keys that are spelt otherwise:
// each row counts for the key it has.
func (r *rechecker) read(ctx context.Context, keys []string) (map[string][]string, error) {
	var list []string
	for _, k := range keys {
		list = append(list, literal(k))
	}
	query := fmt.Sprintf("SELECT %s AS k, %s AS h FROM %s WHERE %s IN (%s)", r.key.expression(), hashOf(r.secret, "row", r.layout.columns), quote(r.source.Table), quote(r.key.name), strings.Join(list, ", "))
	found := map[string][]string{}
	err := each(ctx, r.db, query, func(rows *sql.Rows) error {
		var key, hash string
		if err := rows.Scan(&key, &hash); err != nil {
			return err
		}
		found[key] = append(found[key], hash)
		return nil
	})
	for _, hashes := range found {
		slices.Sort(hashes)
	}
	return found, err
}

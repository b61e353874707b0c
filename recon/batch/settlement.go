package batch

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// settlementRows are the rows of those settlements that an earlier batch had as a finding: of the others there is no case.
func (c *claim) settlementRows(ctx context.Context, batch string, all []Settlement) (store.Rows, error) {
	rows := store.Rows{Table: "settlements", Key: []string{"batch", "key_id", "key_kind", "occurrence", "since", "break_name"}, Columns: []string{"told", "fate"}}
	found, err := c.found(ctx, all)
	if err != nil {
		return rows, err
	}
	for i := range all {
		if s := &all[i]; found[s.Key] {
			rows.Values = append(rows.Values, []any{batch, s.Key.ID, string(s.Key.Kind), s.Occurrence, s.Since, string(s.Break), s.Told, string(s.Fate)})
		}
	}
	return rows, nil
}

// found tells which keys any batch ever had a finding of.
func (c *claim) found(ctx context.Context, all []Settlement) (map[recon.Key]bool, error) {
	args := make([]any, len(all))
	for i := range all {
		args[i] = all[i].Key.ID
	}
	rows, err := c.r.DB.Query(ctx, "SELECT DISTINCT key_id, key_kind FROM findings WHERE key_id IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")+")", args...)
	if err != nil {
		return nil, fmt.Errorf("look for earlier findings: %w", err)
	}
	defer rows.Close()
	found := map[recon.Key]bool{}
	for rows.Next() {
		var key recon.Key
		if err := rows.Scan(&key.ID, &key.Kind); err != nil {
			return nil, fmt.Errorf("look for earlier findings: %w", err)
		}
		found[key] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for earlier findings: %w", err)
	}
	return found, nil
}

// settlements pages through what a batch settled of earlier days' findings.
func settlements(batch string) *pager[Settlement] {
	return settlementsBy(" WHERE s.batch = ?", batch)
}

// unsettled pages through what a batch settled and another does not.
func unsettled(old, fresh string) *pager[Settlement] {
	return settlementsBy(" LEFT JOIN settlements n ON n.batch = ? AND n.key_id = s.key_id AND n.key_kind = s.key_kind AND n.occurrence = s.occurrence AND n.since = s.since AND n.break_name = s.break_name WHERE s.batch = ? AND n.key_id IS NULL", fresh, old)
}

func settlementsBy(condition string, args ...any) *pager[Settlement] {
	return &pager[Settlement]{
		query: "SELECT s.key_id, s.key_kind, s.occurrence, s.since, s.break_name, s.told, s.fate FROM settlements s" + condition, args: args,
		order: []string{"s.key_id", "s.key_kind", "s.occurrence", "s.since", "s.break_name"},
		place: func(s *Settlement) []any {
			return []any{s.Key.ID, string(s.Key.Kind), s.Occurrence, s.Since, string(s.Break)}
		},
		scan: func(s *Settlement) []any {
			return []any{&s.Key.ID, &s.Key.Kind, &s.Occurrence, &s.Since, &s.Break, &s.Told, &s.Fate}
		},
	}
}

// Statement names the statement of which a batch had the finding that ended.
func (s *Settlement) Statement(of ID) ID {
	if of.Day = s.Told; of.Day == "" {
		of.Day = s.Since
	}
	return of
}

// FoundSince is since which earlier day that finding was; "" = its own.
func (s *Settlement) FoundSince() string {
	if s.Told == "" || s.Told == s.Since {
		return ""
	}
	return s.Since
}

// stillFound keeps those whose finding the version of its day that counts has.
func (c *claim) stillFound(ctx context.Context, tx *store.Tx, all []Settlement) (open []Settlement, err error) {
	for i := range all {
		s := &all[i]
		b, err := settled(ctx, tx, s.Statement(c.s.ID))
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		var n int
		if err := tx.QueryRow(ctx, "SELECT COUNT(*) FROM findings WHERE key_id = ? AND batch = ? AND key_kind = ? AND occurrence = ? AND since = ? AND break_name = ?",
			s.Key.ID, b.ID, string(s.Key.Kind), s.Occurrence, s.FoundSince(), string(s.Break)).Scan(&n); err != nil {
			return nil, fmt.Errorf("look for finding of %s: %w", s.Key, err)
		}
		if n > 0 {
			open = append(open, *s)
		}
	}
	return open, nil
}

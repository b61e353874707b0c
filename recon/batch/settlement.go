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
	rows := store.Rows{Table: "settlements", Key: []string{"batch", "key_id", "key_kind", "occurrence", "since", "break_name"}, Columns: []string{"fate"}}
	found, err := c.found(ctx, all)
	if err != nil {
		return rows, err
	}
	for i := range all {
		if s := &all[i]; found[s.Key] {
			rows.Values = append(rows.Values, []any{batch, s.Key.ID, string(s.Key.Kind), s.Occurrence, s.Since, string(s.Break), string(s.Fate)})
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
	return &pager[Settlement]{
		query: "SELECT key_id, key_kind, occurrence, since, break_name, fate FROM settlements WHERE batch = ?", args: []any{batch},
		order: []string{"key_id", "key_kind", "occurrence", "since", "break_name"},
		place: func(s *Settlement) []any {
			return []any{s.Key.ID, string(s.Key.Kind), s.Occurrence, s.Since, string(s.Break)}
		},
		scan: func(s *Settlement) []any {
			return []any{&s.Key.ID, &s.Key.Kind, &s.Occurrence, &s.Since, &s.Break, &s.Fate}
		},
	}
}

package dualwrite

import (
	"math/big"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// deltas tells what a confirmed write added to the amounts of shared rows, or the cause why that cannot be told: a row that
// is not named by its key, or an amount that is set rather than added to.
func (r *Recorder) deltas(s *stmt.Statement, policy Table, w *work, part wire.Part) ([]shadow.Delta, string) {
	sets := w.paramSets()
	switch {
	case part.Affected == 0:
		return nil, ""
	case s.Class != stmt.Update, part.Affected != uint64(len(sets)): // of several executions one may have changed nothing
		return nil, shadow.CauseUnclassified
	}
	var all []shadow.Delta
	for _, params := range sets {
		v := values{params: params, utf8: r.utf8}
		row, ok := sharedRow(s.Where, policy.Key, v)
		if !ok {
			return nil, shadow.CauseUnclassified
		}
		for _, c := range s.Changes {
			if column(policy.Shared, c.Column) < 0 {
				continue
			}
			by, ok := signedAmount(c, v)
			if !ok {
				return nil, shadow.CauseUnclassified
			}
			all = append(all, shadow.Delta{Row: row, Column: strings.ToLower(c.Column), By: by})
		}
	}
	return all, ""
}

// sharedRow names the one row a condition can hold for: by a value for each column of its key.
func sharedRow(where []stmt.Equal, key []string, v values) (string, bool) {
	var parts []string
	for _, name := range key {
		at := slices.IndexFunc(where, func(e stmt.Equal) bool { return strings.EqualFold(e.Column, name) })
		if at < 0 {
			return "", false
		}
		value, cause := v.resolve(where[at].Value)
		if cause != "" || value.Null || value.Binary {
			return "", false
		}
		parts = append(parts, name+"="+value.Text)
	}
	return strings.Join(parts, ","), len(parts) > 0
}

// signedAmount gives a delta as a decimal.
func signedAmount(c stmt.Change, v values) (string, bool) {
	if !c.Delta {
		return "", false
	}
	value, cause := v.resolve(c.By)
	if cause != "" || value.Null || value.Binary {
		return "", false
	}
	text := value.Text
	if c.Minus {
		text = negated(text)
	}
	_, ok := new(big.Rat).SetString(text)
	return text, ok && !strings.ContainsAny(text, "eE/")
}

func negated(decimal string) string {
	if rest, ok := strings.CutPrefix(decimal, "-"); ok {
		return rest
	}
	return "-" + strings.TrimPrefix(decimal, "+")
}

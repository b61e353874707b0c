package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Finding is one break of a batch as it is stored. Statement, Key, Occurrence, Since and Break say which it is: the same in
// two versions of a file is one case.
type Finding struct {
	Key        recon.Key        `json:"key"`
	Occurrence int              `json:"occurrence"`
	Since      string           `json:"since,omitempty"` // the earlier day whose batch first had it; "" = this batch's own
	Break      recon.Break      `json:"break"`
	Difference match.Difference `json:"difference"` // both sides' records, ours first, with the places they were read
	Ruling
}

// Ruling is what the rules found where they let a break stand.
type Ruling struct {
	Rule     rules.Rule `json:"rule,omitempty"` // that looked last and refused
	Why      string     `json:"why,omitempty"`
	Expected time.Time  `json:"expected,omitzero"` // when the other side should have had it
}

// Settlement is a record of an earlier day that a batch brought to an end, and that the earlier day had found.
type Settlement struct {
	Key        recon.Key   `json:"key"`
	Occurrence int         `json:"occurrence"`     // on the earlier day
	Since      string      `json:"since"`          // the earlier day
	Told       string      `json:"told,omitempty"` // the day that told its break, once its term was over; "" = the earlier day itself, if any
	Break      recon.Break `json:"break"`          // what it was there
	Fate       rules.Fate  `json:"fate"`           // broken: the other side came, and differs
}

// WriteOff is what was tolerated of one booking: lines that balance.
type WriteOff struct {
	Entry string       `json:"entry"` // the same whenever the day is done again
	Lines []rules.Line `json:"lines"`
}

// Cases is who takes care of what batches find. Calls run inside of transactions that may run again; a batch may call again
// with what it called with before a crash.
type Cases interface {
	// Open makes a case for each finding that has none. A case of the same statement, key, occurrence, since and break is left
	// alone, and one that was only withdrawn is opened again.
	Open(ctx context.Context, tx *store.Tx, b *Batch, found []Finding) error
	// Withdraw is told what an earlier version of the statement found and b did not. What people decided is kept.
	Withdraw(ctx context.Context, tx *store.Tx, b *Batch, gone []Finding) error
	// Settle is told what b brought to an end of what earlier days of its statements found.
	Settle(ctx context.Context, tx *store.Tx, b *Batch, settled []Settlement) error
	// Unsettle is told what an earlier version of the statement brought to an end, b does not, and is found as before.
	Unsettle(ctx context.Context, tx *store.Tx, b *Batch, open []Settlement) error
	// Book is told what b writes off, which may be what an earlier version wrote off, or another amount of the same entry.
	Book(ctx context.Context, tx *store.Tx, b *Batch, all []WriteOff) error
	// Unbook is told what an earlier version of the statement wrote off and b does not.
	Unbook(ctx context.Context, tx *store.Tx, b *Batch, gone []WriteOff) error
}

// newFinding takes over a difference, which is valid for the time of a call.
func newFinding(d *match.Difference) Finding {
	return Finding{Key: d.Key, Occurrence: d.Occurrence, Break: d.Break, Difference: *d}
}

// findingBody is what is stored of a finding beside its name.
type findingBody struct {
	match.Difference
	Ruling
}

// findingRows are the rows of findings of a batch.
func findingRows(batch string, found []Finding) (store.Rows, error) {
	rows := store.Rows{Table: "findings", Key: []string{"key_id", "batch", "key_kind", "occurrence", "since", "break_name"}, Columns: []string{"body"}}
	for i := range found {
		f := &found[i]
		body, err := json.Marshal(findingBody{f.Difference, f.Ruling})
		if err != nil {
			return rows, fmt.Errorf("encode finding %s: %w", f.Key, err)
		}
		rows.Values = append(rows.Values, []any{f.Key.ID, batch, string(f.Key.Kind), f.Occurrence, f.Since, string(f.Break), body})
	}
	return rows, nil
}

const (
	findingColumns = "SELECT f.key_id, f.key_kind, f.occurrence, f.since, f.break_name, f.body FROM findings f"
	sameFinding    = "n.key_id = f.key_id AND n.batch = ? AND n.key_kind = f.key_kind AND n.occurrence = f.occurrence AND n.since = f.since AND n.break_name = f.break_name"
)

func findings(condition string, args ...any) *pager[Finding] {
	var body []byte
	return &pager[Finding]{
		query: findingColumns + condition, args: args, order: []string{"f.key_id", "f.key_kind", "f.occurrence", "f.since", "f.break_name"},
		place: func(f *Finding) []any {
			return []any{f.Key.ID, string(f.Key.Kind), f.Occurrence, f.Since, string(f.Break)}
		},
		scan: func(f *Finding) []any {
			return []any{&f.Key.ID, &f.Key.Kind, &f.Occurrence, &f.Since, &f.Break, &body}
		},
		ready: func(f *Finding) error {
			var b findingBody
			if err := json.Unmarshal(body, &b); err != nil {
				return fmt.Errorf("decode finding %s: %w", f.Key, err)
			}
			f.Difference, f.Ruling = b.Difference, b.Ruling
			return nil
		},
	}
}

// ofBatch pages through all findings of a batch.
func ofBatch(batch string) *pager[Finding] { return findings(" WHERE f.batch = ?", batch) }

// goneFrom pages through the findings of a batch that another does not have.
func goneFrom(old, fresh string) *pager[Finding] {
	return findings(" LEFT JOIN findings n ON "+sameFinding+" WHERE f.batch = ? AND n.key_id IS NULL", fresh, old)
}

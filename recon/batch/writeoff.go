package batch

import (
	"encoding/json"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

func writeOffRows(batch string, all []WriteOff) (store.Rows, error) {
	rows := store.Rows{Table: "write_offs", Key: []string{"batch", "entry"}, Columns: []string{"body"}}
	for i := range all {
		body, err := json.Marshal(all[i].Lines)
		if err != nil {
			return rows, fmt.Errorf("encode write-off %s: %w", all[i].Entry, err)
		}
		rows.Values = append(rows.Values, []any{batch, all[i].Entry, body})
	}
	return rows, nil
}

func writeOffs(condition string, args ...any) *pager[WriteOff] {
	var body []byte
	return &pager[WriteOff]{
		query: "SELECT w.entry, w.body FROM write_offs w" + condition, args: args, order: []string{"w.entry"},
		place: func(w *WriteOff) []any { return []any{w.Entry} },
		scan:  func(w *WriteOff) []any { return []any{&w.Entry, &body} },
		ready: func(w *WriteOff) error {
			if err := json.Unmarshal(body, &w.Lines); err != nil {
				return fmt.Errorf("decode write-off %s: %w", w.Entry, err)
			}
			return nil
		},
	}
}

// writtenOff pages through what a batch writes off.
func writtenOff(batch string) *pager[WriteOff] { return writeOffs(" WHERE w.batch = ?", batch) }

// unbooked pages through what a batch wrote off and another does not.
func unbooked(old, fresh string) *pager[WriteOff] {
	return writeOffs(" LEFT JOIN write_offs n ON n.batch = ? AND n.entry = w.entry WHERE w.batch = ? AND n.entry IS NULL", fresh, old)
}

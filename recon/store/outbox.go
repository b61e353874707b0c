package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Entry is one line for the audit log: who did what to what, when, and on what ground.
type Entry struct {
	ID      string    `json:"id"` // of the line; the log takes each id once. "" = a new one
	Time    time.Time `json:"time"`
	Trace   string    `json:"trace,omitempty"`   // trace id
	Actor   string    `json:"actor"`             // a person, or the part of the program that decided
	Action  string    `json:"action"`            // for example "batch confirm"
	Subject string    `json:"subject"`           // id of the batch, case, payment or operation
	SHA256  string    `json:"sha256,omitempty"`  // of the raw file or content the decision rests on, hex
	Archive string    `json:"archive,omitempty"` // where that is kept
	Basis   string    `json:"basis,omitempty"`   // why: states, figures, answers; what is over MaxBasis is cut
}

// MaxBasis bounds a basis, in bytes. The audit log takes 32 KiB an entry: there is room even where JSON makes six bytes of
// each one. One entry that the log never takes would keep all behind it waiting for ever.
const MaxBasis = 4 << 10

// Cut brings text to at most so many bytes of UTF-8. Of a longer one it keeps the beginning, and says how long it was and
// the SHA-256 of all of it.
func Cut(text string, most int) string {
	valid := strings.ToValidUTF8(text, "\ufffd")
	if len(valid) <= most {
		return valid
	}
	end := fmt.Sprintf(" … (cut: %d bytes, sha256 %x)", len(text), sha256.Sum256([]byte(text)))
	keep := max(0, most-len(end))
	for keep > 0 && !utf8.RuneStart(valid[keep]) {
		keep--
	}
	return valid[:keep] + end
}

// Audit writes the entry beside what the transaction does: it is there if and only if the transaction is.
func (tx *Tx) Audit(ctx context.Context, all ...Entry) error {
	rows := Rows{Table: "outbox", Key: []string{"id"}, Columns: []string{"body"}}
	for _, e := range all {
		if e.ID == "" {
			id, err := uuid.NewV7()
			if err != nil {
				return fmt.Errorf("name audit entry: %w", err)
			}
			e.ID = id.String()
		}
		e.Basis = Cut(e.Basis, MaxBasis)
		body, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encode audit entry: %w", err)
		}
		rows.Values = append(rows.Values, []any{e.ID, body})
	}
	if _, err := tx.Add(ctx, rows); err != nil {
		return fmt.Errorf("write audit entry: %w", err)
	}
	return nil
}

// Outbox gives the oldest entries that no log has yet, at most limit.
func (db *DB) Outbox(ctx context.Context, limit int) ([]Entry, error) {
	rows, err := db.Query(ctx, "SELECT body FROM outbox ORDER BY seq LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer rows.Close()
	var all []Entry
	for rows.Next() {
		var body []byte
		var e Entry
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, fmt.Errorf("decode audit entry: %w", err)
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	return all, nil
}

// Logged removes entries that the log has. Between the two a process may die: the log sees their ids again.
func (tx *Tx) Logged(ctx context.Context, all []Entry) error {
	for left := all; len(left) > 0; {
		n := min(len(left), 500)
		args := make([]any, n)
		for i, e := range left[:n] {
			args[i] = e.ID
		}
		if _, err := tx.Exec(ctx, "DELETE FROM outbox WHERE id IN ("+strings.TrimSuffix(strings.Repeat("?, ", n), ", ")+")", args...); err != nil {
			return fmt.Errorf("empty outbox: %w", err)
		}
		left = left[n:]
	}
	return nil
}

// Waiting is how many entries no log has yet.
func (db *DB) Waiting(ctx context.Context) (n int64, err error) {
	if err := db.QueryRow(ctx, "SELECT COUNT(*) FROM outbox").Scan(&n); err != nil {
		return 0, fmt.Errorf("count outbox: %w", err)
	}
	return n, nil
}

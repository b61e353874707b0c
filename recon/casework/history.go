package casework

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Event is one line of a case's history. Seq counts from 1 and is the case's version from then on.
type Event struct {
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"`
	Action string    `json:"action"`
	From   State     `json:"from,omitempty"`
	To     State     `json:"to,omitempty"`
	Note   string    `json:"note,omitempty"`
	SHA256 string    `json:"sha256,omitempty"` // of an attachment
	Audit  string    `json:"audit"`            // id of the audit entry
	Trace  string    `json:"trace,omitempty"`

	// The case after it.
	Gap        *recon.Money `json:"gap,omitempty"`
	Resolution Resolution   `json:"resolution,omitempty"`
}

func eventRows() store.Rows {
	return store.Rows{Table: "case_events", Key: []string{"part", "case_id", "seq"},
		Columns: []string{"at_us", "actor", "action", "from_state", "to_state", "note", "sha256", "audit", "trace", "gap_minor", "gap_currency", "resolution"}}
}

func (e *Event) row(part int, id string) []any {
	gap := recon.Money{}
	if e.Gap != nil {
		gap = *e.Gap
	}
	return []any{
		part, id, e.Seq, store.Moment(e.At), e.Actor, e.Action, string(e.From), string(e.To), e.Note, e.SHA256, e.Audit, e.Trace,
		gap.Minor, string(gap.Currency), string(e.Resolution),
	}
}

const eventColumns = "seq, at_us, actor, action, from_state, to_state, note, sha256, audit, trace, gap_minor, gap_currency, resolution"

func scanEvent(row interface{ Scan(...any) error }, before ...any) (e Event, err error) {
	var at int64
	var gap recon.Money
	err = row.Scan(append(before, &e.Seq, &at, &e.Actor, &e.Action, &e.From, &e.To, &e.Note, &e.SHA256, &e.Audit, &e.Trace, &gap.Minor, &gap.Currency, &e.Resolution)...)
	if e.At = store.TimeOf(at); gap.Currency != "" {
		e.Gap = &gap
	}
	return e, err
}

// addEvent adds one line; a line that is there already means that another was faster.
func addEvent(ctx context.Context, tx *store.Tx, part int, id string, e Event) error {
	rows := eventRows()
	rows.Values = [][]any{e.row(part, id)}
	switch added, err := tx.Add(ctx, rows); {
	case err != nil:
		return err
	case added == 0:
		return fmt.Errorf("case %s: %w", id, ErrConflict)
	}
	return nil
}

// Events gives a case's history, oldest first.
func (d *Desk) Events(ctx context.Context, id string) ([]Event, error) {
	part, err := partIn(id)
	if err != nil {
		return nil, err
	}
	rows, err := d.DB.Query(ctx, "SELECT "+eventColumns+" FROM case_events WHERE part = ? AND case_id = ? ORDER BY seq", part, id)
	if err != nil {
		return nil, fmt.Errorf("read history of case %s: %w", id, err)
	}
	defer rows.Close()
	all := []Event{}
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, fmt.Errorf("read history of case %s: %w", id, err)
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read history of case %s: %w", id, err)
	}
	return all, nil
}

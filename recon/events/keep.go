package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Keep commits events in one transaction and tells what came of each, in their order.
func Keep(ctx context.Context, db *store.DB, all []Event) (outcomes []Outcome, err error) {
	err = db.Tx(ctx, func(tx *store.Tx) error {
		outcomes, err = keep(ctx, tx, all)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keep events: %w", err)
	}
	return outcomes, nil
}

// kept is a booking while events are added to it.
type kept struct {
	Event
	fresh   bool // it is the event that was inserted, which nobody has counted yet
	changed bool
}

// keep inserts the first event of each booking, if nothing is known of it. That locks the row of the booking, whoever made
// it, before it is read: of two transactions that tell of one booking the second sees what the first one wrote.
func keep(ctx context.Context, tx *store.Tx, all []Event) ([]Outcome, error) {
	first := firsts(all)
	rows, err := rowsOf("", first)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Add(ctx, rows); err != nil {
		return nil, err
	}
	have, err := read(ctx, tx, first)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(all))
	for i := range all {
		k := have[all[i].name()]
		if k == nil {
			return nil, fmt.Errorf("event of %s is not there after it was added", all[i].Record.Key)
		}
		if outcomes[i], err = k.add(ctx, tx, all[i]); err != nil {
			return nil, err
		}
	}
	var changed []Event
	for i := range first {
		if k := have[first[i].name()]; k.changed {
			changed = append(changed, k.Event)
		}
	}
	if rows, err = rowsOf("", changed); err != nil {
		return nil, err
	}
	return outcomes, tx.Put(ctx, rows)
}

// add adds one event to its booking.
func (k *kept) add(ctx context.Context, tx *store.Tx, e Event) (Outcome, error) {
	if k.fresh {
		k.fresh = false
		return Fresh, nil
	}
	switch out := k.take(e); out {
	case Forward:
		k.changed = true
		return out, nil
	case Conflict:
		e.Day = k.Day // it goes with its booking
		rows, err := rowsOf(content(&e.Record), []Event{e})
		if err != nil {
			return "", err
		}
		added, err := tx.Add(ctx, rows)
		if err != nil || added == 1 {
			return out, err
		}
	}
	return Known, nil
}

// firsts gives the first event of each booking, in the order of the table's key: transactions that lock the same rows do
// it in the same order.
func firsts(all []Event) []Event {
	seen := map[name]bool{}
	var out []Event
	for i := range all {
		if n := all[i].name(); !seen[n] {
			seen[n] = true
			out = append(out, all[i])
		}
	}
	slices.SortFunc(out, func(a, b Event) int { return a.name().compare(b.name()) })
	return out
}

// rowsOf are the rows of bookings, or with the digest of a contradiction those that stand beside them.
func rowsOf(contradicts string, all []Event) (store.Rows, error) {
	rows := store.Rows{Table: "channel_events", Key: []string{"key_id", "line_id", "key_kind", "contradicts"}, Columns: []string{"day", "received_us", "body"}}
	for i := range all {
		e := &all[i]
		body, err := json.Marshal(e)
		if err != nil {
			return rows, fmt.Errorf("encode event of %s: %w", e.Record.Key, err)
		}
		rows.Values = append(rows.Values, []any{e.Record.Key.ID, e.Line, string(e.Record.Key.Kind), contradicts, e.Day, store.Moment(e.Received), body})
	}
	return rows, nil
}

const columns = "SELECT key_id, line_id, key_kind, day, body FROM channel_events "

func scanEvent(row interface{ Scan(...any) error }) (e Event, err error) {
	var key recon.Key
	var body []byte
	if err := row.Scan(&key.ID, &e.Line, &key.Kind, &e.Day, &body); err != nil {
		return e, fmt.Errorf("read event: %w", err)
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return e, fmt.Errorf("decode event of %s: %w", key, err)
	}
	e.Record.Key = key
	return e, nil
}

// read gives what is stored of the bookings of some events.
func read(ctx context.Context, tx *store.Tx, some []Event) (map[name]*kept, error) {
	tried := make(map[name]*Event, len(some))
	args := make([]any, len(some))
	for i := range some {
		tried[some[i].name()], args[i] = &some[i], some[i].Record.Key.ID
	}
	have := make(map[name]*kept, len(some))
	for part := range slices.Chunk(args, pageSize) {
		rows, err := tx.Query(ctx, columns+"WHERE contradicts = '' AND key_id IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(part)), ", ")+")", part...)
		if err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		for rows.Next() {
			e, err := scanEvent(rows)
			if err != nil {
				rows.Close()
				return nil, err
			}
			if t := tried[e.name()]; t != nil {
				have[e.name()] = &kept{Event: e, fresh: t.same(&e)}
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
	}
	return have, nil
}

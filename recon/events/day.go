package events

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// pageSize is how many events one statement or transaction takes.
const pageSize = 500

// Each gives the bookings of a day, by key.
func Each(ctx context.Context, from store.Reader, line, day string, each func(*Event) error) error {
	var last recon.Key
	for {
		page, err := pageOf(ctx, from, line, day, last)
		if err != nil || len(page) == 0 {
			return err
		}
		for i := range page {
			if err := each(&page[i]); err != nil {
				return err
			}
		}
		last = page[len(page)-1].Record.Key
	}
}

func pageOf(ctx context.Context, from store.Reader, line, day string, last recon.Key) (page []Event, err error) {
	rows, err := from.Query(ctx, columns+"WHERE line_id = ? AND day = ? AND (key_id > ? OR key_id = ? AND key_kind > ?) AND contradicts = '' ORDER BY key_id, key_kind LIMIT ?",
		line, day, last.ID, last.ID, string(last.Kind), pageSize)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		page = append(page, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return page, nil
}

// Conflicts is how many contradictions the bookings of a day have.
func Conflicts(ctx context.Context, from store.Reader, line, day string) (n int64, err error) {
	if err := from.QueryRow(ctx, "SELECT COUNT(*) FROM channel_events WHERE line_id = ? AND day = ? AND contradicts <> ''", line, day).Scan(&n); err != nil {
		return 0, fmt.Errorf("count contradictions: %w", err)
	}
	return n, nil
}

// Days gives the days before another one that a line has events of, the earliest first.
func Days(ctx context.Context, from store.Reader, line, before string) (days []string, err error) {
	for last := ""; ; {
		var day sql.NullString
		if err := from.QueryRow(ctx, "SELECT MIN(day) FROM channel_events WHERE line_id = ? AND day > ? AND day < ?", line, last, before).Scan(&day); err != nil {
			return nil, fmt.Errorf("list days of events: %w", err)
		}
		if !day.Valid {
			return days, nil
		}
		days, last = append(days, day.String), day.String
	}
}

// Remove takes away all events of a day, a page in a transaction.
func Remove(ctx context.Context, db *store.DB, line, day string) (removed int64, err error) {
	for {
		var last string
		err := db.QueryRow(ctx, "SELECT key_id FROM channel_events WHERE line_id = ? AND day = ? ORDER BY key_id LIMIT 1 OFFSET ?", line, day, pageSize-1).Scan(&last)
		whole := errors.Is(err, sql.ErrNoRows)
		if err != nil && !whole {
			return removed, fmt.Errorf("remove events of %s/%s: %w", line, day, err)
		}
		query, args := "DELETE FROM channel_events WHERE line_id = ? AND day = ?", []any{line, day}
		if !whole {
			query, args = query+" AND key_id <= ?", append(args, last)
		}
		var n int64
		if err := db.Tx(ctx, func(tx *store.Tx) error {
			n, err = tx.Exec(ctx, query, args...)
			return err
		}); err != nil {
			return removed, fmt.Errorf("remove events of %s/%s: %w", line, day, err)
		}
		if removed += n; whole {
			return removed, nil
		}
	}
}

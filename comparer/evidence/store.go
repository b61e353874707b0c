package evidence

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// schema has the tables of the store; each statement may run again.
const schema = `
CREATE TABLE IF NOT EXISTS events (
	seq      INTEGER PRIMARY KEY,
	id       TEXT NOT NULL UNIQUE,
	order_id TEXT NOT NULL,
	body     BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_order ON events (order_id, seq);
CREATE TABLE IF NOT EXISTS bookings (
	order_id TEXT NOT NULL,
	body     BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS bookings_order ON bookings (order_id);
CREATE TABLE IF NOT EXISTS report (
	only INTEGER PRIMARY KEY CHECK (only = 1),
	body BLOB NOT NULL
);`

// Store is an SQLite file. It is safe for concurrent use.
type Store struct {
	db *sql.DB
}

// ErrNoReport means that no judgement has been stored yet.
var ErrNoReport = errors.New("no judgement has been stored yet")

// Create opens the file at path and makes it when it does not exist.
func Create(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create evidence folder: %w", err)
	}
	s, err := open(path, store.ReadWrite)
	if err != nil {
		return nil, err
	}
	if _, err := s.db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("create evidence tables in %s: %w", path, err), s.Close())
	}
	return s, nil
}

// Open opens an existing file for reading.
func Open(ctx context.Context, path string) (*Store, error) {
	s, err := open(path, store.ReadOnly)
	if err != nil {
		return nil, err
	}
	if err := s.db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open evidence file %s: %w", path, err), s.Close())
	}
	return s, nil
}

func open(path string, mode store.Mode) (*Store, error) {
	db, err := store.SQLite(path, mode, store.SyncNormal)
	if err != nil {
		return nil, fmt.Errorf("open evidence file: %w", err)
	}
	db.SetMaxOpenConns(1) // one writer is what SQLite has
	return &Store{db: db}, nil
}

// Close releases the file.
func (s *Store) Close() error { return s.db.Close() }

// Append stores events; one that is there already is left alone. It returns after they are durable.
func (s *Store) Append(ctx context.Context, events []shadow.Event) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		for _, ev := range events {
			body, err := json.Marshal(ev)
			if err != nil {
				return fmt.Errorf("encode event %s: %w", ev.ID, err)
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO events (id, order_id, body) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING", ev.ID, ev.Order(), body); err != nil {
				return fmt.Errorf("store event %s: %w", ev.ID, err)
			}
		}
		return nil
	})
}

// Ledger rebuilds the ledger from all stored events, in the order they came.
func (s *Store) Ledger(ctx context.Context) (*comparer.Ledger, error) {
	l := comparer.NewLedger()
	return l, s.Events(ctx, func(ev shadow.Event) { l.Apply(ev) })
}

// Events gives all stored events, in the order they came.
func (s *Store) Events(ctx context.Context, take func(shadow.Event)) error {
	return s.each(ctx, func(body []byte) error {
		var ev shadow.Event
		if err := json.Unmarshal(body, &ev); err != nil {
			return fmt.Errorf("decode stored event: %w", err)
		}
		take(ev)
		return nil
	}, "SELECT body FROM events ORDER BY seq")
}

// SaveReport replaces the stored judgement: the report and the bookings of every order it names a class for.
func (s *Store) SaveReport(ctx context.Context, report comparer.Report, bookings []comparer.Booking) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		body, err := json.Marshal(report)
		if err != nil {
			return fmt.Errorf("encode report: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO report (only, body) VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET body = excluded.body", body); err != nil {
			return fmt.Errorf("store report: %w", err)
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM bookings"); err != nil {
			return fmt.Errorf("clear bookings: %w", err)
		}
		for _, b := range bookings {
			row, err := json.Marshal(b)
			if err != nil {
				return fmt.Errorf("encode booking %s: %w", b.Key, err)
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO bookings (order_id, body) VALUES (?, ?)", b.Order, row); err != nil {
				return fmt.Errorf("store booking %s: %w", b.Key, err)
			}
		}
		return nil
	})
}

// Report gives the stored judgement, or ErrNoReport.
func (s *Store) Report(ctx context.Context) (comparer.Report, error) {
	var body []byte
	var report comparer.Report
	switch err := s.db.QueryRowContext(ctx, "SELECT body FROM report").Scan(&body); {
	case errors.Is(err, sql.ErrNoRows):
		return report, ErrNoReport
	case err != nil:
		return report, fmt.Errorf("read report: %w", err)
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return report, fmt.Errorf("decode report: %w", err)
	}
	return report, nil
}

// Chain is everything stored about one order.
type Chain struct {
	Order    string             `json:"order"`
	Events   []shadow.Event     `json:"events"`
	Bookings []comparer.Booking `json:"bookings"`
}

// Chain gives all events and bookings of an order, oldest first; both are empty when the order is unknown.
func (s *Store) Chain(ctx context.Context, order string) (Chain, error) {
	c := Chain{Order: order}
	err := s.each(ctx, func(body []byte) error {
		var ev shadow.Event
		if err := json.Unmarshal(body, &ev); err != nil {
			return fmt.Errorf("decode stored event: %w", err)
		}
		c.Events = append(c.Events, ev)
		return nil
	}, "SELECT body FROM events WHERE order_id = ? ORDER BY seq", order)
	if err != nil {
		return c, err
	}
	err = s.each(ctx, func(body []byte) error {
		var b comparer.Booking
		if err := json.Unmarshal(body, &b); err != nil {
			return fmt.Errorf("decode stored booking: %w", err)
		}
		c.Bookings = append(c.Bookings, b)
		return nil
	}, "SELECT body FROM bookings WHERE order_id = ? ORDER BY rowid", order)
	return c, err
}

func (s *Store) each(ctx context.Context, take func([]byte) error, query string, args ...any) error {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read evidence: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return fmt.Errorf("read evidence: %w", err)
		}
		if err := take(body); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read evidence: %w", err)
	}
	return nil
}

func (s *Store) inTx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

package casework

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// WriteOff is what the rules tolerated of one booking, and what its accounts are to say.
type WriteOff struct {
	Entry string // names it, the same whenever the day is done again
	Key   recon.Key
	Why   string
	Sides []Side // they add up to zero; none = nothing is written off any more
}

// Side is what one account says of a write-off.
type Side struct {
	Account string
	Amount  recon.Money // debit; a credit is negative
}

// Entry is one line of the journal of write-offs. Lines are only ever added: what a later version of a statement writes off
// instead is booked as the difference.
type Entry struct {
	Entry   string
	Line    int64 // counts from 1 within the entry
	At      time.Time
	Batch   string
	Account string
	Amount  recon.Money // debit; a credit is negative
	Key     recon.Key
	Why     string
}

// held is an account of an entry in one currency.
type held struct {
	entry    string
	account  string
	currency recon.Currency
}

// ledger is what entries say before something is booked.
type ledger struct {
	sums  map[held]int64
	lines map[string]int64 // of each entry
}

// Book brings the journal to what a batch writes off. What it says already is left alone, so that a second time books
// nothing.
func (in *Intake) Book(ctx context.Context, tx *store.Tx, b Batch, all []WriteOff) error {
	for len(all) > 0 {
		page := all[:min(len(all), intakePage)]
		if err := in.bookPage(ctx, tx, b, page); err != nil {
			return fmt.Errorf("book write-offs of %s: %w", b.ID, err)
		}
		all = all[len(page):]
	}
	return nil
}

func (in *Intake) bookPage(ctx context.Context, tx *store.Tx, b Batch, page []WriteOff) error {
	before, err := readLedger(ctx, tx, page)
	if err != nil {
		return err
	}
	rows := store.Rows{Table: "journal", Key: []string{"entry", "line"}, Columns: []string{"at_us", "batch", "channel", "day", "account", "minor", "currency", "key_kind", "key_id", "why"}}
	var entries []store.Entry
	for i := range page {
		w := &page[i]
		lines, err := before.change(w)
		if err != nil {
			return err
		}
		for _, s := range lines {
			before.lines[w.Entry]++
			rows.Values = append(rows.Values, []any{w.Entry, before.lines[w.Entry], store.Moment(in.Now()), b.ID, b.Channel, b.Day, s.Account, s.Amount.Minor, string(s.Amount.Currency), string(w.Key.Kind), w.Key.ID, w.Why})
		}
		if len(lines) > 0 {
			entries = append(entries, in.bookedEntry(b, w, before.lines[w.Entry], lines))
		}
	}
	switch added, err := tx.Add(ctx, rows); {
	case err != nil:
		return err
	case added != int64(len(rows.Values)):
		return fmt.Errorf("%d of %d lines are new: %w", added, len(rows.Values), ErrConflict)
	}
	return tx.Audit(ctx, entries...)
}

// bookedEntry is the audit entry of lines that are booked.
func (in *Intake) bookedEntry(b Batch, w *WriteOff, last int64, lines []Side) store.Entry {
	texts := make([]string, len(lines))
	for i, s := range lines {
		texts[i] = s.Account + " " + s.Amount.String()
	}
	return store.Entry{
		ID: fmt.Sprintf("%s/%d", w.Entry, last), Time: in.Now(), Actor: machine, Action: "write-off", Subject: w.Entry, SHA256: b.SHA256, Archive: b.Archive,
		Basis: fmt.Sprintf("%s of %s, by %s: %s", w.Key, b.ID, w.Why, strings.Join(texts, ", ")),
	}
}

// change is what has to be booked for an entry to say what it should: debits first, and they balance.
func (l *ledger) change(w *WriteOff) ([]Side, error) {
	want := map[held]int64{}
	for key, sum := range l.sums {
		if key.entry == w.Entry {
			want[key] -= sum
		}
	}
	for _, s := range w.Sides {
		want[held{w.Entry, s.Account, s.Amount.Currency}] += s.Amount.Minor
	}
	var out []Side
	balance := map[recon.Currency]int64{}
	for key, minor := range want {
		balance[key.currency] += minor
		if minor != 0 {
			out = append(out, Side{key.account, recon.Money{Minor: minor, Currency: key.currency}})
		}
	}
	for currency, sum := range balance {
		if sum != 0 {
			return nil, fmt.Errorf("conservation broken: write-off %s does not balance by %s", w.Entry, recon.Money{Minor: sum, Currency: currency})
		}
	}
	slices.SortFunc(out, func(a, b Side) int {
		return cmp.Or(cmp.Compare(b.Amount.Minor, a.Amount.Minor), cmp.Compare(a.Account, b.Account))
	})
	return out, nil
}

// readLedger reads what entries say.
func readLedger(ctx context.Context, from store.Reader, page []WriteOff) (*ledger, error) {
	l := &ledger{sums: map[held]int64{}, lines: map[string]int64{}}
	args := make([]any, len(page))
	for i := range page {
		args[i] = page[i].Entry
	}
	rows, err := from.Query(ctx, "SELECT entry, account, currency, SUM(minor), MAX(line) FROM journal WHERE entry IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")+") GROUP BY entry, account, currency", args...)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var key held
		var sum, last int64
		if err := rows.Scan(&key.entry, &key.account, &key.currency, &sum, &last); err != nil {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		l.sums[key], l.lines[key.entry] = sum, max(l.lines[key.entry], last)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return l, nil
}

// Journal gives the lines of write-offs, by entry, that a filter chooses by channel and day. A line has no case: a filter that
// asks for anything else of one chooses none. No connection is held while do works: it may write to a client that takes its
// time.
func (d *Desk) Journal(ctx context.Context, f Filter, do func(*Entry) error) error {
	if f.State != "" || f.Open || f.Owner != "" || f.Break != "" || !f.Overdue.IsZero() {
		return nil
	}
	for after := (Entry{}); ; {
		page, err := d.journalPage(ctx, f, &after)
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		for i := range page {
			if err := do(&page[i]); err != nil {
				return err
			}
		}
		if len(page) < maxPage {
			return nil
		}
		after = page[len(page)-1]
	}
}

func (d *Desk) journalPage(ctx context.Context, f Filter, after *Entry) ([]Entry, error) {
	rows, err := d.DB.Query(ctx, `SELECT entry, line, at_us, batch, account, minor, currency, key_kind, key_id, why FROM journal
		WHERE (entry > ? OR entry = ? AND line > ?) AND (? = '' OR channel = ?) AND (? = '' OR day = ?) ORDER BY entry, line LIMIT ?`,
		after.Entry, after.Entry, after.Line, f.Channel, f.Channel, f.Day, f.Day, maxPage)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var page []Entry
	for rows.Next() {
		var e Entry
		var at int64
		if err := rows.Scan(&e.Entry, &e.Line, &at, &e.Batch, &e.Account, &e.Amount.Minor, &e.Amount.Currency, &e.Key.Kind, &e.Key.ID, &e.Why); err != nil {
			return nil, err
		}
		e.At = store.TimeOf(at)
		page = append(page, e)
	}
	return page, rows.Err()
}

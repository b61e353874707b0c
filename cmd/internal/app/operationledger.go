package app

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/batch"
)

// bookedLedger is the internal table as a ledger: a payment is one row of it, and the table's unique key on the payment's id
// is what books it at most once, however often and from wherever it is posted.
type bookedLedger struct {
	db      *sql.DB
	table   *config.ReconLedger
	timeout time.Duration
}

// check wants the id to be unique in the table: without that, nothing could keep a payment from being booked twice.
func (l *bookedLedger) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	c := l.table
	var unique int
	err := l.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0
		GROUP BY index_name HAVING COUNT(*) = 1 AND MAX(column_name) = ? AND MAX(sub_part) IS NULL) one`, c.Table, c.ID).Scan(&unique)
	switch {
	case err != nil:
		return fmt.Errorf("look at ledger %s: %w", c.Table, err)
	case unique == 0:
		return fmt.Errorf("ledger %s: %s has no unique key of its own, so a payment could be booked twice; try: ALTER TABLE %s ADD UNIQUE (%s)", c.Table, c.ID, c.Table, c.ID)
	}
	return nil
}

// Find asks under a lock: a booking that another session has under way is waited for, and is never taken for none. A column
// whose collation takes other ids for the same (by case, or by spaces at the end) can give another payment's row.
func (l *bookedLedger) Find(ctx context.Context, id string) (txn string, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return "", false, fmt.Errorf("ask ledger about %s: %w", id, err)
	}
	defer func() {
		if end := tx.Rollback(); end != nil && !errors.Is(end, sql.ErrTxDone) && err == nil {
			err = fmt.Errorf("ask ledger about %s: %w", id, end)
		}
	}()
	var booked string
	var bound sql.NullString
	err = tx.QueryRowContext(ctx, "SELECT `"+l.table.ID+"`, `"+l.table.Txn+"` FROM `"+l.table.Table+"` WHERE `"+l.table.ID+"` = ? FOR UPDATE", id).Scan(&booked, &bound)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("ask ledger about %s: %w", id, err)
	case booked != id:
		return "", false, fmt.Errorf("ledger has %q, which %s takes for %q, and can book only one of them; try: a person looks at it, and a binary collation of %s", booked, l.table.ID, id, l.table.ID)
	case bound.String == "":
		return "", false, fmt.Errorf("ledger has %s without a transaction in %s; try: a person looks at it", id, l.table.Txn)
	}
	return bound.String, true, nil
}

// duplicate is MySQL's error of a unique key.
const duplicate = 1062

// Post books a payment. One that is there is not booked again: its transaction is the answer.
func (l *bookedLedger) Post(ctx context.Context, p *batch.Payment) (string, error) {
	columns, args, err := l.row(p)
	if err != nil {
		return "", err
	}
	call, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	_, err = l.db.ExecContext(call, "INSERT INTO `"+l.table.Table+"` (`"+strings.Join(columns, "`, `")+"`) VALUES (?"+strings.Repeat(", ?", len(columns)-1)+")", args...)
	if known, ok := errors.AsType[*mysql.MySQLError](err); err != nil && (!ok || known.Number != duplicate) {
		return "", fmt.Errorf("book %s: %w", p.ID, err)
	}
	txn, found, asked := l.Find(ctx, p.ID)
	if asked != nil || !found {
		return "", errors.Join(fmt.Errorf("book %s: the ledger does not show it", p.ID), err, asked)
	}
	return txn, nil
}

// row gives columns and values. Numbers stay as they are written: no float comes near them.
func (l *bookedLedger) row(p *batch.Payment) (columns []string, args []any, err error) {
	d := json.NewDecoder(bytes.NewReader(p.Payload))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return nil, nil, fmt.Errorf("read payload of payment %s: %w", p.ID, err)
	}
	columns, args = []string{l.table.ID}, []any{p.ID}
	for _, column := range slices.Sorted(maps.Keys(l.table.Columns)) {
		field := l.table.Columns[column]
		value, there := fields[field]
		if !there {
			return nil, nil, fmt.Errorf("payment %s: %s: is missing in the payload; column %s is filled from it", p.ID, field, column)
		}
		switch v := value.(type) {
		case nil, string, bool:
			args = append(args, v)
		case json.Number:
			args = append(args, v.String())
		default:
			return nil, nil, fmt.Errorf("payment %s: %s: is no plain value; column %s is filled from it", p.ID, field, column)
		}
		columns = append(columns, column)
	}
	return columns, args, nil
}

package batch

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// OperationFilter chooses operations; the zero value of a field chooses all.
type OperationFilter struct {
	State OperationState
	Kind  OperationKind
	After string // ids behind this one
	Limit int    // at most so many; 0 = 100
}

const operationPage = 100

// Operations lists operations in the order of their ids.
func Operations(ctx context.Context, from store.Reader, f OperationFilter) ([]Operation, error) {
	conditions, args := []string{"id > ?"}, []any{f.After}
	if f.State != "" {
		conditions, args = append(conditions, "state = ?"), append(args, string(f.State))
	}
	if f.Kind != "" {
		conditions, args = append(conditions, "kind = ?"), append(args, string(f.Kind))
	}
	if f.Limit <= 0 {
		f.Limit = operationPage
	}
	rows, err := from.Query(ctx, "SELECT "+operationColumns+" FROM operations WHERE "+strings.Join(conditions, " AND ")+" ORDER BY id LIMIT ?", append(args, f.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("read operations: %w", err)
	}
	return appendOperations(nil, rows)
}

// Order puts an operation on record and schedules it for its date, in one step; a worker does the rest.
func Order(ctx context.Context, tx *store.Tx, o *Operation, due time.Time, actor, basis string, now time.Time) (Handled, error) {
	handled, err := o.Begin(ctx, tx, actor, now)
	if err != nil || handled != Accepted {
		return handled, err
	}
	return handled, o.Move(ctx, tx, Scheduled, due, actor, basis, now)
}

// Retry makes an operation due at once: a worker asks the channel about it, and goes on from its answer. Retry itself sends
// nothing. What was sent less than quiet ago is left alone, since its request may be on its way.
func Retry(ctx context.Context, db *store.DB, id, actor string, quiet time.Duration, now time.Time) (*Operation, error) {
	var o *Operation
	err := db.Tx(ctx, func(tx *store.Tx) (err error) {
		if o, err = ReadOperation(ctx, tx, id); err != nil {
			return err
		}
		if o.State == Init {
			return o.Move(ctx, tx, Scheduled, now, actor, "asked for", now)
		}
		if err := o.retriable(quiet, now); err != nil {
			return err
		}
		if err := o.delay(ctx, tx, now); err != nil {
			return err
		}
		return tx.Audit(ctx, store.Entry{Time: now, Actor: actor, Action: "operation retry", Subject: id, Basis: string(o.State)})
	})
	if err != nil {
		return nil, err
	}
	return ReadOperation(ctx, db, id)
}

func (o *Operation) retriable(quiet time.Duration, now time.Time) error {
	switch {
	case o.State == Processing && now.Sub(o.Moved) < quiet:
		return fmt.Errorf("operation %s was sent at %s and may be on its way; try: again after %s", o.ID, o.Moved.UTC().Format(time.RFC3339), quiet)
	case o.State == Scheduled, o.State == Processing, o.State == Success && o.Rest != 0:
		return nil
	case o.State == Failed:
		return fmt.Errorf("operation %s failed for good: %w; try: another request number, once it is known why", o.ID, o.State.Move(Processing))
	}
	return fmt.Errorf("operation %s: %w", o.ID, o.State.Move(Processing))
}

// open counts what has not come to its end, and what is past its date or deadline.
func (k *Compensator) open(ctx context.Context) error {
	counts := map[OperationState]int64{}
	for _, s := range []OperationState{Init, Scheduled, Processing} {
		var n int64
		if err := k.DB.QueryRow(ctx, "SELECT COUNT(*) FROM operations WHERE state = ?", string(s)).Scan(&n); err != nil {
			return fmt.Errorf("count operations: %w", err)
		}
		counts[s] = n
	}
	var late int64
	if err := k.DB.QueryRow(ctx, "SELECT COUNT(*) FROM operations WHERE state IN (?, ?) AND date_us > 0 AND date_us <= ?", string(Scheduled), string(Processing), store.Moment(k.Now().Add(-k.Patience))).Scan(&late); err != nil {
		return fmt.Errorf("count late operations: %w", err)
	}
	k.Metrics.counted(counts, late)
	return nil
}

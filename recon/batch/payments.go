package batch

import (
	"context"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// PaymentFilter chooses payments; the zero value of a field chooses all.
type PaymentFilter struct {
	State State
	After string // ids behind this one
	Limit int    // at most so many; 0 = 100
}

const listedPayments = 100

// ReadPayments lists payments in the order of their ids.
func ReadPayments(ctx context.Context, from store.Reader, f PaymentFilter) (all []Payment, err error) {
	condition, args := "id > ?", []any{f.After}
	if f.State != "" {
		condition, args = condition+" AND state = ?", append(args, string(f.State))
	}
	if f.Limit <= 0 {
		f.Limit = listedPayments
	}
	rows, err := from.Query(ctx, "SELECT "+paymentColumns+" FROM payments WHERE "+condition+" ORDER BY id LIMIT ?", append(args, f.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	return appendPayments(nil, rows)
}

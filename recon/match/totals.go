package match

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Bucket is what control totals are kept by.
type Bucket struct {
	Kind     recon.Kind
	Currency recon.Currency
}

// Total is a number of records and the sum of their amounts in minor units.
type Total struct {
	Kind     recon.Kind     `json:"kind"`
	Currency recon.Currency `json:"currency"`
	Count    int64          `json:"count"`
	Minor    int64          `json:"minor"`
}

// Totals are control totals: what went in, or what came out under one class. The zero value is empty.
type Totals struct {
	byBucket map[Bucket]Total
}

// Add counts one record. The only error is a sum that does not fit in 64 bits.
func (t *Totals) Add(r *recon.Record) error {
	return t.add(Total{Kind: r.Key.Kind, Currency: r.Amount.Currency, Count: 1, Minor: r.Amount.Minor})
}

// AddTotal counts several records of one kind and currency.
func (t *Totals) AddTotal(x Total) error { return t.add(x) }

// Merge adds another side's or class's totals.
func (t *Totals) Merge(o Totals) error {
	for _, total := range o.byBucket {
		if err := t.add(total); err != nil {
			return err
		}
	}
	return nil
}

// subtract takes sums away; what comes to nothing is gone.
func (t *Totals) subtract(all []sum) error {
	for i := range all {
		if err := all[i].addTo(t, -1); err != nil {
			return err
		}
	}
	maps.DeleteFunc(t.byBucket, func(_ Bucket, total Total) bool { return total.Count == 0 && total.Minor == 0 })
	return nil
}

func (t *Totals) add(x Total) error {
	if t.byBucket == nil {
		t.byBucket = map[Bucket]Total{}
	}
	at := Bucket{x.Kind, x.Currency}
	have := t.byBucket[at]
	sum, err := recon.Money{Minor: have.Minor, Currency: x.Currency}.Add(recon.Money{Minor: x.Minor, Currency: x.Currency})
	if err != nil {
		return fmt.Errorf("control total of %s: %w", x.Kind, err)
	}
	t.byBucket[at] = Total{Kind: x.Kind, Currency: x.Currency, Count: have.Count + x.Count, Minor: sum.Minor}
	return nil
}

// Rows lists the totals by kind and currency.
func (t Totals) Rows() []Total {
	rows := make([]Total, 0, len(t.byBucket))
	for _, total := range t.byBucket {
		rows = append(rows, total)
	}
	slices.SortFunc(rows, func(a, b Total) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(string(a.Currency), string(b.Currency)))
	})
	return rows
}

// Count is the number of records over all kinds.
func (t Totals) Count() int64 {
	var n int64
	for _, total := range t.byBucket {
		n += total.Count
	}
	return n
}

// Equal tells whether two totals agree in every kind and currency, in number and in money.
func (t Totals) Equal(o Totals) bool { return slices.Equal(t.Rows(), o.Rows()) }

// String prints "payment 500 records 12345.67 CNY; refund ...".
func (t Totals) String() string {
	parts := []string{}
	for _, row := range t.Rows() {
		parts = append(parts, fmt.Sprintf("%s %d records %s", row.Kind, row.Count, recon.Money{Minor: row.Minor, Currency: row.Currency}))
	}
	return strings.Join(parts, "; ")
}

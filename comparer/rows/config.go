package rows

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Table is what the policy says of one table. Columns are named as in the primary unless said otherwise.
//
// Every column that both sides have is compared by value, byte for byte: numbers by their decimal value, dates and times
// by the instant. Money, Aliases, TimeTolerance and Noise are the exceptions. Rows that several orders share have no place here.
type Table struct {
	Name       string   // in the primary, "orders" or "schema.orders"
	ShadowName string   // "" = Name
	Key        []string // natural key; empty: the table's orders are inconclusive, never clean
	Order      string   // column with the order key

	Aliases     map[string]string      // column with a generated id -> alias name; its foreign keys carry the same alias name
	Money       map[string]MoneyColumn // amounts, compared as money
	ShadowMoney map[string]MoneyColumn // by the primary's column: how the shadow states it, where that differs

	Classes       map[string]shadow.FieldClass // what is not declared has the class its name says
	TimeTolerance map[string]time.Duration     // how far two clocks may be apart, of DATE, DATETIME and TIMESTAMP columns
	Noise         map[string]Noise             // not compared
	Columns       map[string]string            // renames, primary -> shadow
	Added         map[string]Noise             // columns only the shadow has, by its own names: nothing to compare them with
}

// MoneyColumn says how a column states an amount: the currency is fixed, or stands in another column of the same table
// (by the name it has on that side).
type MoneyColumn struct {
	Unit           recon.Unit
	Currency       recon.Currency
	CurrencyColumn string
}

// Noise says why a column is left out, and who answers for that.
type Noise struct{ Reason, Owner string }

// Config is what a Comparer works with. A zero bound means the default that its comment names.
type Config struct {
	Primary *sql.DB
	Shadow  *sql.DB
	Tables  []Table
	Metrics *Metrics
	Log     *slog.Logger

	Delay    time.Duration // before orders that differ are read again; 2 s
	Rechecks int           // how often at most; 2
	Batch    int           // orders read in one transaction a side; 200

	MaxRows       int // rows of one order over all tables, a side; more is inconclusive; 2000
	MaxMismatches int // of one order; the rest is counted; 100

	Sleep func(context.Context, time.Duration) error // waits; nil = by the machine's clock
}

// Result is what the rows of one order say. Mismatches may stand beside a Cause: what was seen differs, and not all was seen.
type Result struct {
	Rows       int               // compared: a joined pair counts once
	Mismatches []shadow.Mismatch // at the last look
	Where      []string          // of each mismatch its row, "refunds[refund_no=R1]"
	More       int               // mismatches beyond the bound
	Bindings   []shadow.Binding  // learned from these rows
	Cause      string            // why nothing conclusive can be said; "" = everything was compared
}

// Errors of policies and schemas; wrapped with table and column.
var (
	ErrNoise = errors.New("a column about money, currency, order, account or direction cannot be noise")
	ErrAlias = errors.New("a column about money, currency, account or direction cannot be an alias")
	ErrDrift = errors.New("schema and policy do not fit")
)

// Comparer compares rows. It keeps no state between calls and is safe for concurrent use.
type Comparer struct{ config Config }

// New gives a comparer, or everything that is wrong with the configuration. It opens nothing.
func New(c Config) (*Comparer, error) {
	if err := errors.Join(c.check()...); err != nil {
		return nil, err
	}
	return &Comparer{config: c.withDefaults()}, nil
}

func (c Config) withDefaults() Config {
	if c.Delay <= 0 {
		c.Delay = 2 * time.Second
	}
	for bound, value := range map[*int]int{&c.Rechecks: 2, &c.Batch: 200, &c.MaxRows: 2000, &c.MaxMismatches: 100} {
		if *bound <= 0 {
			*bound = value
		}
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	return c
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (t Table) shadowName() string {
	if t.ShadowName != "" {
		return t.ShadowName
	}
	return t.Name
}

func (t Table) shadowColumn(primary string) string {
	if name := t.Columns[primary]; name != "" {
		return name
	}
	return primary
}

// class is what a column means: declared, or by its use, or by its name.
func (t Table) class(column string) shadow.FieldClass {
	if c, ok := t.Classes[column]; ok {
		return c
	}
	if _, ok := t.Money[column]; ok {
		return shadow.ClassMoney
	}
	for _, m := range t.Money {
		if m.CurrencyColumn == column {
			return shadow.ClassCurrency
		}
	}
	if _, ok := t.Aliases[column]; ok {
		return shadow.ClassAlias
	}
	if column == t.Order {
		return shadow.ClassOrder
	}
	return shadow.ClassOfName(column)
}

// money gives how each side states an amount.
func (t Table) money(column string) (primary, shadowed MoneyColumn, ok bool) {
	primary, ok = t.Money[column]
	if !ok {
		return primary, shadowed, false
	}
	if shadowed, ok = t.ShadowMoney[column]; ok {
		return primary, shadowed, true
	}
	shadowed = primary
	if primary.CurrencyColumn != "" {
		shadowed.CurrencyColumn = t.shadowColumn(primary.CurrencyColumn)
	}
	return primary, shadowed, true
}

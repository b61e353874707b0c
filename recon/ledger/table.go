package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Table maps one table's columns to the fields of a Record. Optional columns are left empty when a table lacks them.
type Table struct {
	Name       string
	Channel    string // goes into every record
	Kind       recon.Kind
	Key        string // column: order number of a payment, refund number of a refund
	Order      string // column: merchant order
	Amount     string // column
	Unit       recon.Unit
	Currency   recon.Currency // of every row, or:
	CurrencyIn string         // column with an ISO code
	Status     string         // column; "" = every row is StatusSuccess
	StatusMap  map[string]recon.Status
	Account    string   // optional column
	ChannelTxn string   // optional column
	Time       string   // optional column, DATETIME or TIMESTAMP
	Aliases    []string // columns with generated ids
	Only       string   // the rows of this order alone; "" = all
}

// columns lists what is selected; the place of each is fixed by this order.
func (t Table) columns() []string {
	cols := []string{t.Key, t.Order, t.Amount}
	for _, c := range []string{t.CurrencyIn, t.Status, t.Account, t.ChannelTxn, t.Time} {
		if c != "" {
			cols = append(cols, c)
		}
	}
	return append(cols, t.Aliases...)
}

func (t Table) query() string {
	quoted := []string{}
	for _, c := range t.columns() {
		quoted = append(quoted, quote(c))
	}
	where := ""
	if t.Only != "" {
		where = " WHERE " + quote(t.Order) + " = " + literal(t.Only)
	}
	return fmt.Sprintf("SELECT %s FROM %s%s ORDER BY %s", strings.Join(quoted, ", "), quote(t.Name), where, quote(t.Key))
}

func quote(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = "`" + strings.ReplaceAll(p, "`", "``") + "`"
	}
	return strings.Join(parts, ".")
}

// row gives the columns of one result row by name; nil is NULL.
type row struct {
	names  []string
	values [][]byte
}

func (r row) text(column string) (string, bool) {
	if column == "" {
		return "", false
	}
	v := r.values[slices.Index(r.names, column)]
	return string(v), v != nil
}

// Record turns one row that was read elsewhere into a Record; nil is NULL. Columns that the table needs and the row lacks
// make it a recon.Reject.
func (t Table) Record(names []string, values [][]byte) (recon.Record, error) {
	r := row{names: t.columns()}
	for _, column := range r.names {
		at := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, column) })
		if at < 0 {
			return recon.Record{}, recon.Reject{Origin: recon.Origin{Table: t.Name}, Field: column, Reason: "the row lacks this column"}
		}
		r.values = append(r.values, values[at])
	}
	return t.record(r)
}

// record turns one row into a Record, or says which column of which row cannot be read.
func (t Table) record(r row) (recon.Record, error) {
	key, hasKey := r.text(t.Key)
	origin := recon.Origin{Table: t.Name, Row: t.Key + "=" + key}
	reject := func(column, value, reason string) error {
		return recon.Reject{Origin: origin, Field: column, Value: value, Reason: reason}
	}
	if !hasKey || key == "" {
		return recon.Record{}, reject(t.Key, key, "the key is empty")
	}
	out := recon.Record{Channel: t.Channel, Key: recon.Key{Kind: t.Kind, ID: key}, Status: recon.StatusSuccess, Origin: origin}
	out.Order, _ = r.text(t.Order)
	out.Account, _ = r.text(t.Account)
	out.ChannelTxn, _ = r.text(t.ChannelTxn)
	for _, alias := range t.Aliases {
		if v, ok := r.text(alias); ok {
			out.Aliases = append(out.Aliases, recon.Alias{Column: alias, Value: v})
		}
	}
	if column, value, err := t.fillParsed(r, &out); err != nil {
		return recon.Record{}, reject(column, value, err.Error())
	}
	return out, nil
}

// fillParsed reads what has a form of its own: currency, amount, status, time.
func (t Table) fillParsed(r row, out *recon.Record) (column, value string, err error) {
	currency := t.Currency
	if text, ok := r.text(t.CurrencyIn); ok {
		if currency, err = recon.ParseCurrency(text); err != nil {
			return t.CurrencyIn, text, err
		}
	}
	amount, ok := r.text(t.Amount)
	if !ok {
		return t.Amount, "NULL", recon.ErrAmountSyntax
	}
	if out.Amount, err = t.Unit.Parse(amount, currency); err != nil {
		return t.Amount, amount, err
	}
	if text, ok := r.text(t.Status); t.Status != "" {
		status, known := t.StatusMap[text]
		if !ok || !known {
			return t.Status, text, fmt.Errorf("state is not in the status map")
		}
		out.Status = status
	}
	if text, ok := r.text(t.Time); ok {
		if out.Time, err = time.Parse("2006-01-02 15:04:05.999999", text); err != nil {
			return t.Time, text, fmt.Errorf("not a date and time")
		}
	}
	return "", "", nil
}

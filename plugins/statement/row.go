package statement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// fault is what makes a row a reject: which column, and why.
type fault struct {
	column string
	reason string
}

// row is one aligned detail line.
type row struct {
	*reader
	cells []string
	rule  *recon.RowRule

	currency    recon.Currency
	kind        recon.Kind
	amount, fee int64
	amountIn    string // the column the amount stood in
	against     bool   // the amount's sign contradicts the kind
}

// value gives a cell; what the format lists as empty is empty.
func (r *row) value(column string) string {
	text := r.layout.cell(r.cells, column)
	if slices.Contains(r.spec.Empty, text) {
		return ""
	}
	return text
}

// first gives the first column that is filled, and its text.
func (r *row) first(columns []string) (column, text string) {
	for _, c := range columns {
		if text := r.value(c); text != "" {
			return c, text
		}
	}
	if len(columns) == 0 {
		return "", ""
	}
	return columns[0], ""
}

// choose finds the rule of the row's kind. An unknown value is never success.
func (r *row) choose() *fault {
	if r.spec.KindIn == "" {
		r.rule = &r.spec.Rows[0]
		return nil
	}
	text := r.layout.cell(r.cells, r.spec.KindIn)
	if r.rule = r.rules[text]; r.rule == nil {
		return &fault{r.spec.KindIn, "unknown value"}
	}
	return nil
}

// money reads currency, amount and fee: what totals add up, also of rows that are rejected for something else.
func (r *row) money() *fault {
	r.kind, r.currency = r.rule.Kind, r.rule.Currency
	if r.rule.CurrencyIn != "" {
		var err error
		if r.currency, err = recon.ParseCurrency(r.value(r.rule.CurrencyIn)); err != nil {
			return &fault{r.rule.CurrencyIn, "unknown currency"}
		}
	}
	r.amountIn = pick(r.layout, r.cells, r.rule.Amount.Columns)
	w, err := number(r.layout.cell(r.cells, r.amountIn), &r.rule.Amount, r.currency)
	if err == nil {
		r.amount, r.kind, r.against, err = booked(w, r.rule.Amount.Sign, r.kind)
	}
	if err != nil {
		return &fault{r.amountIn, err.Error()}
	}
	return nil
}

// cost reads the fee; a fee that is not there is none, and no zero.
func (r *row) cost() (has bool, _ *fault) {
	if r.rule.Fee == nil {
		return false, nil
	}
	column := pick(r.layout, r.cells, r.rule.Fee.Columns)
	if _, ok := r.layout.at[column]; !ok {
		return false, nil // a variant of the file without fees
	}
	w, err := number(r.layout.cell(r.cells, column), r.rule.Fee, r.currency)
	if errors.Is(err, errEmpty) {
		return false, nil
	}
	if err == nil {
		r.fee, err = cost(w, r.rule.Fee.Sign)
	}
	if err != nil {
		return false, &fault{column, err.Error()}
	}
	return true, nil
}

// record fills what is no money.
func (r *row) record(hasFee bool) (rec recon.Record, bad *fault) {
	rec.Amount, rec.Key.Kind = recon.Money{Minor: r.amount, Currency: r.currency}, r.kind
	if hasFee {
		rec.Fee = &recon.Money{Minor: r.fee, Currency: r.currency}
	}
	if bad = r.ids(&rec); bad != nil {
		return rec, bad
	}
	if rec.Status, bad = r.status(); bad != nil {
		return rec, bad
	}
	if rec.Time, bad = r.time(); bad != nil {
		return rec, bad
	}
	if rec.Settled, bad = r.settled(); bad != nil {
		return rec, bad
	}
	for _, c := range r.rule.Compare {
		rec.Further = append(rec.Further, recon.Text{Column: c, Value: r.layout.cell(r.cells, c)})
	}
	return rec, nil
}

func (r *row) ids(rec *recon.Record) *fault {
	column, key := r.first(r.rule.Key)
	if r.rule.KeyAll && len(r.rule.Key) > 1 {
		key = r.joined()
	}
	if key == "" {
		return &fault{column, "empty: the line has no key"}
	}
	rec.Key.ID = key
	orderIn, order := r.first(r.rule.Order)
	if rec.Order = order; order == "" {
		orderIn, rec.Order = column, key
	}
	txnIn, txn := r.first(r.rule.ChannelTxn)
	originalIn, original := r.first(r.rule.Original)
	rec.ChannelTxn, rec.Original = txn, original
	accountIn, account := r.first(r.rule.Account)
	rec.Account = account
	for _, id := range []struct{ column, text string }{{column, key}, {orderIn, rec.Order}, {txnIn, txn}, {originalIn, original}} {
		if scientific(id.text) {
			return &fault{id.column, "number in scientific notation: the file was saved again by a spreadsheet"}
		}
	}
	if r.account != "" && len(r.rule.Account) > 0 && account != r.account {
		return &fault{accountIn, "another account than the statement's"}
	}
	return nil
}

// joined is a key of several columns: "order/refund". A slash inside of a part is escaped, and empty parts at the end are
// left out, so that no two keys look alike.
func (r *row) joined() string {
	parts, filled := make([]string, len(r.rule.Key)), 0
	for i, c := range r.rule.Key {
		if parts[i] = strings.NewReplacer(`\`, `\\`, `/`, `\/`).Replace(r.value(c)); parts[i] != "" {
			filled = i + 1
		}
	}
	return strings.Join(parts[:filled], "/")
}

func (r *row) status() (recon.Status, *fault) {
	m := r.rule.Status
	if m.Column == "" {
		return recon.StatusSuccess, nil
	}
	text := r.value(m.Column)
	if text == "" {
		if m.Empty == "" {
			return "", &fault{m.Column, "empty"}
		}
		return m.Empty, nil
	}
	status, ok := m.Values[text]
	if !ok {
		return "", &fault{m.Column, "unknown state"}
	}
	return status, nil
}

func (r *row) time() (time.Time, *fault) {
	if len(r.rule.Time) == 0 {
		return time.Time{}, nil
	}
	column, text := r.first(r.rule.Time)
	if r.rule.TimeAll {
		parts := make([]string, len(r.rule.Time))
		for i, c := range r.rule.Time {
			parts[i] = r.value(c)
		}
		text = strings.TrimSpace(strings.Join(parts, " "))
	}
	if text == "" {
		return time.Time{}, nil
	}
	at, ok := r.clock.read(text)
	if !ok {
		return time.Time{}, &fault{column, fmt.Sprintf("not a time of the form %s", strings.Join(r.clock.layouts, " or "))}
	}
	return at, nil
}

func (r *row) settled() (string, *fault) {
	if r.rule.Settled == "" {
		return "", nil
	}
	text := r.value(r.rule.Settled)
	if text == "" {
		return "", nil
	}
	day, ok := r.clock.day(text)
	if !ok {
		return "", &fault{r.rule.Settled, fmt.Sprintf("not a date of the form %s", strings.Join(r.clock.dates, " or "))}
	}
	return day, nil
}

// scientific finds numbers like 4.2E+27. A merchant's number cannot hold a plus sign.
func scientific(text string) bool {
	mantissa, exponent, found := strings.Cut(strings.ToUpper(text), "E+")
	return found && digits(strings.Replace(mantissa, ".", "", 1)) && digits(exponent)
}

func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

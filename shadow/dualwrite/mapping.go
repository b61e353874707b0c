package dualwrite

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Mapping says what is otherwise on the shadow: the name of a table or column, or the unit of an amount.
type Mapping struct {
	Table   string            // "" = the same
	Columns map[string]string // the primary's column: the shadow's
	Drop    []string          // columns of the primary that the shadow does not have
	Shift   map[string]int    // the primary's column: decimal places to the right; 2 makes 1250 of 12.50
}

// row is one row as the shadow names it.
type row struct {
	columns []string
	args    []any
}

func (m Mapping) table(name string) string {
	if m.Table != "" {
		return m.Table
	}
	return name
}

func (m Mapping) column(name string) string {
	for from, to := range m.Columns {
		if strings.EqualFold(from, name) {
			return to
		}
	}
	return name
}

func (m Mapping) columns(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = m.column(n)
	}
	return out
}

// row makes a row of the shadow of one of the primary, without the columns that the shadow computes.
func (m Mapping) row(from shadow.Row, computed []string) (*row, error) {
	out := &row{}
	for i, name := range from.Columns {
		to := m.column(name)
		if column(computed, to) >= 0 || column(m.Drop, name) >= 0 {
			continue
		}
		value := from.Values[i]
		for shifted, places := range m.Shift {
			if !strings.EqualFold(shifted, name) || value.Null {
				continue
			}
			text, ok := shift(value.Text, places)
			if !ok {
				return nil, fmt.Errorf("%w: %s.%s is not a decimal number", errFinal, m.Table, to)
			}
			value.Text = text
		}
		out.columns, out.args = append(out.columns, to), append(out.args, argument(value))
	}
	return out, nil
}

func argument(v shadow.Value) any {
	switch {
	case v.Null:
		return nil
	case v.Binary:
		return []byte(v.Text)
	}
	return v.Text
}

// shift moves the decimal point to the right, exactly.
func shift(text string, places int) (string, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	digits, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok || strings.ContainsAny(fraction, "+-_") || strings.Contains(whole, "_") {
		return "", false
	}
	scale := len(fraction) - places
	for ; scale < 0; scale++ {
		digits.Mul(digits, big.NewInt(10))
	}
	sign := ""
	if digits.Sign() < 0 {
		sign = "-"
	}
	out := new(big.Int).Abs(digits).String()
	if missing := scale + 1 - len(out); missing > 0 {
		out = strings.Repeat("0", missing) + out
	}
	if scale == 0 {
		return sign + out, true
	}
	return sign + out[:len(out)-scale] + "." + out[len(out)-scale:], true
}

// value gives the argument of a column.
func (r *row) value(name string) (any, bool) {
	at := slices.IndexFunc(r.columns, func(c string) bool { return strings.EqualFold(c, name) })
	if at < 0 {
		return nil, false
	}
	return r.args[at], true
}

package rows

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// orderRows is what one side holds of one order.
type orderRows struct {
	tables [][]row // by table of the plan
	count  int
	over   bool // more than the bound: the rest was not kept
}

// sideRows is what one side holds of a batch of orders.
type sideRows map[string]*orderRows

// reading reads one side of a batch.
type reading struct {
	plan    *plan
	side    int
	maxRows int
	out     sideRows
}

// readSide reads the rows of orders from all tables in one snapshot.
func (c *Comparer) readSide(ctx context.Context, p *plan, side int, orders []string) (sideRows, error) {
	r := &reading{plan: p, side: side, maxRows: c.config.MaxRows, out: sideRows{}}
	db := [2]*sql.DB{c.config.Primary, c.config.Shadow}[side]
	err := snapshot(ctx, db, func(tx *sql.Tx) error {
		for t := range p.tables {
			if err := r.table(ctx, tx, t, orders); err != nil {
				return fmt.Errorf("read table %s: %w", p.tables[t].sides[side].table, err)
			}
		}
		return nil
	})
	return r.out, err
}

func (r *reading) table(ctx context.Context, tx *sql.Tx, t int, orders []string) error {
	table := &r.plan.tables[t]
	side := table.sides[r.side]
	query, asked := side.query(table.order, orders)
	if query == "" {
		return nil
	}
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	raw := make([]sql.RawBytes, len(side.selected))
	into := make([]any, len(raw))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if order, ok := asked.of(string(raw[table.order])); ok {
			r.keep(order, t, func() row { return table.row(r.side, raw) })
		}
	}
	return rows.Err()
}

func (r *reading) keep(order string, t int, build func() row) {
	o := r.out[order]
	if o == nil {
		o = &orderRows{tables: make([][]row, len(r.plan.tables))}
		r.out[order] = o
	}
	if o.count == r.maxRows {
		o.over = true
		return
	}
	o.count++
	o.tables[t] = append(o.tables[t], build())
}

// row turns what was scanned into cells; all values of a row share one string.
func (t *tablePlan) row(side int, raw []sql.RawBytes) row {
	size := 0
	for _, v := range raw {
		size += len(v)
	}
	var all strings.Builder
	all.Grow(size)
	for _, v := range raw {
		all.Write(v)
	}
	text, at := all.String(), 0
	cells := make(row, len(raw))
	for i, v := range raw {
		value := text[at : at+len(v)]
		at += len(v)
		switch {
		case v == nil:
			cells[i] = cell{null: true}
		case i < len(t.columns):
			cells[i] = newCell(t.columns[i], value)
		default:
			cells[i] = cell{raw: value, canon: value}
		}
	}
	t.amounts(side, cells)
	return cells[:len(t.columns)]
}

func (t *tablePlan) amounts(side int, cells row) {
	for i, c := range t.columns {
		if c.money == nil {
			continue
		}
		var currency *cell
		if at := t.sides[side].currency[i]; at >= 0 {
			currency = &cells[at]
		}
		cells[i] = readMoney(cells[i], c.money[side], currency)
	}
}

// query selects the rows of orders. Values stand in it as hexadecimal literals, which no order's text can break out of and
// which need no prepared statement. It is "" when the order column cannot hold any of them.
func (s sidePlan) query(order int, orders []string) (string, asked) {
	a := newAsked(s.selected[order].form)
	var list []string
	for _, o := range orders {
		if literal, ok := literalOf(s.selected[order].form, o); ok {
			list = append(list, literal)
			a.add(o)
		}
	}
	if len(list) == 0 {
		return "", a
	}
	expressions := make([]string, len(s.selected))
	for i, c := range s.selected {
		expressions[i] = c.expression()
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s IN (%s)",
		strings.Join(expressions, ", "), quote(s.table), quote(s.selected[order].name), strings.Join(list, ", ")), a
}

func literalOf(f form, order string) (string, bool) {
	switch {
	case f == formNumber:
		return canonical(order)
	case f == formBinary:
		return "x'" + hex.EncodeToString([]byte(order)) + "'", true
	}
	return "_utf8mb4 x'" + hex.EncodeToString([]byte(order)) + "'", utf8.ValidString(order)
}

// asked finds the order a row belongs to. A collation may let rows through whose order differs in case or trailing
// spaces: to the service they are the order's too. What fits no order even so is another order's.
type asked struct {
	form   form
	exact  map[string]bool
	folded map[string]string // "" = two orders are the same but for case
}

func newAsked(f form) asked {
	return asked{form: f, exact: map[string]bool{}, folded: map[string]string{}}
}

func (a asked) add(order string) {
	a.exact[order] = true
	fold := a.fold(order)
	if other, taken := a.folded[fold]; taken && other != order {
		order = ""
	}
	a.folded[fold] = order
}

func (a asked) of(text string) (string, bool) {
	if a.exact[text] {
		return text, true
	}
	order := a.folded[a.fold(text)]
	return order, order != ""
}

func (a asked) fold(text string) string {
	if a.form == formNumber {
		number, _ := canonical(text) // "" is never asked for
		return number
	}
	return strings.ToLower(strings.TrimRight(text, " "))
}

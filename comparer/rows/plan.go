package rows

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// plan is the policy held against the two schemas as they are now.
type plan struct {
	tables []tablePlan
}

// tablePlan says what is read of one table and how it is compared. Columns and cells of a row have the same places.
type tablePlan struct {
	name    string
	columns []column
	key     []int
	order   int
	keyed   bool // false: rows are only looked for
	sides   [2]sidePlan
}

// sidePlan is what one side's query selects: the cells of columns, then the currencies of amounts.
type sidePlan struct {
	table    string
	selected []schemaColumn
	currency []int // by column: place of its currency among the selected, -1 = none
}

// Places of the two sides in everything that has two.
const (
	atPrimary = iota
	atShadow
)

// column is one compared column.
type column struct {
	name      string
	class     shadow.FieldClass
	form      form
	key       bool
	alias     string // alias name; "" = by value
	owner     bool   // its table's rows are what the alias names; elsewhere it is a foreign key
	tolerance time.Duration
	money     *[2]MoneyColumn
}

// Check holds the policy against both schemas: the error names every table and column that do not fit, wrapped in ErrDrift.
func (c *Comparer) Check(ctx context.Context) error {
	_, err := c.plan(ctx)
	return err
}

// plan is made anew for each comparison: a column that was added meanwhile must not go unseen.
func (c *Comparer) plan(ctx context.Context) (*plan, error) {
	p := &plan{}
	var errs []error
	var identities []map[string]bool
	for _, t := range c.config.Tables {
		primary, err := schemaOf(ctx, c.config.Primary, t.Name)
		if err != nil {
			return nil, fmt.Errorf("primary: %w", err)
		}
		shadowed, err := schemaOf(ctx, c.config.Shadow, t.shadowName())
		if err != nil {
			return nil, fmt.Errorf("shadow: %w", err)
		}
		b := &planning{table: t, primary: primary, shadowed: shadowed}
		p.tables = append(p.tables, b.build())
		identities = append(identities, identitiesOf(primary))
		for _, problem := range b.problems {
			errs = append(errs, fmt.Errorf("%w: table %s: %w", ErrDrift, t.Name, problem))
		}
	}
	p.appointOwners(identities)
	return p, errors.Join(errs...)
}

func identitiesOf(columns []schemaColumn) map[string]bool {
	out := map[string]bool{}
	for _, c := range columns {
		out[c.name] = c.identity
	}
	return out
}

// appointOwners finds for each alias name the column it comes from: the first that the primary's schema keeps unique,
// otherwise the first that is part of a natural key, otherwise the first.
func (p *plan) appointOwners(identities []map[string]bool) {
	best := map[string]*column{}
	rank := map[string]int{}
	for t := range p.tables {
		for i := range p.tables[t].columns {
			c := &p.tables[t].columns[i]
			if c.alias == "" {
				continue
			}
			r := 1
			switch {
			case identities[t][c.name]:
				r = 3
			case c.key:
				r = 2
			}
			if r > rank[c.alias] {
				best[c.alias], rank[c.alias] = c, r
			}
		}
	}
	for _, c := range best {
		c.owner = true
	}
}

// planning is the work on one table.
type planning struct {
	table             Table
	primary, shadowed []schemaColumn
	problems          []error
}

func (b *planning) fault(column, what string) {
	b.problems = append(b.problems, fmt.Errorf("column %s: %s", column, what))
}

func (b *planning) build() tablePlan {
	t := b.table
	out := tablePlan{name: t.Name, keyed: len(t.Key) > 0, order: -1}
	out.sides[atPrimary].table, out.sides[atShadow].table = t.Name, t.shadowName()
	if len(b.primary) == 0 || len(b.shadowed) == 0 {
		b.missingTable()
		return out
	}
	b.checkNames()
	for _, p := range b.primary {
		b.column(&out, p)
	}
	if out.keyed {
		b.added()
	}
	for i := range out.sides {
		b.currencies(&out, i)
	}
	for _, name := range t.Key {
		out.key = append(out.key, slices.IndexFunc(out.columns, func(c column) bool { return c.name == name }))
	}
	return out
}

func (b *planning) missingTable() {
	if len(b.primary) == 0 {
		b.problems = append(b.problems, errors.New("the primary has no such table"))
	}
	if len(b.shadowed) == 0 {
		b.problems = append(b.problems, fmt.Errorf("the shadow has no table %s", b.table.shadowName()))
	}
}

// checkNames finds columns of the policy that the primary lacks.
func (b *planning) checkNames() {
	t := b.table
	named := slices.Concat(t.Key, []string{t.Order},
		slices.Collect(maps.Keys(t.Aliases)), slices.Collect(maps.Keys(t.Money)), slices.Collect(maps.Keys(t.Classes)),
		slices.Collect(maps.Keys(t.TimeTolerance)), slices.Collect(maps.Keys(t.Noise)), slices.Collect(maps.Keys(t.Columns)))
	for _, m := range t.Money {
		if m.CurrencyColumn != "" {
			named = append(named, m.CurrencyColumn)
		}
	}
	slices.Sort(named)
	for _, name := range slices.Compact(named) {
		if _, ok := find(b.primary, name); !ok {
			b.fault(name, "is in the policy and not in the primary")
		}
	}
}

// column takes up one column of the primary with its counterpart.
func (b *planning) column(out *tablePlan, p schemaColumn) {
	t := b.table
	if _, noise := t.Noise[p.name]; noise {
		return
	}
	if !out.keyed && p.name != t.Order {
		return // its rows are only looked for
	}
	s, ok := find(b.shadowed, t.shadowColumn(p.name))
	if !ok {
		if !b.isCurrency(atPrimary, p.name) {
			b.fault(p.name, fmt.Sprintf("the shadow has no column %s", t.shadowColumn(p.name)))
		}
		return
	}
	c := column{
		name: p.name, class: t.class(p.name), form: common(p.form, s.form), alias: t.Aliases[p.name],
		key: slices.Contains(t.Key, p.name), tolerance: t.TimeTolerance[p.name],
	}
	if c.tolerance > 0 && c.form != formInstant {
		b.fault(p.name, "has a time tolerance and is not DATE, DATETIME or TIMESTAMP on both sides")
	}
	if mp, ms, ok := t.money(p.name); ok {
		c.money = &[2]MoneyColumn{mp, ms}
	}
	if p.name == t.Order {
		out.order = len(out.columns)
	}
	out.columns = append(out.columns, c)
	out.sides[atPrimary].selected = append(out.sides[atPrimary].selected, p)
	out.sides[atShadow].selected = append(out.sides[atShadow].selected, s)
}

// isCurrency tells whether a column is looked at as the currency of an amount; it then needs no counterpart.
func (b *planning) isCurrency(side int, name string) bool {
	for amount := range b.table.Money {
		p, s, _ := b.table.money(amount)
		if [2]MoneyColumn{p, s}[side].CurrencyColumn == name {
			return true
		}
	}
	return false
}

// added finds columns that only the shadow has.
func (b *planning) added() {
	known := map[string]bool{}
	for _, p := range b.primary {
		known[b.table.shadowColumn(p.name)] = true
	}
	for _, s := range b.shadowed {
		_, declared := b.table.Added[s.name]
		if !known[s.name] && !declared && !b.isCurrency(atShadow, s.name) {
			b.fault(s.name, "only the shadow has it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.table.Added)) {
		if _, ok := find(b.shadowed, name); !ok || known[name] {
			b.fault(name, "is declared as added and is not a column of the shadow alone")
		}
	}
}

// currencies appends to a side's selection what its amounts need besides their own column.
func (b *planning) currencies(out *tablePlan, side int) {
	schema := [2][]schemaColumn{b.primary, b.shadowed}[side]
	s := &out.sides[side]
	s.currency = make([]int, len(out.columns))
	for i, c := range out.columns {
		s.currency[i] = -1
		if c.money == nil || c.money[side].CurrencyColumn == "" {
			continue
		}
		name := c.money[side].CurrencyColumn
		found, ok := find(schema, name)
		if !ok {
			b.fault(name, fmt.Sprintf("is the currency of %s and not in the %s", c.name, [2]shadow.Side{shadow.Primary, shadow.Shadow}[side]))
			continue
		}
		s.currency[i] = len(s.selected)
		s.selected = append(s.selected, found)
	}
}

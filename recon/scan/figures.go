package scan

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

const (
	countOf  = recon.TotalCount
	amountOf = recon.TotalAmount
	feeOf    = recon.TotalFee
)

// ColumnSum is a column that is added up although no record says it: one more proof that nothing is missing. A summary
// that does not state it is none the worse.
type ColumnSum struct {
	Column string
	Names  []string // of the summary; none: only for the caller
	Unit   recon.Unit
}

// total is a figure of the file bound to the file's columns.
type total struct {
	recon.Total
	name    string         // in messages, until the file's own name of it is known
	pattern *regexp.Regexp // nil where a summary names it
	place   int            // of the column that is added up; -1: none, or the file lacks it
	plain   bool           // what is counted of the records anyway says it
	further bool           // of Options.Sums
	kinds   uint16         // bit of each kind's code; 0 = all
}

// figure is what the lines add up to.
type figure struct {
	counted int64
	doubt   int64 // of lines whose kind is not known, which may belong to it
	unread  int64 // lines that could not be read and may belong to it
}

func add(to *int64, by int64) error {
	sum := *to + by
	if (by > 0) != (sum > *to) && by != 0 {
		return fmt.Errorf("sum of a column: %w", recon.ErrAmountOverflow)
	}
	*to = sum
	return nil
}

func (f *figure) merge(o figure) error {
	f.unread += o.unread
	if err := add(&f.doubt, o.doubt); err != nil {
		return err
	}
	return add(&f.counted, o.counted)
}

// sums binds what the file states about itself, and what the caller wants to be added up.
func (b *binder) sums(further []ColumnSum) error {
	b.currency = "CNY"
	if i := slices.IndexFunc(b.spec.Rows, func(r recon.RowRule) bool { return r.Currency != "" }); i >= 0 {
		b.currency = b.spec.Rows[i].Currency
	}
	for _, t := range b.spec.Totals {
		if err := b.total(total{Total: t}); err != nil {
			return err
		}
	}
	for _, s := range further {
		t := recon.Total{Names: s.Names, Of: amountOf, Columns: []string{s.Column}, Unit: s.Unit}
		if err := b.total(total{Total: t, further: true}); err != nil {
			return err
		}
	}
	return nil
}

func (b *binder) total(t total) error {
	t.place = -1
	for _, name := range t.Columns {
		if i, ok := b.at[name]; ok && i >= 0 {
			t.place = b.use(name)
			break
		}
	}
	for _, k := range t.Kinds {
		t.kinds |= 1 << (slices.Index(recon.Kinds(), k) + 1)
	}
	switch {
	case t.Pattern != "":
		var err error
		if t.pattern, err = regexp.Compile(t.Pattern); err != nil {
			return b.problem("totals", err.Error(), "a regular expression")
		}
		t.name = string(t.Of)
		for _, k := range t.Kinds {
			t.name += " " + string(k)
		}
	case len(t.Names) > 0:
		t.name = t.Names[0]
	default:
		t.name = t.Columns[0]
	}
	t.plain = len(t.Columns) == 0 || b.isPlain(&t)
	if t.plain && t.Of == feeOf {
		b.fees = true
	}
	if !t.plain && t.place >= 0 {
		b.perRow = append(b.perRow, len(b.totals))
	}
	b.totals = append(b.totals, t)
	return nil
}

// isPlain tells whether a column's sum over some kinds is the sum of their amounts or fees: it is the one column that the
// rules read them from, written without a sign. Then nothing has to be done for a row.
func (b *binder) isPlain(t *total) bool {
	for i := range b.rules {
		r := &b.rules[i]
		if r.absent || (t.kinds != 0 && (r.Ignore != "" || (r.kind != 0 && t.kinds&(1<<r.kind) == 0))) {
			continue
		}
		columns, a := r.amount, &r.RowRule.Amount
		if t.Of == feeOf {
			columns, a = r.fee, r.Fee
		}
		if r.Ignore != "" || r.kind == 0 || a == nil || a.Sign != recon.SignPlain || a.Unit != t.Unit || !slices.Equal(columns, []int{t.place}) {
			return false
		}
	}
	return t.Of != countOf
}

// sum adds an accepted line's cells to the figures of columns.
func (w *worker) sum() error {
	for _, i := range w.perRow {
		t := &w.totals[i]
		if t.kinds != 0 && (w.rule.Ignore != "" || t.kinds&(1<<(w.label>>12)) == 0) {
			continue
		}
		by, ok := w.cellOf(t)
		if !ok && len(w.cell(t.place)) > 0 {
			w.figures[i].unread++
		}
		if err := add(&w.figures[i].counted, by); err != nil {
			return err
		}
	}
	return nil
}

// cellOf reads the cell that a total adds up.
func (p *parser) cellOf(t *total) (int64, bool) {
	text := p.cell(t.place)
	decimals := 0
	if t.Unit == recon.UnitMajor {
		decimals, _ = p.currency.Exponent() // Validate has seen it
		if decimals == 2 {
			if n, ok := hundredthsOf(text); ok {
				return n, true
			}
		}
	}
	n, err := recon.ParseDecimal(ungroup(text), decimals)
	return n, err == nil
}

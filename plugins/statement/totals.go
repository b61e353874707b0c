package statement

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// figure is one control total: what the file states, and what its lines add up to.
type figure struct {
	recon.Total
	pattern  *regexp.Regexp // nil where a summary names it
	currency recon.Currency

	name     string // under which the file states it
	stated   bool
	declared int64
	counted  int64
	doubt    int64 // of lines whose kind is not known, which may belong to it
	unread   int64 // rejected lines that may have belonged to it, and could not be read
}

// totals counts the lines and holds them against what the file states.
type totals struct {
	figures  []*figure
	sums     []*sum
	currency recon.Currency
}

// Sum is a column that is added up although no record says it: one more proof that nothing is missing. A summary that
// does not state it is none the worse.
type Sum struct {
	Column  string
	Names   []string // of the summary; none: only for the caller
	Unit    recon.Unit
	Counted int64 // filled: over all lines, rejected ones as far as they can be read
}

type sum struct {
	*Sum
	name     string
	stated   bool
	declared int64
}

// column adds a row's cells to the sums of columns, as far as they can be read. cells is nil where they cannot be told. A
// row whose kind is not known may belong to a figure of some kinds, or may not.
func (t *totals) column(l *layout, cells []string, kind recon.Kind, known bool) error {
	for _, s := range t.sums {
		if err := t.plus(&s.Counted, nil, s.Unit, l.cell(cells, s.Column)); err != nil {
			return err
		}
	}
	for _, f := range t.figures {
		if len(f.Columns) == 0 {
			continue
		}
		to := &f.counted
		if len(f.Kinds) > 0 && !known {
			to = &f.doubt
		} else if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, kind) {
			continue
		}
		if err := t.plus(to, &f.unread, f.Unit, l.cell(cells, l.present(f.Columns))); err != nil {
			return err
		}
	}
	return nil
}

// plus adds a cell to a figure, or counts it as unread.
func (t *totals) plus(counted, unread *int64, unit recon.Unit, cell string) error {
	w, err := number(cell, &recon.Amount{Unit: unit}, t.currency)
	if err != nil {
		if unread != nil {
			*unread++
		}
		return nil
	}
	sum, err := recon.Money{Minor: *counted, Currency: t.currency}.Add(recon.Money{Minor: w.minor, Currency: t.currency})
	if err != nil {
		return plugins.Fail(plugins.FailureQuarantine, "sum of a column: %v", err)
	}
	*counted = sum.Minor
	return nil
}

func newTotals(spec *recon.FormatSpec) (*totals, error) {
	t := &totals{currency: "CNY"}
	for i := range spec.Rows {
		if spec.Rows[i].Currency != "" {
			t.currency = spec.Rows[i].Currency
			break
		}
	}
	for _, total := range spec.Totals {
		f := &figure{Total: total, currency: t.currency}
		if total.Pattern != "" {
			var err error
			if f.pattern, err = regexp.Compile(total.Pattern); err != nil || f.pattern.NumSubexp() != 1 {
				return nil, fmt.Errorf("total's pattern %q: not a regular expression with one group", total.Pattern)
			}
			f.name = string(total.Of)
			for _, k := range total.Kinds {
				f.name += " " + string(k)
			}
		} else {
			f.name = total.Names[0]
		}
		t.figures = append(t.figures, f)
	}
	return t, nil
}

// what of a row can be counted.
type part int

const (
	partKind part = 1 << iota
	partAmount
	partFee
)

// add counts one row as far as it could be read; rejected rows count too, since the file's own sums hold them. An
// overflow of a sum is an error.
func (t *totals) add(kind recon.Kind, amount, fee int64, read part) error {
	for _, f := range t.figures {
		if len(f.Columns) > 0 {
			continue
		}
		if len(f.Kinds) > 0 && read&partKind == 0 {
			if f.Of == recon.TotalCount {
				f.doubt++
			} else {
				f.unread++
			}
			continue
		}
		if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, kind) {
			continue
		}
		var by int64
		switch f.Of {
		case recon.TotalCount:
			by = 1
		case recon.TotalAmount:
			if read&partAmount == 0 {
				f.unread++
			}
			by = amount
		case recon.TotalFee:
			if read&partFee == 0 {
				f.unread++
			}
			by = fee
		}
		sum, err := recon.Money{Minor: f.counted, Currency: t.currency}.Add(recon.Money{Minor: by, Currency: t.currency})
		if err != nil {
			return plugins.Fail(plugins.FailureQuarantine, "sum of %s: %v", f.name, err)
		}
		f.counted = sum.Minor
	}
	return nil
}

// named tells whether a summary states figures under names.
func (t *totals) named() bool {
	return slices.ContainsFunc(t.figures, func(f *figure) bool { return f.pattern == nil })
}

// summary reads the summary's values.
func (t *totals) summary(names, cells []string, line int) error {
	if len(names) != len(cells) {
		return plugins.Fail(plugins.FailureQuarantine, "line %d: summary has %d names and %d values", line, len(names), len(cells))
	}
	for _, f := range t.figures {
		for _, name := range f.Names {
			i := slices.Index(names, normalName(name))
			if i < 0 || f.stated || f.pattern != nil {
				continue
			}
			if err := f.state(cells[i], t.currency); err != nil {
				return plugins.Fail(plugins.FailureQuarantine, "line %d: summary: %s: %v", line, name, err)
			}
			f.name = name
		}
	}
	return t.sumsOf(names, cells, line)
}

func (t *totals) sumsOf(names, cells []string, line int) error {
	for _, s := range t.sums {
		for _, name := range s.Names {
			i := slices.Index(names, normalName(name))
			if i < 0 || s.stated {
				continue
			}
			w, err := number(cells[i], &recon.Amount{Unit: s.Unit, Thousands: true}, t.currency)
			if err != nil {
				return plugins.Fail(plugins.FailureQuarantine, "line %d: summary: %s: %v", line, name, err)
			}
			s.name, s.declared, s.stated = name, w.minor, true
		}
	}
	return nil
}

// look finds figures in a line that is no row.
func (t *totals) look(text string, line int) error {
	for _, f := range t.figures {
		if f.pattern == nil {
			continue
		}
		m := f.pattern.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		before, again := f.declared, f.stated
		if err := f.state(m[1], t.currency); err != nil {
			return plugins.Fail(plugins.FailureQuarantine, "line %d: %s: %v", line, f.name, err)
		}
		if again && before != f.declared {
			return plugins.Fail(plugins.FailureQuarantine, "line %d: %s is stated twice, as %s and %s", line, f.name, f.print(before), f.print(f.declared))
		}
	}
	return nil
}

func (f *figure) state(text string, currency recon.Currency) error {
	if f.Of == recon.TotalCount {
		n, err := number(text, &recon.Amount{Unit: recon.UnitMajor, Thousands: true}, "JPY") // no decimals: "20" and "20.0" are 20
		f.declared, f.stated = n.minor, true
		return err
	}
	a := &recon.Amount{Unit: f.Unit, Sign: f.Sign, Thousands: true}
	w, err := number(text, a, currency)
	if err != nil {
		return err
	}
	f.declared, f.stated = w.minor, true
	switch {
	case f.Of == recon.TotalFee:
		f.declared, err = cost(w, f.Sign)
	case f.Sign == recon.SignFlip:
		f.declared = -w.minor
	case f.Sign == recon.SignAny:
		f.declared = max(w.minor, -w.minor)
	}
	return err
}

func (f *figure) print(n int64) string {
	if f.Of == recon.TotalCount {
		return fmt.Sprint(n)
	}
	return recon.Money{Minor: n, Currency: f.currency}.Major()
}

// found is what the lines add up to: with those of unknown kind, if that is what the file states.
func (f *figure) found() int64 {
	counted, with := f.counted, f.counted+f.doubt
	if f.Sign == recon.SignAny {
		counted, with = max(counted, -counted), max(with, -with)
	}
	if f.stated && f.declared == with {
		return with
	}
	return counted
}

// check says which figures disagree, or are not there.
func (t *totals) check() error {
	var wrong []string
	for _, f := range t.figures {
		switch {
		case !f.stated && f.Required:
			wrong = append(wrong, fmt.Sprintf("%s is not stated", f.name))
		case f.stated && f.declared != f.found():
			text := fmt.Sprintf("%s is %s, details are %s", f.name, f.print(f.declared), f.print(f.found()))
			if f.unread > 0 {
				text += fmt.Sprintf(" without %d unreadable", f.unread)
			}
			wrong = append(wrong, text)
		}
	}
	for _, s := range t.sums {
		if s.stated && s.declared != s.Counted {
			major := func(n int64) string { return recon.Money{Minor: n, Currency: t.currency}.Major() }
			wrong = append(wrong, fmt.Sprintf("%s is %s, details are %s", s.name, major(s.declared), major(s.Counted)))
		}
	}
	if len(wrong) > 0 {
		return plugins.Fail(plugins.FailureQuarantine, "summary against details: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// list gives the totals that the file states.
func (t *totals) list() []plugins.ControlTotal {
	var out []plugins.ControlTotal
	for _, f := range t.figures {
		if !f.stated {
			continue
		}
		c := plugins.ControlTotal{Name: f.name, Declared: f.declared, Counted: f.found(), Currency: t.currency}
		if f.Of == recon.TotalCount {
			c.Currency = ""
		}
		out = append(out, c)
	}
	for _, s := range t.sums {
		if s.stated {
			out = append(out, plugins.ControlTotal{Name: s.name, Declared: s.declared, Counted: s.Counted, Currency: t.currency})
		}
	}
	return out
}

package reconoracle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Answer is what comparing sides gives, in a form that does not depend on who found it.
type Answer struct {
	Sides  []Side
	Breaks []Break
}

// Side is what one side delivered.
type Side struct {
	Records int64
	Totals  []Total // by kind and currency
}

// Total is a control total.
type Total struct {
	Kind     string `json:"kind"`
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Minor    int64  `json:"minor"`
}

// Break is one break, with the row of each side that has one.
type Break struct {
	Break  string
	Kind   string
	Key    string   // its parts joined by '/', without empty ones at the end
	Fields []string // that differ, sorted; where no side lacks it
	Rows   []*Row   // one a side; nil = the side has none
}

// Row says where a row stands, and its money.
type Row struct {
	Line     int64 // of a file, from 1; 0 of a table
	Minor    int64
	Currency string
}

func (b Break) String() string {
	text := fmt.Sprintf("%s %s %s [%s]", b.Break, b.Kind, b.Key, strings.Join(b.Fields, " "))
	for _, r := range b.Rows {
		if r == nil {
			text += " -"
		} else {
			text += fmt.Sprintf(" %d:%d%s", r.Line, r.Minor, r.Currency)
		}
	}
	return text
}

// WithoutLines forgets where rows stand: what is left must not depend on the order of the files.
func (a Answer) WithoutLines() Answer {
	bare := Answer{Sides: a.Sides}
	for _, b := range a.Breaks {
		b.Rows = slices.Clone(b.Rows)
		for i, r := range b.Rows {
			if r != nil {
				b.Rows[i] = &Row{Minor: r.Minor, Currency: r.Currency}
			}
		}
		bare.Breaks = append(bare.Breaks, b)
	}
	return bare
}

// Text prints an answer so that equal answers are equal texts: a line for each total and each break, sorted.
func (a Answer) Text() string {
	var lines []string
	for i, s := range a.Sides {
		slices.SortFunc(s.Totals, compareTotals)
		lines = append(lines, fmt.Sprintf("side %d: %d records %v", i+1, s.Records, s.Totals))
	}
	var breaks []string
	for _, b := range a.Breaks {
		breaks = append(breaks, b.String())
	}
	slices.Sort(breaks)
	return strings.Join(append(lines, breaks...), "\n") + "\n"
}

func compareTotals(a, b Total) int {
	return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Currency, b.Currency))
}

// Differ prints the lines that only one of two answers has, at most twenty of each; "" when they are equal.
func Differ(name string, a Answer, other string, b Answer) string {
	have, want := count(a), count(b)
	var found []string
	for _, c := range []struct {
		name         string
		these, those map[string]int
	}{{name, have, want}, {other, want, have}} {
		var only []string
		for line, n := range c.these {
			if extra := n - c.those[line]; extra > 0 {
				only = append(only, fmt.Sprintf("only %s (%d times): %s", c.name, extra, line))
			}
		}
		slices.Sort(only)
		found = append(found, only[:min(len(only), 20)]...)
	}
	return strings.Join(found, "\n")
}

func count(a Answer) map[string]int {
	found := map[string]int{}
	for line := range strings.Lines(a.Text()) {
		found[strings.TrimSpace(line)]++
	}
	return found
}

// take adds a total to a side's.
func (s *Side) take(more Total) {
	s.Records += more.Count
	for i := range s.Totals {
		if t := &s.Totals[i]; t.Kind == more.Kind && t.Currency == more.Currency {
			t.Count, t.Minor = t.Count+more.Count, t.Minor+more.Minor
			return
		}
	}
	s.Totals = append(s.Totals, more)
}

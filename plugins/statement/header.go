package statement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// layout says where a file has its columns: bound by name, since channels issue several orders and sets.
type layout struct {
	names  []string       // as the file has them
	at     map[string]int // column of the spec: cell
	groups []group        // the free text cells
	short  bool           // cells at the end may be missing
}

// fixedLayout is that of a file without a header: the format's own order.
func fixedLayout(spec *recon.FormatSpec) *layout {
	l := &layout{at: map[string]int{}}
	if len(spec.Lines.Widths) > 0 {
		for _, w := range spec.Lines.Widths {
			l.names = append(l.names, w.Column)
		}
	} else {
		for _, c := range spec.Columns {
			l.names = append(l.names, c.Name)
		}
	}
	for i, name := range l.names {
		l.at[name] = i
	}
	l.free(spec)
	return l
}

// bind finds the columns of a header, or says why this is another file.
func bind(spec *recon.FormatSpec, names []string, line int) (*layout, []plugins.Diagnostic, error) {
	l := &layout{names: names, at: map[string]int{}}
	known := make([]bool, len(names))
	for _, c := range spec.Columns {
		i, err := l.find(c, line)
		if err != nil {
			return nil, nil, err
		}
		if i >= 0 {
			l.at[c.Name], known[i] = i, true
		}
	}
	for i, name := range names {
		if name != "" && slices.Index(names, name) != i {
			return nil, nil, plugins.Fail(plugins.FailureQuarantine, "line %d: column %s occurs twice", line, name)
		}
	}
	l.free(spec)
	remarks, err := l.drift(spec, known, line)
	return l, remarks, err
}

// find gives a column's cell under its first name that is there, -1 for an optional one that is not.
func (l *layout) find(c recon.Column, line int) (int, error) {
	for _, name := range append([]string{c.Name}, c.Aliases...) {
		if i := slices.Index(l.names, normalName(name)); i >= 0 {
			return i, nil
		}
	}
	if c.Optional {
		return -1, nil
	}
	return -1, plugins.Fail(plugins.FailureQuarantine, "line %d: column %s is missing: another kind of file, or a new layout", line, c.Name)
}

// drift reports columns that nobody knew when the format was written.
func (l *layout) drift(spec *recon.FormatSpec, known []bool, line int) ([]plugins.Diagnostic, error) {
	var found []plugins.Diagnostic
	for i, name := range l.names {
		if known[i] || name == "" || spec.Open {
			continue
		}
		if spec.Strict {
			return nil, plugins.Fail(plugins.FailureQuarantine, "line %d: unknown column %s", line, name)
		}
		found = append(found, plugins.Diagnostic{
			Severity: plugins.SeverityWarning, Line: line, Field: name, Message: fmt.Sprintf("unknown column, the %d. of the file", i+1),
		})
	}
	return found, nil
}

// free finds the free text cells: neighbours are one group, which takes surplus cells together.
func (l *layout) free(spec *recon.FormatSpec) {
	l.short = spec.Lines.Short
	var cells []int
	for _, name := range spec.Lines.FreeText {
		if i, ok := l.at[name]; ok {
			cells = append(cells, i)
		}
	}
	slices.Sort(cells)
	for _, i := range cells {
		if n := len(l.groups); n > 0 && l.groups[n-1].last == i-1 {
			l.groups[n-1].last = i
			continue
		}
		l.groups = append(l.groups, group{i, i})
	}
}

// group is a run of free text cells.
type group struct{ first, last int }

// maxSurplus bounds the cells that are given back to free text by trying.
const maxSurplus = 32

// align gives surplus cells back to the free text, which alone can hold the separator. One group takes them all. Of two
// groups each share is tried: the row is what makes sense, and nothing where two do. ok is false for a row of another
// width that this cannot explain.
func (l *layout) align(cells []string, separator string, sense func([]string) bool) (_ []string, ok bool) {
	surplus := len(cells) - len(l.names)
	switch {
	case surplus == 0:
		return cells, true
	case surplus < 0 && l.short:
		return append(cells, make([]string, -surplus)...), true
	case surplus < 0 || surplus > maxSurplus || len(l.groups) == 0 || len(l.groups) > 2:
		return cells, false
	case len(l.groups) == 1:
		return give(cells, l.groups[0], surplus, separator), true
	}
	var found []string
	for first := range surplus + 1 {
		try := give(cells, l.groups[0], first, separator)
		try = give(try, l.groups[1], surplus-first, separator)
		if !sense(try) {
			continue
		}
		if found != nil {
			return cells, false
		}
		found = try
	}
	if found == nil {
		return cells, false
	}
	return found, true
}

// give joins the surplus cells of a group into its first one.
func give(cells []string, g group, surplus int, separator string) []string {
	end := g.first + surplus + 1
	out := append([]string{}, cells[:g.first]...)
	out = append(out, strings.Join(cells[g.first:end], separator))
	return append(out, cells[end:]...)
}

// present gives the first of some columns that the file has.
func (l *layout) present(columns []string) string {
	for _, c := range columns {
		if _, ok := l.at[c]; ok {
			return c
		}
	}
	return ""
}

// cell gives a column of an aligned row; a column the file lacks is empty.
func (l *layout) cell(cells []string, column string) string {
	if i, ok := l.at[column]; ok && i < len(cells) {
		return cells[i]
	}
	return ""
}

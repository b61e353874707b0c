package statement

import (
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// splitter cuts a line of text into cells. Fixed widths are cut before the text is decoded: see cells.fixed.
type splitter struct {
	rule recon.LineRule
}

// names cuts a header, which may lack the byte that begins every value of a row.
func (s splitter) names(line string) []string {
	rule := s
	if len(rule.rule.Separator) == 2 {
		rule.rule.Separator = rule.rule.Separator[:1]
	}
	names := rule.split(line, nil)
	for i, name := range names {
		names[i] = normalName(strings.Trim(name, s.rule.Trim+begin(s.rule.Separator)))
	}
	return names
}

// begin is the byte that begins every value, where there is one.
func begin(separator string) string {
	if len(separator) == 2 {
		return separator[1:]
	}
	return ""
}

// normalName makes the same header from what differs in writing only: marks, blanks, and the width of brackets and signs.
func normalName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '\uFEFF':
			return -1
		case r >= '！' && r <= '～': // the wide forms of ASCII
			return r - ('！' - '!')
		case r == '\u3000' || r == '\t':
			return ' '
		}
		return r
	}, name)
	return strings.Join(strings.Fields(name), " ")
}

// split cuts a row; the cells are trimmed. cells is memory to use.
func (s splitter) split(line string, cells []string) []string {
	switch {
	case s.rule.Quote:
		cells = splitQuoted(line, s.rule.Separator[0], cells)
	case s.rule.Runs:
		cells = splitRuns(line, s.rule.Separator, cells)
	default:
		rest := strings.TrimPrefix(line, begin(s.rule.Separator))
		for more := true; more; {
			var cell string
			cell, rest, more = strings.Cut(rest, s.rule.Separator)
			cells = append(cells, cell)
		}
	}
	if n := len(cells); s.rule.Trailing && n > 1 && strings.Trim(cells[n-1], s.rule.Trim) == "" {
		cells = cells[:n-1]
	}
	for i := range cells {
		cells[i] = strings.Trim(cells[i], s.rule.Trim)
	}
	return cells
}

func splitRuns(line, separator string, cells []string) []string {
	for _, cell := range strings.Split(line, separator) {
		if cell != "" {
			cells = append(cells, cell)
		}
	}
	return cells
}

// splitQuoted cuts by RFC 4180; a quote inside a cell that does not begin with one is text.
func splitQuoted(line string, separator byte, cells []string) []string {
	for {
		if !strings.HasPrefix(line, `"`) {
			cell, rest, more := strings.Cut(line, string(separator))
			cells = append(cells, cell)
			if !more {
				return cells
			}
			line = rest
			continue
		}
		cell, rest := unquote(line[1:])
		end := strings.IndexByte(rest, separator)
		if end < 0 {
			return append(cells, cell+rest)
		}
		cells, line = append(cells, cell+rest[:end]), rest[end+1:]
	}
}

// unquote reads up to the quote that closes the cell.
func unquote(line string) (cell, rest string) {
	var b strings.Builder
	for {
		part, after, closed := strings.Cut(line, `"`)
		b.WriteString(part)
		if !closed || !strings.HasPrefix(after, `"`) {
			return b.String(), after
		}
		b.WriteByte('"')
		line = after[1:]
	}
}

// fixed cuts a line of bytes by widths. A line may lack blanks at its end; longer it may be too: later versions of a
// format add fields.
func fixed(raw []byte, widths []recon.Width, t text, trim string, cells []string) (_ []string, ok bool) {
	ok = true
	for _, w := range widths {
		from, to := min(w.Offset, len(raw)), min(w.Offset+w.Length, len(raw))
		cell, valid := t.decode(raw[from:to])
		ok = ok && valid
		cells = append(cells, strings.Trim(cell, trim))
	}
	return cells, ok
}

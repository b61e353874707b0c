package scan

import (
	"bytes"
	"fmt"
)

// take takes in the line at the front of b, which ends at limit at the latest, and finds its cells. width is its length up to
// the '\n'; a '\r' before that is part of its end too. On false it is a reject.
func (p *parser) take(b []byte, limit int) (width int, ok bool) {
	found := 0
	if p.simple {
		width, found = cutLine(p.cuts[1:], b, limit, p.sep, p.need)
	} else if width = bytes.IndexByte(b[:limit], '\n'); width < 0 {
		width = limit
	}
	n := width
	if n > 0 && b[n-1] == '\r' {
		n--
	}
	p.line, p.odd, p.wide, p.quoted = b[:n], false, false, false
	if !p.simple {
		return width, p.takeOdd()
	}
	return width, p.checkCells(found)
}

// takeIndexed takes a line whose separators outside of quotes are found already.
func (p *parser) takeIndexed(line []byte, seps []uint32, from uint32, quoted bool) bool {
	p.line, p.odd, p.wide, p.quoted = line, quoted, false, quoted
	p.plain = p.plain[:0]
	n := min(len(seps), p.need)
	cuts := p.cuts[1 : n+1]
	for i, at := range seps[:n] {
		cuts[i] = at - from
	}
	return p.checkCells(len(seps))
}

// checkCells holds the number of separators against the header. A separator of two bytes is one only where the second
// byte follows.
func (p *parser) checkCells(found int) bool {
	if p.second != 0 {
		for i := range min(found, p.need) {
			if at := int(p.cuts[i+1]) + 1; at >= len(p.line) || p.line[at] != p.second {
				return p.takeOdd()
			}
		}
		if found == len(p.names)-1 && p.need < found {
			rest := p.line[p.cuts[p.need]+1:]
			if bytes.Count(rest, []byte{p.sep, p.second}) != found-p.need {
				return p.takeOdd()
			}
		}
	}
	switch want := len(p.names) - 1; {
	case found == want:
		p.cuts[found+1] = uint32(len(p.line))
		return true
	case found == want+1 && p.spec.Lines.Trailing && p.line[len(p.line)-1] == p.sep:
		p.line = p.line[:len(p.line)-1]
		p.cuts[found] = uint32(len(p.line))
		return true
	case p.quoted && !(found < want && p.spec.Lines.Short):
		return p.wrongCells(found + 1)
	}
	return p.takeOdd()
}

func (p *parser) wrongCells(got int) bool {
	return p.refuse(-1, p.line, fmt.Sprintf("%d columns, the header has %d", got, len(p.names)))
}

// takeOdd finds the cells of a line one byte at a time: fixed widths, runs of separators, charsets in which a separator's
// byte can be half a character, surplus or missing cells.
func (p *parser) takeOdd() bool {
	p.odd, p.wide = true, true
	var cells []span
	switch {
	case len(p.spec.Lines.Widths) > 0:
		return p.takeWidths()
	case p.spec.Lines.Runs:
		cells = p.splitRuns()
	default:
		cells = p.split()
	}
	want, got := len(p.names), len(cells)
	if got == want+1 && p.spec.Lines.Trailing && cells[got-1].from == cells[got-1].to {
		got--
	}
	switch {
	case got == want:
		copy(p.spans, cells[:got])
		return true
	case got < want && p.spec.Lines.Short:
		copy(p.spans, cells)
		clear(p.spans[got:])
		return true
	case got > want && len(p.groups) > 0 && p.align(cells):
		return true
	}
	return p.wrongCells(got)
}

// takeWidths cuts a line by widths. It may lack blanks at its end, and be longer: later issues of a format add fields.
func (p *parser) takeWidths() bool {
	if len(p.line) < p.shortest {
		return p.refuse(-1, p.line, fmt.Sprintf("%d bytes, its amounts reach to %d: the line is cut off", len(p.line), p.shortest))
	}
	for i, w := range p.spec.Lines.Widths {
		from, to := min(w.Offset, len(p.line)), min(w.Offset+w.Length, len(p.line))
		p.spans[i] = span{uint32(from), uint32(to)}
	}
	return true
}

// split cuts at each separator that is not half of a character.
func (p *parser) split() []span {
	cells := make([]span, 0, len(p.names))
	start := 0
	for i := 0; i < len(p.line); i++ {
		c := p.line[i]
		if c >= 0x80 && p.decode != nil && i+1 < len(p.line) {
			i++ // the trail byte; of a character of four bytes the third and fourth follow as a pair
			continue
		}
		if c != p.sep || (p.second != 0 && (i+1 >= len(p.line) || p.line[i+1] != p.second)) {
			continue
		}
		cells = append(cells, span{uint32(start), uint32(i)})
		start = i + 1
	}
	return append(cells, span{uint32(start), uint32(len(p.line))})
}

func (p *parser) splitRuns() []span {
	cells := make([]span, 0, len(p.names))
	for i := 0; i < len(p.line); {
		for i < len(p.line) && p.line[i] == p.sep {
			i++
		}
		start := i
		for i < len(p.line) && p.line[i] != p.sep {
			i++
		}
		if i > start {
			cells = append(cells, span{uint32(start), uint32(i)})
		}
	}
	return cells
}

// cell gives the trimmed value in a column of the file.
func (p *parser) cell(i int) []byte {
	if p.odd {
		return p.oddCell(i)
	}
	b := p.line[int32(p.cuts[i])+1 : p.cuts[i+1]]
	if len(b) > 0 && (p.trim[b[0]] || p.trim[b[len(b)-1]]) {
		return p.trimmed(b)
	}
	return b
}

func (p *parser) oddCell(i int) []byte {
	from, to := p.bounds(i)
	b := p.line[from:to]
	if p.quoted && len(b) > 0 && b[0] == '"' {
		return p.trimmed(p.unquoted(b)) // some banks write a TAB inside of the quotes
	}
	return p.trimmed(b)
}

func (p *parser) trimmed(b []byte) []byte {
	for len(b) > 0 && p.trim[b[0]] {
		b = b[1:]
	}
	for len(b) > 0 && p.trim[b[len(b)-1]] {
		b = b[:len(b)-1]
	}
	return b
}

func (p *parser) bounds(i int) (from, to int) {
	if p.wide {
		return int(p.spans[i].from), int(p.spans[i].to)
	}
	return int(int32(p.cuts[i])) + 1, int(p.cuts[i+1])
}

// unquoted gives the value of a quoted cell. Its memory lasts until the next line.
func (p *parser) unquoted(cell []byte) []byte {
	start := len(p.plain)
	plain, ok := unquote(p.plain, cell)
	if !ok {
		return cell
	}
	p.plain = plain
	return p.plain[start:]
}

// badQuotes gives the place of the first quote in a line that RFC 4180 does not allow, or -1: a quote that neither opens
// a cell, nor closes one, nor stands doubled inside of one. After such a quote nobody knows where a cell ends.
func badQuotes(line []byte, sep byte) int {
	inside := false
	for i := 0; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		switch {
		case !inside:
			if i > 0 && line[i-1] != sep {
				return i
			}
			inside = true
		case i+1 < len(line) && line[i+1] == '"':
			i++
		default:
			if i+1 < len(line) && line[i+1] != sep && line[i+1] != '\r' {
				return i
			}
			inside = false
		}
	}
	return -1
}

package scan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/seed-3356bd69/touchstone/recon"
)

// normal makes the same name from what differs in writing only between issues of a format: marks that values carry too,
// runs of white space, and the width of brackets and signs.
func normal(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r == '\ufeff' || r == '`':
			return -1
		case r >= '！' && r <= '～': // the wide forms of ASCII
			return r - ('！' - '!')
		case r == '\u3000':
			return ' '
		}
		return r
	}, name)
	return strings.Join(strings.Fields(name), " ")
}

// headerCells cuts a header line, or that of a summary, into names. It may lack the byte that begins every value of a row.
func headerCells(s *recon.FormatSpec, line []byte, charset recon.Charset) ([]string, error) {
	cells, err := lineCells(s, line, charset, s.Lines.Separator[:1])
	for i := range cells {
		cells[i] = normal(cells[i])
	}
	return cells, err
}

// lineCells cuts a line that is no row into cells.
func lineCells(s *recon.FormatSpec, line []byte, charset recon.Charset, separator string) ([]string, error) {
	text := line
	if charset == recon.CharsetGB18030 {
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(line)
		if err != nil {
			return nil, fmt.Errorf("header is not GB18030: %w", err)
		}
		text = decoded
	}
	var cells []string
	switch {
	case s.Lines.Runs:
		cells = strings.FieldsFunc(string(text), func(r rune) bool { return r == rune(separator[0]) })
	case s.Lines.Quote:
		cells = quotedCells(text, separator[0])
	default:
		cells = strings.Split(string(text), separator)
	}
	for i := range cells {
		cells[i] = strings.Trim(cells[i], " \t\r`\ufeff"+s.Lines.Trim+s.Lines.Separator[1:])
	}
	if s.Lines.Trailing && len(cells) > 1 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	return slices.Clip(cells), nil
}

// quotedCells cuts a line whose cells may be quoted.
func quotedCells(line []byte, sep byte) []string {
	var cells []string
	for start, i, inside := 0, 0, false; i <= len(line); i++ {
		switch {
		case i < len(line) && line[i] == '"':
			inside = !inside
		case i == len(line) || (line[i] == sep && !inside):
			cell := bytes.TrimSpace(line[start:i])
			if value, ok := unquote(nil, cell); ok {
				cell = value
			}
			cells = append(cells, string(cell))
			start = i + 1
		}
	}
	return cells
}

// unquote appends the value of a quoted cell; ok is false for a cell that is not quoted, or not well.
func unquote(to, cell []byte) ([]byte, bool) {
	if len(cell) < 2 || cell[0] != '"' || cell[len(cell)-1] != '"' {
		return to, false
	}
	for in := cell[1 : len(cell)-1]; ; {
		i := bytes.IndexByte(in, '"')
		if i < 0 {
			return append(to, in...), true
		}
		if i+1 >= len(in) || in[i+1] != '"' {
			return to, false
		}
		to = append(to, in[:i+1]...)
		in = in[i+2:]
	}
}

package scan

import (
	"bytes"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon"
)

// head is what stands before the rows.
type head struct {
	names       []string
	line        int // of the header, from 1
	body        int // offset of the first row
	comments    [][]byte
	diagnostics []Diagnostic
}

// readHead finds the header. b is the start of the text; whole tells that there is no more of it.
func readHead(o *Options, b []byte, whole bool) (*head, error) {
	problem := func(line int, what, try string) error {
		return &Problem{File: o.Name, Line: line, What: what, Try: try}
	}
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}) || bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return nil, problem(1, "the file is UTF-16", "iconv -f UTF-16 -t UTF-8")
	case looksLikeMarkup(b):
		return nil, problem(1, "the file is an HTML or XML page, not a statement", "look into it: it may say why there is none")
	}
	h := &head{}
	rest := bytes.TrimPrefix(b, []byte("\ufeff"))
	h.body = len(b) - len(rest)
	comment := []byte(o.Format.Lines.Comment)
	for skip := o.Format.Lines.Skip; ; {
		if o.Format.Header.None && skip == 0 {
			h.names = namesOf(o.Format)
			return h, nil
		}
		line, ok := nextLine(b, h, whole)
		if !ok {
			return nil, problem(h.line, "no header: the file is empty or ends before it", "fetch the file again")
		}
		switch {
		case skip > 0: // some banks write their sums there
			h.comments = append(h.comments, bytes.Clone(line))
			skip--
		case len(bytes.TrimSpace(line)) == 0:
		case len(comment) > 0 && bytes.HasPrefix(line, comment):
			h.comments = append(h.comments, bytes.Clone(line))
		default:
			names, err := headerCells(o.Format, line)
			if err != nil {
				return nil, problem(h.line, err.Error(), "the charset of the format")
			}
			h.names = names
			return h, nil
		}
	}
}

// nextLine moves the head over one line.
func nextLine(b []byte, h *head, whole bool) ([]byte, bool) {
	n := bytes.IndexByte(b[h.body:], '\n')
	if n < 0 {
		if !whole || h.body == len(b) {
			return nil, false
		}
		line := b[h.body:]
		h.line, h.body = h.line+1, len(b)
		return line, true
	}
	line := b[h.body : h.body+n]
	h.line, h.body = h.line+1, h.body+n+1
	return bytes.TrimSuffix(line, []byte{'\r'}), true
}

// looksLikeMarkup finds the error pages that channels answer instead of a file.
func looksLikeMarkup(b []byte) bool {
	start := bytes.ToLower(bytes.TrimLeft(b[:min(len(b), 512)], "\ufeff \t\r\n"))
	for _, tag := range []string{"<!doctype", "<html", "<xml", "<?xml"} {
		if bytes.HasPrefix(start, []byte(tag)) {
			return true
		}
	}
	return false
}

// namesOf gives the columns of a format whose files have no header.
func namesOf(f *recon.FormatSpec) []string {
	if len(f.Lines.Widths) > 0 {
		names := make([]string, 0, len(f.Lines.Widths))
		for _, w := range f.Lines.Widths {
			names = append(names, w.Column)
		}
		return names
	}
	names := make([]string, 0, len(f.Columns))
	for _, c := range f.Columns {
		names = append(names, c.Name)
	}
	return names
}

// describe says what the engine saw of a cell, for a reject.
func (l *layout) describe(column int) string {
	if column < 0 {
		return ""
	}
	if column < len(l.names) {
		return l.names[column]
	}
	return fmt.Sprintf("column %d", column+1)
}

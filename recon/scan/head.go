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
	comments    []keptComment
	charset     recon.Charset
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
		return nil, problem(1, "a page or an answer of the API instead of a statement", "look into it: it may say why there is none")
	}
	h := &head{}
	rest := bytes.TrimPrefix(b, []byte("\ufeff"))
	if len(rest) == 0 {
		return nil, problem(0, "empty file: a day without transactions has a header, or no file at all", "fetch the file again")
	}
	h.body = len(b) - len(rest)
	h.sense(o.Format, b)
	comment, err := encode(h.charset, o.Format.Lines.Comment)
	if err != nil {
		return nil, problem(0, err.Error(), "the charset of the format")
	}
	for skip := o.Format.Lines.Skip; ; {
		if o.Format.Header.None && skip == 0 {
			h.names = namesOf(o.Format)
			return h, nil
		}
		place := uint64(h.body)
		line, ok := nextLine(b, h, whole)
		if !ok {
			return nil, problem(0, fmt.Sprintf("no header: the file is cut off after line %d", h.line), "fetch the file again")
		}
		switch {
		case skip > 0: // some banks write their sums there
			skip--
			h.comments = append(h.comments, keptComment{place, bytes.Clone(line)})
		case len(bytes.TrimSpace(line)) == 0:
		case len(comment) > 0 && bytes.HasPrefix(line, comment):
			h.comments = append(h.comments, keptComment{place, bytes.Clone(line)})
		case line[0] == '<' || line[0] == '{':
			return nil, problem(h.line, "a page or an answer of the API instead of a statement", "look into it: it may say why there is none")
		default:
			names, err := headerCells(o.Format, line, h.charset)
			if err != nil {
				return nil, problem(h.line, err.Error(), "the charset of the format")
			}
			h.names = names
			return h, nil
		}
	}
}

// sense finds the charset of the file.
func (h *head) sense(f *recon.FormatSpec, b []byte) {
	var again bool
	if h.charset, again = charsetOf(f, b); again {
		h.diagnostics = append(h.diagnostics, Diagnostic{Message: savedAgain})
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

package stmt

import "strings"

const maxMasked = 2048

// Mask gives the text with every literal replaced by ? and without comments, at most 2 KiB of it. It needs no valid SQL.
func Mask(sql string, mode Mode) string {
	l := &lexer{src: sql, mode: mode}
	var b strings.Builder
	gap := false
	for t, more := l.next(); more && b.Len() < maxMasked; t, more = l.next() {
		if t.kind == space || t.kind == comment {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
		}
		gap = false
		switch t.kind {
		case text, number:
			b.WriteByte('?')
		default:
			b.WriteString(sql[t.start:t.end])
		}
	}
	out := b.String()
	return strings.ToValidUTF8(out[:min(len(out), maxMasked)], "\uFFFD")
}

// Split cuts text into its statements at semicolons outside of strings and comments; empty ones are left out.
func Split(sql string, mode Mode) []string {
	l := &lexer{src: sql, mode: mode}
	var parts []string
	start, content := 0, false
	for t, more := l.next(); more; t, more = l.next() {
		switch {
		case t.kind == other && sql[t.start] == ';':
			if content {
				parts = append(parts, sql[start:t.start])
			}
			start, content = t.end, false
		case t.kind != space && t.kind != comment:
			content = true
		}
	}
	if content {
		parts = append(parts, sql[start:])
	}
	return parts
}

// HasExecutableComment tells whether a server may run the content of a comment in the text.
func HasExecutableComment(sql string, mode Mode) bool {
	l := &lexer{src: sql, mode: mode}
	for t, more := l.next(); more; t, more = l.next() {
		if t.kind == executable {
			return true
		}
		if body := sql[t.start:t.end]; t.kind == comment && strings.HasPrefix(body, "/*T!") {
			return true
		}
	}
	return false
}

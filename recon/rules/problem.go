package rules

import (
	"fmt"
	"strings"
)

// Problem is one complaint about a rule's data: a calendar's line, or a key of a Config.
type Problem struct {
	File   string // "" = of a Config
	Line   int    // from 1
	Column int    // byte, from 1
	Field  string
	What   string
	Got    string
	Try    string
}

// Error prints "file:line:col: field: what (got x); try: …".
func (p Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	}
	b.WriteString(p.Field + ": " + p.What)
	if p.Got != "" {
		fmt.Fprintf(&b, " (got %q)", p.Got)
	}
	if p.Try != "" {
		b.WriteString("; try: " + p.Try)
	}
	return b.String()
}

// Problems is every complaint at once.
type Problems []Problem

// Error prints one complaint a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

package scan

import "fmt"

// Problem is what is wrong with a file as a whole: it must not be reconciled.
type Problem struct {
	File   string
	Line   int // from 1; 0 = the whole file
	Column int // byte column from 1
	Field  string
	Value  string
	What   string
	Try    string
}

// Error prints "file:line:col: field: what (got value); try: …".
func (p *Problem) Error() string {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d", at, p.Line)
		if p.Column > 0 {
			at = fmt.Sprintf("%s:%d", at, p.Column)
		}
	}
	text := at + ": "
	if p.Field != "" {
		text += p.Field + ": "
	}
	text += p.What
	if p.Value != "" {
		text += fmt.Sprintf(" (got %q)", clip(p.Value))
	}
	if p.Try != "" {
		text += "; try: " + p.Try
	}
	return text
}

// clip bounds a value in a message.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

// Diagnostic is a remark about a file that is neither a record nor a reject, for example a column nobody knew.
type Diagnostic struct {
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"` // byte column from 1
	Field   string `json:"field,omitempty"`
	Value   string `json:"value,omitempty"`
	Message string `json:"message"`
}

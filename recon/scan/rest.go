package scan

import (
	"bytes"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Check is shown every record of a Full scan, with the cells it was read from; what it says against it (the column, and
// why) makes the line a reject. It is called by several workers at a time.
type Check func(cell func(column string) string, r *recon.Record) (column, reason string)

// fromSheet is why an id like 4.2E+27 is refused: nobody knows any more which it was.
const fromSheet = "number in scientific notation: the file was saved again by a spreadsheet"

// readRest reads what is neither money nor key, of a line of which every field is wanted. A lenient parser leaves out what
// cannot be read, unless it is compared.
func (p *parser) readRest() bool {
	if !p.lenient && !p.readIDs() {
		return false
	}
	if len(p.rule.time) > 0 && !p.readTime() && (!p.lenient || p.timed) {
		return false
	}
	if !p.readSettled() && !p.lenient {
		return false
	}
	if p.lenient {
		return true
	}
	if !p.ofCharset() {
		return p.refuse(-1, p.line, "not of the charset "+string(p.charset))
	}
	return p.check == nil || p.checked()
}

// readIDs looks at the ids beside the key.
func (p *parser) readIDs() bool {
	for _, columns := range [][]int{p.rule.order, p.rule.txn, p.rule.original} {
		if text, column := p.firstOf(columns); scientific(text) {
			return p.refuse(column, text, fromSheet)
		}
	}
	return true
}

// readSettled reads the settlement date. An empty cell is none.
func (p *parser) readSettled() bool {
	p.settled = ""
	text := p.cellIf(p.rule.settled)
	if len(text) == 0 || p.isEmpty(text) {
		return true
	}
	at, ok := p.parseTime(p.dates, string(text))
	if !ok {
		return p.refuse(p.rule.settled, text, "not a date of the form "+strings.Join(p.dates, " or "))
	}
	p.settled = at.Format(time.DateOnly)
	return true
}

// checked asks the caller about the record.
func (p *parser) checked() bool {
	record := p.record()
	name, reason := p.check(p.valueOf, &record)
	if reason == "" {
		return true
	}
	column, ok := p.at[name]
	if !ok || column < 0 {
		return p.refuse(-1, p.line, reason)
	}
	return p.refuse(column, p.cell(column), reason)
}

// valueOf gives the value of a column of the format; what the format lists as empty is empty.
func (p *parser) valueOf(name string) string {
	column, ok := p.at[name]
	if !ok {
		return ""
	}
	text := p.cellIf(column)
	if p.isEmpty(text) {
		return ""
	}
	return string(p.text(text))
}

// scientific finds numbers like 4.2E+27. A merchant's number cannot hold a plus sign.
func scientific(text []byte) bool {
	at := bytes.IndexByte(text, '+')
	if at < 2 || (text[at-1] != 'E' && text[at-1] != 'e') || !digits(text[at+1:]) {
		return false
	}
	whole, fraction, point := bytes.Cut(text[:at-1], []byte{'.'})
	return digits(whole) && (!point || digits(fraction))
}

func digits(text []byte) bool {
	for _, c := range text {
		if c-'0' > 9 {
			return false
		}
	}
	return len(text) > 0
}

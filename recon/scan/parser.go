package scan

import (
	"bytes"
	"unicode/utf8"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// parser reads one line at a time. Each worker has its own; it keeps nothing of a line but what its fields say.
type parser struct {
	*layout
	hash       *entry.Hasher
	rules      []rule
	byMatch    lookup
	currencies lookup
	decimals   []int // by currency code

	line    []byte
	cuts    []uint32 // cuts[i+1] is the place of separator i, cuts[0] one before the line: see cell
	spans   []span   // of all cells, where wide
	odd     bool     // wide or quoted
	wide    bool
	quoted  bool // cells may be quoted
	lenient bool // a fee or time that cannot be read is left out, where it is not compared
	plain   []byte

	rule    *rule
	id      []byte
	joined  []byte
	texts   []byte
	label   entry.Label
	amount  int64
	fee     int64
	hasFee  bool
	micros  int64
	hasAt   bool
	timed   bool   // times are compared
	settled string // 2006-01-02
	day     dayMemo
	fault   fault
}

type span struct{ from, to uint32 }

// fault says which cell makes a line a reject. column is its place in the file, or -1 for the line as a whole.
type fault struct {
	column int
	value  []byte
	reason string
}

func newParser(l *layout, h *entry.Hasher) *parser {
	p := &parser{
		layout: l, hash: h, byMatch: l.byMatch.clone(), rules: make([]rule, len(l.rules)),
		cuts: make([]uint32, max(maxEasy+1, len(l.names)+1+2*wordBytes)), spans: make([]span, len(l.names)), decimals: []int{0},
	}
	p.cuts[0], p.timed = ^uint32(0), l.compared.Has(entry.CompareTime)
	copy(p.rules, l.rules)
	for i := range p.rules {
		p.rules[i].states = p.rules[i].states.clone()
	}
	for i, c := range recon.Currencies() {
		exponent, _ := c.Exponent() // a listed currency has one
		p.decimals = append(p.decimals, exponent)
		p.currencies.add(string(c), uint16(i+1))
	}
	return p
}

// refuse notes why a line is a reject.
func (p *parser) refuse(column int, value []byte, reason string) bool {
	p.fault = fault{column, value, reason}
	return false
}

// read takes a line's fields in. On false the line is a reject and fault says why; a line of a rule with Ignore is true.
func (p *parser) read() bool {
	if !p.choose() {
		return false
	}
	if p.rule.Ignore != "" {
		return true
	}
	return p.readMoney() && p.readKey() && p.readCompared()
}

// first gives the first of some cells that is filled.
func (p *parser) first(columns []int) []byte {
	text, _ := p.firstOf(columns)
	return text
}

// firstOf gives the cell's column too; where none is filled, that of the first, or -1.
func (p *parser) firstOf(columns []int) (text []byte, column int) {
	for _, column = range columns {
		if text := p.cell(column); len(text) > 0 && !p.isEmpty(text) {
			return text, column
		}
	}
	if len(columns) > 0 {
		return nil, columns[0]
	}
	return nil, -1
}

// cellIf gives the cell of a column that the file may lack.
func (p *parser) cellIf(column int) []byte {
	if column < 0 {
		return nil
	}
	return p.cell(column)
}

// noKey refuses a line by the first column of its key.
func (p *parser) noKey() bool {
	column := p.rule.key[0]
	return p.refuse(column, p.cell(column), "empty: the line has no key")
}

// isEmpty tells whether a value means "none", such as "0" for a refund number.
func (p *parser) isEmpty(text []byte) bool {
	if len(p.empty) == 0 {
		return false
	}
	for _, e := range p.empty {
		if string(text) == e {
			return true
		}
	}
	return false
}

// readKey reads the key as UTF-8.
func (p *parser) readKey() bool {
	if p.rule.KeyAll && len(p.rule.key) > 1 {
		return p.readParts()
	}
	column := 0
	if p.id, column = p.firstOf(p.rule.key); len(p.id) == 0 {
		return p.noKey()
	}
	if p.sheets && scientific(p.id) {
		return p.refuse(column, p.id, fromSheet)
	}
	if clean(p.id) {
		return true
	}
	return p.readOdd(column)
}

// readParts joins the parts of a key: "order/refund". A slash inside of a part is escaped, and empty parts at the end are
// left out, so that no two keys look alike.
func (p *parser) readParts() bool {
	if p.onlyFirst() {
		return true
	}
	p.joined, p.id = p.joined[:0], nil
	filled := 0
	for i, c := range p.rule.key {
		if i > 0 {
			p.joined = append(p.joined, '/')
		}
		text := p.cell(c)
		if len(text) == 0 || p.isEmpty(text) {
			continue
		}
		if p.sheets && scientific(text) {
			return p.refuse(c, text, fromSheet)
		}
		if !clean(text) {
			if p.id = text; !p.readOdd(c) {
				return false
			}
			text = p.id
		}
		if slashed(text) {
			text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte(`\`), []byte(`\\`)), []byte(`/`), []byte(`\/`))
		}
		p.joined = append(p.joined, text...)
		filled = len(p.joined)
	}
	if p.id = p.joined[:filled]; filled == 0 {
		return p.noKey()
	}
	return true
}

// onlyFirst takes a key of which only the first part is filled, and needs no care: most are payments, without a refund's
// number.
func (p *parser) onlyFirst() bool {
	for _, c := range p.rule.key[1:] {
		if text := p.cell(c); len(text) > 0 && !p.isEmpty(text) {
			return false
		}
	}
	p.id = p.cell(p.rule.key[0])
	return len(p.id) > 0 && clean(p.id) && !slashed(p.id) && !p.isEmpty(p.id) && !(p.sheets && scientific(p.id))
}

// readOdd takes a key with bytes beyond ASCII, and refuses what no order number holds.
func (p *parser) readOdd(column int) bool {
	for _, c := range p.id {
		if c < 0x20 {
			return p.refuse(column, p.id, "control character in a key")
		}
	}
	decoded := p.id
	if p.decode != nil {
		var err error
		if decoded, err = p.decode(p.id); err != nil {
			return p.refuse(column, p.id, "not of the file's charset")
		}
	}
	if !utf8.Valid(decoded) || bytes.ContainsRune(decoded, utf8.RuneError) {
		return p.refuse(column, p.id, "not of the file's charset")
	}
	if bytes.HasPrefix(decoded, []byte("\ufeff")) {
		return p.refuse(column, p.id, "byte order mark inside the file")
	}
	p.id = decoded
	return true
}

// readCompared reads what is compared beside the money.
func (p *parser) readCompared() bool {
	if p.account != "" && len(p.rule.RowRule.Account) > 0 {
		if text, column := p.firstOf(p.rule.account); string(text) != p.account {
			return p.refuse(column, text, "another account than the statement's")
		}
	}
	p.hasAt = false
	if p.full {
		return p.readRest()
	}
	if len(p.rule.time) > 0 && p.compared.Has(entry.CompareTime) {
		return p.readTime()
	}
	return true
}

// entry makes the entry of the line that was read.
func (p *parser) entry(place uint64) entry.Entry {
	e := entry.Entry{Amount: p.amount, At: entry.NewAt(place, p.label)}
	e.Tag, e.Rest = p.hash.Key(int(p.label>>12), p.id)
	if p.compared != 0 {
		e.Rest ^= p.hash.Texts(p.canonical())
	}
	return e
}

// canonical is what entry.Compared.Texts makes of the record.
func (p *parser) canonical() []byte {
	b := p.texts[:0]
	if p.compared.Has(entry.CompareFee) {
		b = entry.AppendNumber(b, p.hasFee, p.fee)
	}
	if p.compared.Has(entry.CompareTime) {
		b = entry.AppendNumber(b, p.hasAt, p.micros)
	}
	if p.compared.Has(entry.CompareOrder) {
		b = entry.AppendText(b, p.order())
	}
	if p.compared.Has(entry.CompareAccount) {
		b = entry.AppendText(b, p.text(p.first(p.rule.account)))
	}
	if p.compared.Has(entry.CompareChannelTxn) {
		b = entry.AppendText(b, p.text(p.first(p.rule.txn)))
	}
	if p.compared.Has(entry.CompareFurther) {
		for _, c := range p.rule.compare {
			b = entry.AppendText(b, p.text(p.cellIf(c)))
		}
	}
	p.texts = b
	return b
}

// order is the merchant order: the key where the format names no other column.
func (p *parser) order() []byte {
	if text := p.first(p.rule.order); len(text) > 0 {
		return p.text(text)
	}
	return p.id
}

// text gives a value as UTF-8. What is not of the charset stays as it is, byte for byte.
func (p *parser) text(value []byte) []byte {
	if p.decode == nil || clean(value) {
		return value
	}
	decoded, err := p.decode(value)
	if err != nil {
		return value
	}
	return decoded
}

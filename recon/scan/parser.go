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

	rule   *rule
	id     []byte
	joined []byte
	texts  []byte
	label  entry.Label
	amount int64
	fee    int64
	hasFee bool
	micros int64
	hasAt  bool
	day    dayMemo
	fault  fault
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
		cuts: make([]uint32, len(l.names)+1+2*wordBytes), spans: make([]span, len(l.names)), decimals: []int{0},
	}
	p.cuts[0] = ^uint32(0)
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
	if p.kindIn < 0 {
		p.rule = &p.rules[0]
	} else {
		text := p.cell(p.kindIn)
		i := p.byMatch.find(text)
		if i == 0 {
			return p.refuse(p.kindIn, text, "unknown value")
		}
		p.rule = &p.rules[i-1]
	}
	if p.rule.Ignore != "" {
		return true
	}
	return p.readMoney() && p.readKey() && p.readCompared()
}

// readMoney reads currency, state and amount.
func (p *parser) readMoney() bool {
	r := p.rule
	currency, decimals := r.currency, r.decimals
	if r.currencyIn >= 0 {
		text := p.cell(r.currencyIn)
		if currency = p.currencyOf(text); currency == 0 {
			return p.refuse(r.currencyIn, text, "unknown currency")
		}
		decimals = p.decimals[currency]
	}
	state := uint16(1) // success, where the format has no state
	if r.statusIn >= 0 {
		text := p.cell(r.statusIn)
		if state = r.states.find(text); state == 0 && len(text) == 0 {
			state = r.emptyState
		}
		if state == 0 {
			return p.refuse(r.statusIn, text, "unknown status")
		}
	}
	n, column, ok := p.number(&r.RowRule.Amount, r.amount, decimals)
	if !ok {
		return false
	}
	kind := r.kind
	switch r.RowRule.Amount.Sign {
	case recon.SignPlain:
		if n < 0 {
			return p.refuse(column, p.cell(column), "negative amount")
		}
	case recon.SignFlip:
		if n > 0 {
			return p.refuse(column, p.cell(column), "positive amount, the format writes these lines negative")
		}
	case recon.SignKind:
		if kind = 1; n < 0 {
			kind = 2 // a refund
		}
	case recon.SignCD:
		if n != 0 && (n > 0) != (recon.Kinds()[kind-1].Direction() > 0) {
			return p.refuse(column, p.cell(column), "the letter in front contradicts the kind")
		}
	}
	p.amount, p.label = max(n, -n), entry.Label(kind<<12|state<<8|currency)
	if r.Fee == nil || (!p.compared.Has(entry.CompareFee) && !p.full) {
		p.hasFee = false
		return true
	}
	return p.readFee(decimals)
}

func (p *parser) currencyOf(text []byte) uint16 {
	if code := p.currencies.find(text); code != 0 {
		return code
	}
	decoded := text
	if p.decode != nil {
		var err error
		if decoded, err = p.decode(text); err != nil {
			return 0
		}
	}
	c, err := recon.ParseCurrency(string(decoded))
	if err != nil {
		return 0
	}
	code := p.currencies.find([]byte(c))
	if len(text) <= len("人民币") { // a word of the charset: remembered as it stands
		p.currencies.add(string(text), code)
	}
	return code
}

func (p *parser) readFee(decimals int) bool {
	p.fee = 0
	if p.hasFee = len(p.first(p.rule.fee)) > 0; !p.hasFee {
		return true
	}
	n, _, ok := p.number(p.rule.Fee, p.rule.fee, decimals)
	if !ok {
		p.hasFee = false
		return p.lenient && !p.compared.Has(entry.CompareFee)
	}
	if p.rule.Fee.Sign == recon.SignFlip || p.rule.Fee.Sign == recon.SignCD { // a debit is a cost
		n = -n
	}
	p.fee = n
	return true
}

// number reads the first cell that is filled and not zero, else the first that is filled.
func (p *parser) number(a *recon.Amount, columns []int, decimals int) (n int64, column int, ok bool) {
	if a.Unit == recon.UnitMinor {
		decimals = 0
	}
	column = -1
	for _, c := range columns {
		text := p.cell(c)
		if len(text) == 0 {
			continue
		}
		if decimals == 2 {
			if value, ok := hundredths(text); ok && value != 0 {
				return value, c, true
			}
		}
		number, negative := text, false
		if a.Sign == recon.SignCD || a.Prefix != "" || a.Thousands {
			number, negative = p.bare(a, text)
		}
		value, err := recon.ParseDecimal(number, decimals)
		if err != nil {
			return 0, c, p.refuse(c, text, err.Error())
		}
		if negative {
			value = -value
		}
		if column < 0 || value != 0 {
			n, column = value, c
		}
		if value != 0 {
			break
		}
	}
	if column < 0 {
		return 0, columns[0], p.refuse(columns[0], nil, "empty")
	}
	return n, column, true
}

// bare takes off what a format allows around a number. What it does not know stays and is no number.
func (p *parser) bare(a *recon.Amount, text []byte) (number []byte, negative bool) {
	if a.Sign == recon.SignCD {
		switch text[0] {
		case 'C', ' ':
			text = text[1:]
		case 'D':
			text, negative = text[1:], true
		}
	}
	if a.Prefix != "" {
		text = bytes.TrimPrefix(text, []byte(a.Prefix))
	}
	if a.Thousands && bytes.IndexByte(text, ',') >= 0 {
		return ungroup(text), negative
	}
	return text, negative
}

// ungroup takes the commas out of "1,100.00". A comma anywhere else than between groups of three digits stays.
func ungroup(text []byte) []byte {
	whole, fraction, _ := bytes.Cut(text, []byte{'.'})
	groups := bytes.Split(bytes.TrimLeft(whole, "+-"), []byte{','})
	for i, g := range groups {
		if len(g) != 3 && (i > 0 || len(g) == 0 || len(g) > 3) {
			return text
		}
	}
	out := bytes.ReplaceAll(whole, []byte{','}, nil)
	if len(fraction) > 0 {
		out = append(append(out, '.'), fraction...)
	}
	return out
}

// first gives the first of some cells that is filled.
func (p *parser) first(columns []int) []byte {
	text, _ := p.firstOf(columns)
	return text
}

// firstOf gives the cell's column too; where none is filled, that of the last.
func (p *parser) firstOf(columns []int) (text []byte, column int) {
	for _, column = range columns {
		if text := p.cell(column); len(text) > 0 && !p.isEmpty(text) {
			return text, column
		}
	}
	return nil, column
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
		return p.refuse(column, nil, "the key is empty")
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
		return p.refuse(p.rule.key[0], nil, "the key is empty")
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
	return len(p.id) > 0 && clean(p.id) && !slashed(p.id) && !p.isEmpty(p.id)
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
	if p.account != "" && len(p.rule.account) > 0 {
		if text := p.first(p.rule.account); string(text) != p.account {
			return p.refuse(p.rule.account[0], text, "another account")
		}
	}
	p.hasAt = false
	if len(p.rule.time) > 0 && (p.full || p.compared.Has(entry.CompareTime)) {
		return p.readTime() || (p.lenient && !p.compared.Has(entry.CompareTime))
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
			b = entry.AppendText(b, p.text(p.cell(c)))
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

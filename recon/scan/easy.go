package scan

import (
	"encoding/binary"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// easy is a rule whose lines are mostly read in one go: one key, one amount with two decimals, currency and state as they
// are listed, and nothing else. Whatever is not as easy as that (an odd sign, another number of decimals, a reject) is left
// to parser.read, which gives the same answer.
type easy struct {
	ok         bool
	inCurrency bool // a column says the currency
	inStatus   bool
	alone      bool  // the amount has no other column
	whole      bool  // of a key of several parts the first, where the others are empty, or,
	key        uint8 // the first column
	amount     uint8
	currencyIn uint8
	statusIn   uint8
	kind       uint16
	currency   uint16
	states     *lookup
	keys       []int // the first that is filled is the key
}

// maxEasy bounds the places of an easy rule's columns: with them, a cell's bounds are found without a look at the number of
// columns.
const maxEasy = 255

// easyRules tells which rules are easy. Nothing is compared beside the money, nothing else is read.
func (p *parser) easyRules() []easy {
	l, rules := p.layout, make([]easy, len(p.rules))
	if !l.simple || l.full || l.fees || l.compared != 0 || len(l.perRow) > 0 {
		return rules
	}
	for i := range l.rules {
		rules[i] = l.easyRule(&p.rules[i])
	}
	return rules
}

func (l *layout) easyRule(r *rule) easy {
	if r.Ignore != "" || r.absent || (l.account != "" && len(r.RowRule.Account) > 0) || l.need >= maxEasy {
		return easy{}
	}
	a := &r.RowRule.Amount
	e := easy{
		keys: r.key, key: uint8(r.key[0]), whole: r.KeyAll, amount: uint8(r.amount[0]), alone: len(r.amount) == 1, currency: r.currency, kind: r.kind,
		inCurrency: r.currencyIn >= 0, currencyIn: uint8(r.currencyIn), states: &r.states, inStatus: r.statusIn >= 0, statusIn: uint8(r.statusIn),
	}
	if a.Sign == recon.SignKind {
		e.kind = 1 // nothing easy has a minus sign
	}
	e.ok = a.Unit != recon.UnitMinor && (a.Sign == recon.SignPlain || a.Sign == recon.SignAny || a.Sign == recon.SignKind)
	return e
}

// readEasy reads a line whose cells were cut, and adds its entry to the batch. On false nothing has happened.
func (w *worker) readEasy(place uint64) bool {
	p := w.parser
	if cap(p.line)-len(p.line) < 8 { // words are read whole: the last line of a file is not easy
		return false
	}
	text, cuts, number := p.line[:len(p.line)+8], (*[maxEasy + 1]uint32)(p.cuts), uint16(1)
	if p.kindIn >= 0 {
		if number = p.word(&p.byMatch, text, cuts[uint8(p.kindIn)]+1, cuts[uint8(p.kindIn)+1]); number == 0 {
			return false
		}
	}
	e := &w.easy[number-1]
	if !e.ok {
		return false
	}
	currency, state := e.currency, uint16(1)
	if e.inCurrency {
		if currency = p.word(&p.currencies, text, cuts[e.currencyIn]+1, cuts[e.currencyIn+1]); currency == 0 {
			return false
		}
	}
	if e.inStatus {
		if state = p.word(e.states, text, cuts[e.statusIn]+1, cuts[e.statusIn+1]); state == 0 {
			return false
		}
	}
	amount, ok := hundredths(text, int(cuts[e.amount]+1), int(cuts[e.amount+1]))
	if !ok {
		from, to := p.within(text, int(e.amount))
		if amount, ok = hundredths(text, from, to); !ok {
			return false
		}
	}
	if p.decimals[currency] != 2 || (amount == 0 && !e.alone) {
		return false
	}
	id := text[cuts[e.key]+1 : cuts[e.key+1]]
	if len(e.keys) > 1 || len(id) == 0 || p.trim[id[0]] || p.trim[id[len(id)-1]] {
		id = p.easyKey(e, text)
	}
	if len(id) == 0 || p.isEmpty(id) || (p.sheets && scientific(id)) {
		return false
	}
	label := entry.Label(e.kind<<12 | state<<8 | currency)
	s := w.sumOf(label)
	if s == nil || s.Minor+amount < s.Minor {
		return false
	}
	tag, rest, ok := p.hash.PlainKey(int(e.kind), id)
	if !ok {
		return false
	}
	s.Count, s.Minor = s.Count+1, s.Minor+amount
	n := len(w.batch)
	w.batch = w.batch[:n+1]
	w.batch[n] = entry.Entry{Tag: tag, Rest: rest, Amount: amount, At: entry.NewAt(place, label)}
	return true
}

// within gives the bounds of a column's value in an easy line, without blanks around it.
func (p *parser) within(text []byte, column int) (from, to int) {
	from, to = int(int32(p.cuts[column]))+1, int(p.cuts[column+1])
	for from < to && p.trim[text[from]] {
		from++
	}
	for from < to && p.trim[text[to-1]] {
		to--
	}
	return from, to
}

// easyKey gives the key of an easy line, or nothing.
func (p *parser) easyKey(e *easy, text []byte) []byte {
	for i, c := range e.keys {
		from, to := p.within(text, c)
		if from == to {
			if e.whole {
				return nil
			}
			continue
		}
		id := text[from:to]
		if e.whole && (!p.blank(e.keys[i+1:], text) || slashed(id)) {
			return nil // parts are joined, and slashes in them escaped
		}
		return id
	}
	return nil
}

// blank tells whether some columns are empty.
func (p *parser) blank(columns []int, text []byte) bool {
	for _, c := range columns {
		if from, to := p.within(text, c); from < to {
			return false
		}
	}
	return true
}

// word finds what text[from:to] says among what a column may say: mostly what it said in the line before.
func (p *parser) word(l *lookup, text []byte, from, to uint32) uint16 {
	if to-from == l.size && binary.LittleEndian.Uint64(text[from:])&l.mask == l.word {
		return l.code
	}
	return p.otherWord(l, text[from:to])
}

// otherWord remembers the way in which a file writes a word, with a mark in front or blanks behind.
func (p *parser) otherWord(l *lookup, text []byte) uint16 {
	if code := l.find(text); code != 0 {
		return code
	}
	code := l.find(p.trimmed(text))
	if code != 0 && len(l.names) < maxWays {
		l.add(string(text), code)
	}
	return code
}

// maxWays bounds the ways to write words that are remembered.
const maxWays = 256

// sumOf gives the sum of a label, if it was the last one or the label has one already.
func (w *worker) sumOf(label entry.Label) *Sum {
	if w.last < len(w.sums) && w.sums[w.last].Label == label {
		return &w.sums[w.last]
	}
	for i := range w.sums {
		if w.sums[i].Label == label {
			w.last = i
			return &w.sums[i]
		}
	}
	return nil
}

package scan

import (
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// easy is a rule whose lines are mostly read in one go: one key, one amount with two decimals, currency and state as they
// are listed, and nothing else. Whatever is not as easy as that (an odd sign, another number of decimals, a reject) is left
// to parser.read, which gives the same answer.
type easy struct {
	ok         bool
	keys       []int // the first that is filled is the key, or,
	whole      bool  // of a key of several parts, the first part, where the others are empty
	amount     int
	alone      bool // the amount has no other column
	currencyIn int
	statusIn   int
	currency   uint16
	sign       recon.Sign
	kind       uint16
}

// easyRules tells which rules are easy. Nothing is compared beside the money, nothing else is read.
func (l *layout) easyRules() []easy {
	rules := make([]easy, len(l.rules))
	if !l.simple || l.full || l.fees || l.compared != 0 || len(l.perRow) > 0 {
		return rules
	}
	for i := range l.rules {
		rules[i] = l.easyRule(&l.rules[i])
	}
	return rules
}

func (l *layout) easyRule(r *rule) easy {
	if r.Ignore != "" || r.absent || (l.account != "" && len(r.RowRule.Account) > 0) {
		return easy{}
	}
	a := &r.RowRule.Amount
	e := easy{
		keys: r.key, whole: r.KeyAll, amount: r.amount[0], alone: len(r.amount) == 1, currencyIn: r.currencyIn,
		statusIn: r.statusIn, currency: r.currency, sign: a.Sign, kind: r.kind,
	}
	e.ok = a.Unit != recon.UnitMinor && (a.Sign == recon.SignPlain || a.Sign == recon.SignAny || a.Sign == recon.SignKind)
	return e
}

// readEasy reads a line whose cells were cut, and adds its entry to the batch. On false nothing has happened.
func (w *worker) readEasy(place uint64) bool {
	p := w.parser
	number := uint16(1)
	if p.kindIn >= 0 {
		if number = p.word(&p.byMatch, p.kindIn); number == 0 {
			return false
		}
	}
	e := &w.easy[number-1]
	if !e.ok {
		return false
	}
	currency, state := e.currency, uint16(1)
	if e.currencyIn >= 0 {
		if currency = p.word(&p.currencies, e.currencyIn); currency == 0 {
			return false
		}
	}
	if e.statusIn >= 0 {
		if state = p.word(&p.rules[number-1].states, e.statusIn); state == 0 {
			return false
		}
	}
	amount, ok := hundredths(p.raw(e.amount))
	if !ok {
		amount, ok = hundredths(p.trimmed(p.raw(e.amount)))
	}
	if !ok || p.decimals[currency] != 2 || (amount == 0 && !e.alone) {
		return false
	}
	id := p.easyKey(e)
	if len(id) == 0 || !clean(id) || p.isEmpty(id) || (p.sheets && scientific(id)) {
		return false
	}
	kind := e.kind
	if e.sign == recon.SignKind {
		kind = 1 // nothing easy has a minus sign
	}
	label := entry.Label(kind<<12 | state<<8 | currency)
	s := w.sumOf(label)
	if s == nil || s.Minor+amount < s.Minor {
		return false
	}
	s.Count, s.Minor = s.Count+1, s.Minor+amount
	tag, rest := p.hash.Key(int(kind), id)
	w.batch = append(w.batch, entry.Entry{Tag: tag, Rest: rest, Amount: amount, At: entry.NewAt(place, label)})
	return true
}

// easyKey gives the key of an easy line, or nothing.
func (p *parser) easyKey(e *easy) []byte {
	for i, c := range e.keys {
		id := p.raw(c)
		if len(id) > 0 && (p.trim[id[0]] || p.trim[id[len(id)-1]]) {
			id = p.trimmed(id)
		}
		if len(id) == 0 {
			if e.whole {
				return nil
			}
			continue
		}
		if e.whole && (!p.blank(e.keys[i+1:]) || slashed(id)) {
			return nil // parts are joined, and slashes in them escaped
		}
		return id
	}
	return nil
}

// blank tells whether some columns are empty.
func (p *parser) blank(columns []int) bool {
	for _, c := range columns {
		if len(p.trimmed(p.raw(c))) > 0 {
			return false
		}
	}
	return true
}

// word finds what a column says among what it may say. The way in which a file writes it, with a mark in front or blanks
// behind, is remembered.
func (p *parser) word(l *lookup, column int) uint16 {
	text := p.raw(column)
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

// raw gives the bytes of a column, with blanks around the value if there are any.
func (p *parser) raw(i int) []byte { return p.line[int32(p.cuts[i])+1 : p.cuts[i+1]] }

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

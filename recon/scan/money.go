package scan

import (
	"bytes"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

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
		if state = r.states.find(text); state == 0 {
			if state = p.otherState(text); state == 0 {
				return false
			}
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
			return p.refuse(column, p.cell(column), "amount without the minus sign that such lines have")
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
	if r.Fee == nil || !p.fees {
		p.hasFee = false
		return true
	}
	return p.readFee(decimals)
}

// otherState is the state of a cell that no value of the format names: one that is empty may have its own.
func (p *parser) otherState(text []byte) uint16 {
	switch {
	case len(text) > 0 && !p.isEmpty(text):
		p.refuse(p.rule.statusIn, text, "unknown state")
		return 0
	case p.rule.emptyState == 0:
		p.refuse(p.rule.statusIn, text, "empty")
	}
	return p.rule.emptyState
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
	if p.hasFee = p.filled(p.rule.fee); !p.hasFee {
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
			if value, ok := hundredthsOf(text); ok && value != 0 {
				return value, c, true
			}
		}
		number, negative := text, false
		if a.Sign == recon.SignCD || a.Prefix != "" || a.Thousands {
			number, negative = p.bare(a, text)
		}
		value, err := recon.ParseDecimal(number, decimals)
		if err != nil {
			return 0, c, p.refuse(c, text, whyNot(a, text, err))
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

// filled tells whether one of some cells is filled.
func (p *parser) filled(columns []int) bool {
	for _, c := range columns {
		if len(p.cell(c)) > 0 {
			return true
		}
	}
	return false
}

// noLetter is why an amount that must say whether it credits or debits is refused.
const noLetter = "neither C nor D before the amount"

// whyNot says why a cell is no amount.
func whyNot(a *recon.Amount, text []byte, err error) string {
	switch {
	case a.Sign == recon.SignCD && text[0]-'0' <= 9:
		return noLetter
	case a.Thousands && bytes.IndexByte(text, ',') >= 0:
		return "commas that group no thousands"
	}
	return err.Error()
}

// bare takes off what a format allows around a number. What it does not know stays and is no number.
func (p *parser) bare(a *recon.Amount, text []byte) (number []byte, negative bool) {
	if a.Sign == recon.SignCD {
		switch letter := text[0]; {
		case letter != 'C' && letter != 'D':
			if text = bytes.TrimLeft(text, " "); len(bytes.Trim(text, "0.")) > 0 {
				return nil, false // nothing but zero has no direction
			}
		case len(text) > 1 && (text[1] == '+' || text[1] == '-'):
			return nil, false
		default:
			text, negative = text[1:], letter == 'D'
		}
	}
	if a.Prefix != "" {
		text = bytes.TrimLeft(bytes.TrimPrefix(text, []byte(a.Prefix)), " ")
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

package scan

// choose finds the rule of a line. An unknown kind has none.
func (p *parser) choose() bool {
	if p.kindIn < 0 {
		p.rule = &p.rules[0]
		return true
	}
	text := p.cell(p.kindIn)
	i := p.byMatch.find(text)
	if i == 0 {
		p.rule = nil
		return p.refuse(p.kindIn, text, "unknown value")
	}
	p.rule = &p.rules[i-1]
	return true
}

// readable reads what totals add up, whatever else is wrong with the line: its kind, its amount, its fee. Each needs the
// one before.
func (p *parser) readable() (kind, amount, fee bool) {
	if p.rule == nil {
		return false, false, false
	}
	whole := p.rule
	defer func() { p.rule = whole }()
	p.rule = whole.money
	if amount = p.readMoney(); !amount {
		return whole.Kind != "", false, false
	}
	p.rule = whole
	lenient := p.lenient
	p.lenient = false
	fee = whole.Fee == nil || p.readFee(p.decimals[p.label&255])
	p.lenient = lenient
	if whole.Fee == nil {
		p.hasFee = false
	}
	return true, true, fee
}

// lose counts a rejected line as far as it can be read, since what a file states about itself holds it too.
func (w *worker) lose(taken bool, stat *segmentStat) error {
	if stat.lost == nil {
		stat.lost = make([]figure, len(w.totals))
	}
	fault := w.fault
	var kind, amount, fee bool
	if taken {
		kind, amount, fee = w.readable()
	}
	w.fault = fault
	for i := range w.totals {
		if err := w.loseOf(&w.totals[i], &stat.lost[i], taken && fault.column >= 0, kind, amount, fee); err != nil {
			return err
		}
	}
	return nil
}

// loseOf adds a rejected line to one figure, to its doubt where the line's kind is not known, or to what is unread.
func (w *worker) loseOf(t *total, to *figure, cells, kind, amount, fee bool) error {
	by, ok := int64(1), true
	switch {
	case len(t.Columns) > 0:
		by, ok = 0, false
		if cells && t.place >= 0 {
			by, ok = w.cellOf(t)
		}
	case t.Of == countOf && len(t.Kinds) == 0:
		return nil // every reject counts: see Result.counted
	case t.Of == amountOf:
		by, ok = w.amount, amount
	case t.Of == feeOf:
		by, ok = w.feeNow(), fee
	}
	switch {
	case len(t.Kinds) > 0 && kind && t.kinds&(1<<w.kindNow(amount)) == 0:
		return nil
	case !ok, len(t.Kinds) > 0 && !kind && len(t.Columns) == 0 && t.Of != countOf:
		to.unread++
		return nil
	case len(t.Kinds) > 0 && !kind:
		return add(&to.doubt, by)
	}
	return add(&to.counted, by)
}

// kindNow is the code of the line's kind: of the rule's, or where the sign tells it, what was read.
func (w *worker) kindNow(amount bool) uint16 {
	if amount {
		return uint16(w.label >> 12)
	}
	return w.rule.kind
}

func (w *worker) feeNow() int64 {
	if w.hasFee {
		return w.fee
	}
	return 0
}

package scan

import "slices"

// group is a run of neighbouring free text cells. Only they can hold the separator.
type group struct{ first, last int }

// maxSurplus bounds the cells that are given back to free text by trying.
const maxSurplus = 32

// freeText finds the groups.
func (b *binder) freeText() {
	var cells []int
	for _, name := range b.spec.Lines.FreeText {
		if i := b.at[name]; i >= 0 {
			cells = append(cells, i)
		}
	}
	slices.Sort(cells)
	for _, i := range cells {
		if n := len(b.groups); n > 0 && b.groups[n-1].last == i-1 {
			b.groups[n-1].last = i
			continue
		}
		b.groups = append(b.groups, group{i, i})
	}
}

// align gives surplus cells back to the free text. One group takes them all. Of two groups each share is tried: the row is
// what makes sense, and nothing where two do.
func (p *parser) align(cells []span) bool {
	surplus := len(cells) - len(p.names)
	switch {
	case len(p.groups) == 1:
		p.give(cells, surplus, 0)
		return true
	case len(p.groups) != 2 || surplus > maxSurplus:
		return false
	}
	found := -1
	for share := range surplus + 1 {
		p.give(cells, share, surplus-share)
		if !p.sense() {
			continue
		}
		if found >= 0 {
			return false
		}
		found = share
	}
	if found >= 0 {
		p.give(cells, found, surplus-found)
	}
	return found >= 0
}

// give joins surplus cells into the first cell of each group.
func (p *parser) give(cells []span, shares ...int) {
	from := 0
	for i := range p.spans {
		p.spans[i] = cells[from]
		for g, share := range shares {
			if g < len(p.groups) && i == p.groups[g].first {
				from += share
				p.spans[i].to = cells[from].to
			}
		}
		from++
	}
}

// sense tells whether the line's kind, amount, fee and time are there and can be read.
func (p *parser) sense() bool {
	if !p.choose() || p.rule.Ignore != "" {
		return false
	}
	if _, _, fee := p.readable(); !fee {
		return false
	}
	p.hasAt = false
	return len(p.rule.time) == 0 || (p.readTime() && p.hasAt)
}

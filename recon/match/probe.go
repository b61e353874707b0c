package match

import (
	"math/bits"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// probe joins one partition in cache. What agrees on all sides one to one is counted and done with; every tag with
// anything else goes to the resolver, with all its entries.
type probe struct {
	sides  int
	unique bool // two equal records on every side are dirty too

	base  []entry.Entry // of side 0; At notes which other sides have the same
	slots []uint64      // tag's low half << 32 | index in base + 1; 0 = empty
	other []entry.Entry // spilled or gathered entries of another side
	dirty []uint64      // tags, some of them more than once
	set   tagSet        // the same tags
	out   []sided
	room  []sided // for what out is sorted into
	ends  []uint32
	sums  sums // of what agrees
}

// sided is an entry with its side.
type sided struct {
	entry.Entry
	side int
}

// run joins a partition and gives the entries of its dirty tags: those of each tag together, by side and place.
func (p *probe) run(s partitions, part int) ([]sided, error) {
	var err error
	if p.base, err = s.load(p.base[:0], 0, part); err != nil {
		return nil, err
	}
	p.dirty, p.out = p.dirty[:0], p.out[:0]
	p.fill()
	for side := 1; side < p.sides; side++ {
		if err := s.each(side, part, &p.other, func(entries []entry.Entry) { p.match(side, entries) }); err != nil {
			return nil, err
		}
	}
	p.settle()
	if len(p.dirty) == 0 {
		return nil, nil
	}
	p.set.fill(p.dirty)
	p.settleDirty()
	for side := 1; side < p.sides; side++ {
		if err := s.each(side, part, &p.other, func(entries []entry.Entry) { p.gather(side, entries) }); err != nil {
			return nil, err
		}
	}
	p.group()
	return p.out, nil
}

// partitions are the entries of all sides by the high bits of their tags.
type partitions interface {
	// load appends a partition's entries of one side.
	load(to []entry.Entry, side, part int) ([]entry.Entry, error)
	// each gives a partition's entries of one side piece by piece; room is for those that have to be read.
	each(side, part int, room *[]entry.Entry, do func([]entry.Entry)) error
}

// fill puts side 0 into the table.
func (p *probe) fill() {
	size := max(16, 1<<bits.Len(uint(2*len(p.base))))
	if len(p.slots) < size {
		p.slots = make([]uint64, size)
	}
	p.slots = p.slots[:size]
	clear(p.slots)
	mask := uint64(size - 1)
	for i := range p.base {
		tag := p.base[i].Tag
		at, copies := tag&mask, 0
		for p.slots[at] != 0 && copies < maxChain {
			if p.slots[at]>>32 == tag<<32>>32 && p.base[uint32(p.slots[at])-1].Tag == tag {
				copies++
			}
			at = (at + 1) & mask
		}
		if copies == maxChain || (p.unique && copies > 0) {
			p.dirty = append(p.dirty, tag)
		}
		if copies < maxChain {
			p.slots[at] = tag<<32 | uint64(i+1)
		}
	}
}

// maxChain is how many copies of one key the table takes: further ones would make every look at it longer. The resolver
// sorts them instead.
const maxChain = 16

// match notes in side 0 what another side has as well. What finds no partner is dirty.
func (p *probe) match(side int, entries []entry.Entry) {
	mask := uint64(len(p.slots) - 1)
	bit := side - 1
next:
	for i := range entries {
		e := &entries[i]
		for at := e.Tag & mask; p.slots[at] != 0; at = (at + 1) & mask {
			slot := p.slots[at]
			if slot>>32 != e.Tag<<32>>32 {
				continue
			}
			if b := &p.base[uint32(slot)-1]; b.Same(e) && !b.At.Noted(bit) {
				b.At = b.At.Note(bit)
				continue next
			}
		}
		p.dirty = append(p.dirty, e.Tag)
	}
}

// settle finds what side 0 has and another side lacks.
func (p *probe) settle() {
	all := uint8(1<<(p.sides-1) - 1)
	for i := range p.base {
		if p.base[i].At.Notes() != all {
			p.dirty = append(p.dirty, p.base[i].Tag)
		}
	}
	if len(p.dirty) == 0 {
		for i := range p.base {
			p.sums.count(&p.base[i])
		}
	}
}

// settleDirty counts what agrees, and gathers the dirty entries of side 0.
func (p *probe) settleDirty() {
	for i := range p.base {
		if p.set.has(p.base[i].Tag) {
			p.out = append(p.out, sided{p.base[i], 0})
		} else {
			p.sums.count(&p.base[i])
		}
	}
}

func (p *probe) gather(side int, entries []entry.Entry) {
	for i := range entries {
		if p.set.has(entries[i].Tag) {
			p.out = append(p.out, sided{entries[i], side})
		}
	}
}

// group sorts what is dirty: by as many low bits of the tags as make runs of a few entries, then each run.
func (p *probe) group() {
	n := len(p.out)
	width := uint(bits.Len(uint(n)))
	mask := uint64(1)<<width - 1
	p.ends = slices.Grow(p.ends[:0], 1<<width)[:1<<width]
	p.room = slices.Grow(p.room[:0], n)[:n]
	clear(p.ends)
	for i := range p.out {
		p.ends[p.out[i].Tag&mask]++
	}
	at := uint32(0)
	for i, count := range p.ends {
		p.ends[i] = at
		at += count
	}
	for i := range p.out {
		end := &p.ends[p.out[i].Tag&mask]
		p.room[*end] = p.out[i]
		*end++
	}
	p.out, p.room = p.room, p.out
	start := uint32(0)
	for _, end := range p.ends {
		switch run := p.out[start:end]; {
		case len(run) == 2: // as a rule
			if compareSided(run[0], run[1]) > 0 {
				run[0], run[1] = run[1], run[0]
			}
		case len(run) > 2:
			slices.SortFunc(run, compareSided)
		}
		start = end
	}
}

func compareSided(a, b sided) int {
	switch {
	case a.Tag != b.Tag:
		return order(a.Tag < b.Tag)
	case a.side != b.side:
		return order(a.side < b.side)
	case a.At.Place() != b.At.Place():
		return order(a.At.Place() < b.At.Place())
	}
	return 0
}

func order(less bool) int {
	if less {
		return -1
	}
	return 1
}

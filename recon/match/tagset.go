package match

import "math/bits"

// tagSet is a set of tags. It is filled at once, and used again for another one.
type tagSet struct {
	slots []uint64 // 0 = empty
	zero  bool     // the tag 0 is in it
}

// fill makes it the set of some tags.
func (s *tagSet) fill(tags []uint64) {
	size := 2 << bits.Len(uint(len(tags)))
	if cap(s.slots) < size {
		s.slots = make([]uint64, size)
	}
	s.slots, s.zero = s.slots[:size], false
	clear(s.slots)
	for _, tag := range tags {
		if tag == 0 {
			s.zero = true
			continue
		}
		s.slots[s.find(tag)] = tag
	}
}

// has tells whether a tag is in the set.
func (s *tagSet) has(tag uint64) bool {
	if tag == 0 {
		return s.zero
	}
	return s.slots[s.find(tag)] == tag
}

// find gives the slot of a tag, or the empty one that it would have.
func (s *tagSet) find(tag uint64) uint64 {
	mask := uint64(len(s.slots) - 1)
	at := tag & mask
	for s.slots[at] != 0 && s.slots[at] != tag {
		at = (at + 1) & mask
	}
	return at
}

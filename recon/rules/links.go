package rules

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

// linker is a rule that holds bookings of different keys against each other: those that have the same link. A booking plays
// one role in one link.
type linker struct {
	rule Rule
	// possible tells whether kinds that the sides have can come to anything.
	possible func(seen) bool
	// of gives a booking's link and role; role 0: the rule is not about it.
	of func(*row) (link string, role uint8)
	// whole tells whether these roles together can come to anything.
	whole func(roles uint8) bool
	// decide says what becomes of the bookings of one link, in the order of rows.
	decide func(link string, held []*held)
}

// held is a booking that is kept until all that name each other are there.
type held struct {
	seq    int64
	side   int
	record *recon.Record
	role   uint8
	decision
}

// decision is what a linker says. Without a fate it only says why not.
type decision struct {
	fate Fate
	rule Rule
	link string
	why  string
}

func (h *held) is(fate Fate, rule Rule, link string) {
	h.decision = decision{fate: fate, rule: rule, link: link}
}

func (h *held) isNot(rule Rule, link, why string) {
	h.decision = decision{rule: rule, link: link, why: why}
}

// linkers lists the rules that the configuration asks for and that can come to anything, in the order in which they come.
func (r *run) linkers() []linker {
	var all []linker
	if r.cfg.Reversals {
		all = append(all, reversals())
	}
	if r.cfg.Refunds {
		all = append(all, refunds())
	}
	if r.cfg.Split != nil {
		all = append(all, splits(r.cfg.Split))
	}
	if r.cfg.Settlement != nil {
		all = append(all, settlements(r.cfg.Settlement))
	}
	kinds := r.found.with(r.kinds)
	return slices.DeleteFunc(all, func(l linker) bool { return !l.possible(kinds) })
}

// link lets the linkers decide. A first pass notes, in a table of fixed size, which roles each link has; then each linker
// goes through the bookings whose link has all that it takes, as many at a time as may be held. What it decides is kept by
// the number of the row.
func (r *run) link() error {
	all := r.linkers()
	if len(all) == 0 {
		return nil
	}
	marks := make([]marks, len(all))
	if _, err := r.each(func(w *row) error {
		for i := range all {
			if link, role := all[i].of(w); role != 0 && link != "" {
				marks[i].add(hashOf(link), role)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for i := range all {
		if marks[i].any(all[i].whole) {
			if err := r.linkOne(&all[i], &marks[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// errTooMany ends a round that would hold too many bookings.
var errTooMany = errors.New("too many linked bookings")

// linkOne runs one linker, in as many rounds as its bookings take: each round is about a part of the links.
func (r *run) linkOne(l *linker, m *marks) error {
	for rounds := uint64(1); ; rounds *= 2 {
		err := r.rounds(l, m, rounds)
		if !errors.Is(err, errTooMany) {
			return err
		}
		if rounds >= maxRounds {
			return fmt.Errorf("rule %s: more than %d bookings name the same; try: a link that names fewer, or a larger max_linked", l.rule, r.cfg.MaxLinked)
		}
	}
}

// maxRounds bounds the passes of one linker.
const maxRounds = 1 << 12

func (r *run) rounds(l *linker, m *marks, rounds uint64) error {
	for round := range rounds {
		groups, n := map[string][]*held{}, 0
		_, err := r.each(func(w *row) error {
			link, role := l.of(w)
			if role == 0 || link == "" || r.decided[w.seq].fate != "" {
				return nil
			}
			if h := hashOf(link); h>>32%rounds != round || !l.whole(m.of(h)) {
				return nil
			}
			if n++; n > r.cfg.MaxLinked {
				return errTooMany
			}
			side, _ := w.side()
			groups[link] = append(groups[link], &held{seq: w.seq, side: side, record: w.records[side], role: role})
			return nil
		})
		if err != nil {
			return err
		}
		r.decide(l, groups)
	}
	return nil
}

// decide asks the linker about each group that has what it takes, and keeps what it says.
func (r *run) decide(l *linker, groups map[string][]*held) {
	for link, group := range groups {
		roles := uint8(0)
		for _, h := range group {
			roles |= h.role
		}
		if !l.whole(roles) {
			continue
		}
		l.decide(link, group)
		for _, h := range group {
			if h.decision != (decision{}) {
				r.decided[h.seq] = h.decision
			}
		}
	}
}

func hashOf(link string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(link)) // it never fails
	x := h.Sum64()
	x ^= x >> 33 // fnv's upper bits say little of the last bytes
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

// marks note which roles are seen under the hash of a link. Two links on one place only mean that bookings are held that
// need not be. A few take a map, many a table of 16 MiB.
type marks struct {
	few  map[uint64]uint8
	many []uint8
}

const (
	fewMarks  = 1 << 14
	manyMarks = 1 << 24
)

func (m *marks) add(h uint64, role uint8) {
	if m.many != nil {
		m.many[h%manyMarks] |= role
		return
	}
	if m.few == nil {
		m.few = map[uint64]uint8{}
	}
	m.few[h%manyMarks] |= role
	if len(m.few) > fewMarks {
		m.many = make([]uint8, manyMarks)
		for at, roles := range m.few {
			m.many[at] = roles
		}
		m.few = nil
	}
}

func (m *marks) of(h uint64) uint8 {
	if m.many != nil {
		return m.many[h%manyMarks]
	}
	return m.few[h%manyMarks]
}

// any tells whether some link has all that it takes.
func (m *marks) any(whole func(uint8) bool) bool {
	for _, roles := range m.few {
		if whole(roles) {
			return true
		}
	}
	for _, roles := range m.many {
		if whole(roles) {
			return true
		}
	}
	return false
}

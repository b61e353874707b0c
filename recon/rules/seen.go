package rules

import (
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// seen notes of which kinds each side has records: a bit a kind, by its place in recon.Kinds.
type seen [2]uint16

const everyKind = 1<<16 - 1

func kindBit(kind recon.Kind) uint16 { return 1 << (slices.Index(recon.Kinds(), kind) + 1) } // bit 0: no kind that is known

func (s *seen) add(side int, kind recon.Kind) { s[side] |= kindBit(kind) }

// found is what a reconciliation says that its differences have; of what it does not say everything is possible.
func found(breaks []match.BreakTotals) seen {
	if breaks == nil {
		return seen{everyKind, everyKind}
	}
	var s seen
	for _, b := range breaks {
		for side := range min(len(b.Sides), sides) {
			for _, total := range b.Sides[side].Rows() {
				s.add(side, total.Kind)
			}
		}
	}
	return s
}

func (s seen) with(o seen) seen { return seen{s[0] | o[0], s[1] | o[1]} }

// has tells whether a side has one of the kinds.
func (s seen) has(side int, kinds ...recon.Kind) bool {
	return slices.ContainsFunc(kinds, func(k recon.Kind) bool { return s[side]&kindBit(k) != 0 })
}

// other tells whether a side has any other kind.
func (s seen) other(side int, kind recon.Kind) bool { return s[side]&^kindBit(kind) != 0 }

package entry

import "github.com/seed-3356bd69/touchstone/recon"

// Entry stands for one record. It has no pointers: millions of them live outside the garbage-collected heap.
type Entry struct {
	Tag    uint64 // keyed hash of kind and key: groups records, and its high bits choose the partition
	Rest   uint64 // second half of that hash, plus the keyed hash of the compared fields that have no place of their own
	Amount int64  // minor units, never negative
	At     At
}

// Size is an entry's size in bytes.
const Size = 32

// Same tells whether two entries stand for records with the same key and the same compared fields: 128 bits of keyed
// hash, the amount, and kind, state and currency as they are.
func (e *Entry) Same(o *Entry) bool {
	return e.Tag == o.Tag && e.Rest == o.Rest && e.Amount == o.Amount && e.At.Label() == o.At.Label()
}

// At packs a record's place on its side (44 bits: a byte offset) with what a join notes about it (4 bits) and its Label.
type At uint64

const (
	labelBits = 16
	noteBits  = 4
	placeBits = 64 - labelBits - noteBits

	// MaxPlace is the largest place: 16 TiB.
	MaxPlace = 1<<placeBits - 1
)

// NewAt packs a place and a label.
func NewAt(place uint64, label Label) At { return At(place<<(labelBits+noteBits)) | At(label) }

// Place is the offset of the record's line on its side.
func (a At) Place() uint64 { return uint64(a >> (labelBits + noteBits)) }

// Label is the record's kind, state and currency.
func (a At) Label() Label { return Label(a) }

// Noted tells whether bit i (0 to 3) was noted.
func (a At) Noted(i int) bool { return a>>(labelBits+i)&1 != 0 }

// Note gives the same place with bit i noted.
func (a At) Note(i int) At { return a | 1<<(labelBits+i) }

// Notes gives all bits that were noted.
func (a At) Notes() uint8 { return uint8(a>>labelBits) & (1<<noteBits - 1) }

// Label is a record's kind (4 bits), state (4 bits) and currency (8 bits) as codes that never change.
type Label uint16

// NewLabel packs the three. A kind, state or currency that recon does not list has no label.
func NewLabel(k recon.Kind, s recon.Status, c recon.Currency) (Label, bool) {
	kind, state, currency := codeOf(recon.Kinds(), k), codeOf(recon.Statuses(), s), codeOf(recon.Currencies(), c)
	if kind == 0 || state == 0 || currency == 0 {
		return 0, false
	}
	return Label(kind<<12 | state<<8 | currency), true
}

func codeOf[T comparable](all []T, one T) int {
	for i := range all {
		if all[i] == one {
			return i + 1
		}
	}
	return 0
}

// Kind is the label's kind, or "" of the zero label.
func (l Label) Kind() recon.Kind { return nameOf(recon.Kinds(), int(l>>12)) }

// Status is the label's state, or "" of the zero label.
func (l Label) Status() recon.Status { return nameOf(recon.Statuses(), int(l>>8&15)) }

// Currency is the label's currency, or "" of the zero label.
func (l Label) Currency() recon.Currency { return nameOf(recon.Currencies(), int(l&255)) }

func nameOf[T any](all []T, code int) T {
	if code < 1 || code > len(all) {
		var none T
		return none
	}
	return all[code-1]
}

package digest

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Buckets is a set of buckets.
type Buckets [Count / 64]uint64

// Has tells whether a bucket is in the set.
func (b *Buckets) Has(bucket int) bool { return b[bucket>>6]>>(bucket&63)&1 != 0 }

// Put puts a bucket into the set.
func (b *Buckets) Put(bucket int) { b[bucket>>6] |= 1 << (bucket & 63) }

// Len is the number of buckets in the set.
func (b *Buckets) Len() int {
	n := 0
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

// All gives the buckets in their order.
func (b *Buckets) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range b {
			for ; word != 0; word &= word - 1 {
				if !yield(i<<6 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// Dirty gives the buckets in which not all of the digests agree. In all others the sides are proved equal, to the record
// and the cent. Digests of a side's parts must have been merged before: all must have the same span.
func Dirty(first Digest, others ...Digest) (*Buckets, error) {
	dirty := &Buckets{}
	for _, o := range others {
		switch {
		case first.Scheme() != o.Scheme():
			return nil, ErrScheme
		case first.Span() != o.Span():
			return nil, ErrSpan
		}
		differ(dirty, first, o)
	}
	return dirty, nil
}

func differ(dirty *Buckets, a, b Digest) {
	span := a.Span()
	for at := range span.Len {
		if a.hash(at) != b.hash(at) {
			dirty.Put(span.First + at)
		}
	}
	inA, inB := a.columns(), b.columns()
	for i, name := range inA {
		j := slices.Index(inB, name)
		for at := range span.Len {
			if a.cell(i, at) != cellOr(b, j, at) {
				dirty.Put(span.First + at)
			}
		}
	}
	for j, name := range inB {
		for at := range span.Len {
			if !slices.Contains(inA, name) && b.cell(j, at) != (cell{}) {
				dirty.Put(span.First + at)
			}
		}
	}
}

// cellOr is a cell of a column, or zero where the digest lacks the column.
func cellOr(d Digest, column, at int) cell {
	if column < 0 {
		return cell{}
	}
	return d.cell(column, at)
}

// sortTotals brings totals into the order of recon's kinds and currencies.
func sortTotals(all []Total) {
	code := func(t Total) entry.Label {
		l, _ := entry.NewLabel(t.Kind, recon.StatusSuccess, t.Currency)
		return l
	}
	slices.SortFunc(all, func(a, b Total) int { return cmp.Compare(code(a), code(b)) })
}

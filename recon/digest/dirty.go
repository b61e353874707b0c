package digest

import (
	"iter"
	"math/bits"
	"slices"
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
	inA, inB := a.columns(), b.columns()
	names := union(inA, inB)
	fromA, fromB := places(inA, names), places(inB, names)
	cellsA, cellsB := make([]cell, len(names)+1), make([]cell, len(names)+1) // the last stays zero
	span := a.Span()
	for at := range span.Len {
		differs := a.bucket(at, cellsA[:len(inA)]) != b.bucket(at, cellsB[:len(inB)])
		for i := range names {
			differs = differs || cellsA[fromA[i]] != cellsB[fromB[i]]
		}
		if differs {
			dirty.Put(span.First + at)
		}
	}
}

func union(a, b []Column) []Column {
	all := slices.Clone(a)
	for _, c := range b {
		if !slices.Contains(a, c) {
			all = append(all, c)
		}
	}
	return all
}

// places finds names among columns. What a digest lacks is in the place behind all names, where nothing is ever written.
func places(columns, names []Column) []int {
	at := make([]int, len(names))
	for i, c := range names {
		if at[i] = slices.Index(columns, c); at[i] < 0 {
			at[i] = len(names)
		}
	}
	return at
}

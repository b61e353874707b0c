package entry

import "math/bits"

// Product stands for a multiset of records: the product of their factors, in the field of the prime p = 2^127 - 1. Equal
// multisets have equal products in whatever order they come, and products of parts multiply to the product of the whole.
//
// It is the value of the polynomial (X + r1)(X + r2)… at a secret point, r being the strongly universal hash of a whole
// record. Two different multisets of at most n records, chosen by whoever does not see products, have different
// polynomials, unless two records collide (2^-127 a pair), and these have the same value at no more than n of the 2^127
// points (Schwartz 1980, Zippel 1979). So a product needs no pseudorandom function, as a sum would: it is proved.
type Product struct{ lo, hi uint64 }

// One is the product of no records.
func One() Product { return Product{lo: 1} }

// Times multiplies two products.
func (p Product) Times(o Product) Product {
	h00, l00 := bits.Mul64(p.lo, o.lo)
	h01, l01 := bits.Mul64(p.lo, o.hi)
	h10, l10 := bits.Mul64(p.hi, o.lo)
	h11, l11 := bits.Mul64(p.hi, o.hi)
	l01, carry := bits.Add64(l01, l10, 0)
	h01, _ = bits.Add64(h01, h10, carry) // both are below 2^63
	l11, carry = bits.Add64(l11, h01, 0)
	h11 += carry
	l01, carry = bits.Add64(l01, h00, 0)
	l11, carry = bits.Add64(l11, 0, carry)
	h11 += carry
	return productOf(sum{l00, l01, l11, h11})
}

func productOf(s sum) Product {
	lo, hi := s.modulo()
	return Product{lo, hi}
}

// Equal tells whether two products are the same number: 0 may be written as p.
func (p Product) Equal(o Product) bool { return p == o || (p.isZero() && o.isZero()) }

func (p Product) isZero() bool { return p == Product{} || p == Product{1<<64 - 1, 1<<63 - 1} }

// Factor is what a record multiplies a product by: all that Same looks at.
func (h *Hasher) Factor(e *Entry) Product {
	m := h.factors
	s := sum{s0: e.Tag, s1: e.Rest}
	var carry uint64
	s.s0, carry = bits.Add64(s.s0, m.constant.lo, 0) // the point
	s.s1, s.s2 = bits.Add64(s.s1, m.constant.hi, carry)
	s = s.plus(&m.head, uint64(e.Amount)<<labelBits|uint64(e.At.Label()))
	if high := uint64(e.Amount) >> (64 - labelBits); high != 0 {
		s = s.plus(&m.words[0], high)
	}
	return productOf(s)
}

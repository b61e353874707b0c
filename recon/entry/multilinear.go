package entry

import (
	"encoding/binary"
	"math/bits"
)

// multilinear is the strongly universal family of Carter and Wegman ("New hash functions and their use in authentication
// and set equality", 1981) over the field of the prime p = 2^127 - 1:
//
//	hash = c[0] + c[1]·head + c[2]·word[0] + c[3]·word[1] + …  mod p
//
// head is the text's length and kind, a word eight bytes of the text, the last one filled up with zeros. For any two texts
// that differ, the pair of their hashes is uniformly distributed over the choice of the coefficients.
type multilinear struct {
	constant, head coefficient
	words          [maxKey / 8]coefficient
	begun          [maxKinds][maxKey + 1]sum // hashes of heads, by kind and length
}

// coefficient is a number below p.
type coefficient struct{ lo, hi uint64 }

// maxKey is the length in bytes up to which a key is hashed as it is: order numbers have 10 to 64.
const maxKey = 128

// maxKinds bounds the codes of kinds: a label has four bits for them.
const maxKinds = 16

// longKey is a bit of the head that no kind has.
const longKey = 1 << 8

// newMultilinear draws the coefficients from a subkey. Those that are not below p are drawn again.
func newMultilinear(k subkey) *multilinear {
	m := &multilinear{}
	number := uint64(0)
	draw := func(c *coefficient) {
		for {
			number++
			c.lo, c.hi = k.hash(binary.LittleEndian.AppendUint64(nil, number))
			if c.hi &= 1<<63 - 1; c.hi != 1<<63-1 || c.lo != 1<<64-1 {
				return
			}
		}
	}
	draw(&m.constant)
	draw(&m.head)
	for i := range m.words {
		draw(&m.words[i])
	}
	for kind := range m.begun {
		for n := range m.begun[kind] {
			m.begun[kind][n] = m.begin(kind, n)
		}
	}
	return m
}

// begin hashes the head of a text.
func (m *multilinear) begin(kind, length int) sum {
	return sum{s0: m.constant.lo, s1: m.constant.hi}.plus(&m.head, uint64(length)<<32|uint64(kind))
}

// hash takes a text of at most maxKey bytes. odd has a byte's high bit set where the text has a control character or a byte
// beyond ASCII.
func (m *multilinear) hash(kind int, text []byte) (tag, rest, odd uint64) {
	var s sum
	if uint(kind) < maxKinds && len(text) <= maxKey {
		s = m.begun[kind][len(text)]
	} else {
		s = m.begin(kind, len(text))
	}
	at := uint(0)
	for ; len(text) >= 8; text = text[8:] {
		word := binary.LittleEndian.Uint64(text)
		odd |= (word - blanks) | word
		s = s.plus(&m.words[at%uint(len(m.words))], word)
		at++
	}
	if len(text) > 0 {
		word := lastWord(text)
		filled := word | blanks<<(8*len(text))
		odd |= (filled - blanks) | filled
		s = s.plus(&m.words[at%uint(len(m.words))], word)
	}
	lo, hi := s.modulo()
	return mix(lo), hi, odd & (blanks << 2)
}

// blanks are eight blanks: a byte below them is a control character, and borrows when they are taken off.
const blanks = 0x2020202020202020

// sum is a number of 256 bits, lowest first.
type sum struct{ s0, s1, s2, s3 uint64 }

func (s sum) plus(c *coefficient, word uint64) sum {
	h0, l0 := bits.Mul64(word, c.lo)
	h1, l1 := bits.Mul64(word, c.hi)
	l1, carry := bits.Add64(l1, h0, 0)
	h1 += carry
	s.s0, carry = bits.Add64(s.s0, l0, 0)
	s.s1, carry = bits.Add64(s.s1, l1, carry)
	s.s2, carry = bits.Add64(s.s2, h1, carry)
	s.s3 += carry
	return s
}

// modulo gives the number modulo p: 2^127 is 1, so that what stands above is added below. Zero may come as p.
func (s sum) modulo() (lo, hi uint64) {
	lo, carry := bits.Add64(s.s0, s.s2<<1|s.s1>>63, 0)
	hi, _ = bits.Add64(s.s1&(1<<63-1), s.s3<<1|s.s2>>63, carry) // s3 is a few carries
	lo, carry = bits.Add64(lo, hi>>63, 0)
	return lo, hi&(1<<63-1) + carry
}

// lastWord is a text of fewer than eight bytes as a word.
func lastWord(text []byte) (word uint64) {
	if cap(text) >= 8 {
		return binary.LittleEndian.Uint64(text[:8]) & (1<<(8*len(text)) - 1)
	}
	for i := len(text) - 1; i >= 0; i-- {
		word = word<<8 | uint64(text[i])
	}
	return word
}

// mix is a bijection: keys that follow one another in a pattern fall all over the partitions and their tables.
func mix(v uint64) uint64 {
	v = (v ^ v>>32) * 0xff51afd7ed558ccd
	return v ^ v>>32
}

//go:build !(goexperiment.simd && amd64)

package scan

import (
	"bytes"
	"encoding/binary"
)

// Build says how this binary looks for separators.
const Build = "plain"

// maskOf gives the bits of one byte's places. Each of the eight words says in the high bits of its bytes which are not c
// (the shorter form with a subtraction borrows into the byte above: it takes ",-" for two separators); stacked up, they are
// a matrix of 8 by 8 bits with a row for each byte of a word, which is turned once.
func maskOf(b *[wordBytes]byte, c byte) uint64 {
	s := ones * uint64(c)
	v := binary.LittleEndian.Uint64(b[0:]) ^ s
	m := ((v&low7 + low7) | v) & high >> 7
	v = binary.LittleEndian.Uint64(b[8:]) ^ s
	m |= ((v&low7 + low7) | v) & high >> 6
	v = binary.LittleEndian.Uint64(b[16:]) ^ s
	m |= ((v&low7 + low7) | v) & high >> 5
	v = binary.LittleEndian.Uint64(b[24:]) ^ s
	m |= ((v&low7 + low7) | v) & high >> 4
	v = binary.LittleEndian.Uint64(b[32:]) ^ s
	m |= ((v&low7 + low7) | v) & high >> 3
	v = binary.LittleEndian.Uint64(b[40:]) ^ s
	m |= ((v&low7 + low7) | v) & high >> 2
	v = binary.LittleEndian.Uint64(b[48:]) ^ s
	m |= ((v&low7 + low7) | v) & high >> 1
	v = binary.LittleEndian.Uint64(b[56:]) ^ s
	m |= ((v&low7 + low7) | v) & high
	return transpose(^m)
}

// cutLine finds the end of the line that stands at the front of b, and the separators in it: the positions of the first need
// (those up to the last cell that is used), and the number of all. The line ends at limit where no line end comes before.
// to has room for need and a word more.
func cutLine(to []uint32, b []byte, limit int, sep byte, need int) (n, found int) {
	if n = bytes.IndexByte(b[:limit], '\n'); n < 0 {
		n = limit
	}
	at := 0
	for ; at < n && found < need; at += wordBytes {
		var m uint64
		if len(b)-at >= wordBytes {
			m = maskOf((*[wordBytes]byte)(b[at:]), sep)
		} else {
			m = maskOfTail(b[at:], sep)
		}
		if n-at < wordBytes {
			m &= 1<<(n-at) - 1
		}
		found += spread(to[found:], m, uint32(at))
	}
	if at < n {
		found += bytes.Count(b[at:n], []byte{sep}) // vector code on most machines
	}
	return n, found
}

// leave has nothing to undo in this build.
func leave() {}

const (
	ones = 0x0101010101010101
	low7 = 0x7f7f7f7f7f7f7f7f
	high = 0x8080808080808080
)

// transpose turns a matrix of 8 by 8 bits (Hacker's Delight, 7-3).
func transpose(m uint64) uint64 {
	t := (m ^ m>>7) & 0x00aa00aa00aa00aa
	m ^= t ^ t<<7
	t = (m ^ m>>14) & 0x0000cccc0000cccc
	m ^= t ^ t<<14
	t = (m ^ m>>28) & 0x00000000f0f0f0f0
	return m ^ t ^ t<<28
}

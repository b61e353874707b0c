//go:build goexperiment.simd && amd64

package scan

import (
	"math/bits"
	"simd/archsimd"
)

// Build says how this binary looks for separators.
const Build = "simd"

// indexed tells whether all separators of a segment are found before its lines are read.
const indexed = true

// maskOf gives the bits of one byte's places, 32 bytes a comparison (AVX2).
func maskOf(b *[wordBytes]byte, c byte) uint64 {
	lo := archsimd.LoadUint8x32((*[32]uint8)(b[:32]))
	hi := archsimd.LoadUint8x32((*[32]uint8)(b[32:]))
	s := archsimd.BroadcastUint8x32(c)
	return uint64(lo.Equal(s).ToBits()) | uint64(hi.Equal(s).ToBits())<<32
}

// countRest counts the separators of b[at:n].
func countRest(b []byte, at, n int, sep byte) (found int) {
	for ; at < n; at += wordBytes {
		var m uint64
		if at+wordBytes <= len(b) {
			m = maskOf((*[wordBytes]byte)(b[at:]), sep)
		} else {
			m = maskOfTail(b[at:], sep)
		}
		if n-at < wordBytes {
			m &= 1<<(n-at) - 1
		}
		found += bits.OnesCount64(m)
	}
	return found
}

// leave makes ordinary code fast again: the standard library's own vector code stalls on registers whose upper halves are
// in use (counting the rest of a line took ten times as long).
func leave() { archsimd.ClearAVXUpperBits() }

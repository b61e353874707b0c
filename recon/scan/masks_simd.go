//go:build goexperiment.simd && amd64

package scan

import (
	"math/bits"
	"simd/archsimd"
)

// Build says how this binary looks for separators.
const Build = "simd"

// maskOf gives the bits of one byte's places, 32 bytes a comparison (AVX2).
func maskOf(b *[wordBytes]byte, c byte) uint64 {
	lo := archsimd.LoadUint8x32((*[32]uint8)(b[:32]))
	hi := archsimd.LoadUint8x32((*[32]uint8)(b[32:]))
	s := archsimd.BroadcastUint8x32(c)
	return uint64(lo.Equal(s).ToBits()) | uint64(hi.Equal(s).ToBits())<<32
}

// cutLine finds the end of the line that stands at the front of b, and the separators in it: the positions of the first need
// (those up to the last cell that is used), and the number of all. The line ends at limit where no line end comes before.
// to has room for need and a word more.
func cutLine(to []uint32, b []byte, limit int, sep byte, need int) (n, found int) {
	seps, ends := archsimd.BroadcastUint8x32(sep), archsimd.BroadcastUint8x32('\n')
	var tail [wordBytes]byte
	for ; n < limit; n += wordBytes {
		w := &tail
		if len(b)-n >= wordBytes {
			w = (*[wordBytes]byte)(b[n:])
		} else {
			clear(tail[copy(tail[:], b[n:]):])
		}
		lo, hi := archsimd.LoadUint8x32((*[32]uint8)(w[:32])), archsimd.LoadUint8x32((*[32]uint8)(w[32:]))
		end := uint64(lo.Equal(ends).ToBits()) | uint64(hi.Equal(ends).ToBits())<<32
		m := uint64(lo.Equal(seps).ToBits()) | uint64(hi.Equal(seps).ToBits())<<32
		stop := min(bits.TrailingZeros64(end), limit-n)
		if stop < wordBytes {
			m &= 1<<stop - 1
		}
		if found < need {
			found += spread(to[found:], m, uint32(n))
		} else {
			found += bits.OnesCount64(m)
		}
		if stop < wordBytes {
			n += stop
			break
		}
	}
	leave()
	return min(n, limit), found
}

// leave makes ordinary code fast again: the standard library's own vector code stalls on registers whose upper halves are
// in use (counting the rest of a line took ten times as long).
func leave() { archsimd.ClearAVXUpperBits() }

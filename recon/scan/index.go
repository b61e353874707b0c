package scan

import "math/bits"

// index finds the line ends and separators outside of quotes in a segment of a quoted file. One 64-bit word of each mask stands for 64 bytes.
//
//	bytes   a , b , c \n d , e , f \n
//	seps      ^   ^        ^   ^          sep = 1 3 7 9
//	ends            ^            ^        end = 5 11, upTo = 2 4
type index struct {
	sep  []uint32 // positions of separators
	end  []uint32 // positions of line ends
	upTo []uint32 // separators before each line end
}

// wordBytes is how many bytes one word of a mask stands for.
const wordBytes = 64

// build indexes a segment. Where it is not quoted, a quote is a byte like any other. A line's last byte may lack its '\n': see scanner.segment.
func (x *index) build(b []byte, sep byte, quoted bool) {
	x.reset(len(b))
	inside := uint64(0) // all ones while a quoted cell is open
	nsep, nend := 0, 0
	var tail [wordBytes]byte
	for at := 0; at < len(b); at += wordBytes {
		w, valid := &tail, ^uint64(0)
		if rest := b[at:]; len(rest) >= wordBytes {
			w = (*[wordBytes]byte)(rest)
		} else {
			valid = 1<<copy(tail[:], rest) - 1
		}
		q := uint64(0)
		if quoted {
			q = prefixXor(maskOf(w, '"')) ^ inside
			inside = uint64(int64(q) >> 63)
		}
		seps, ends := maskOf(w, sep)&^q&valid, maskOf(w, '\n')&^q&valid
		for m := ends; m != 0; m &= m - 1 {
			bit := lowest(m)
			x.end[nend] = uint32(at + bit)
			x.upTo[nend] = uint32(nsep + bits.OnesCount64(seps&(1<<bit-1)))
			nend++
		}
		nsep += spread(x.sep[nsep:nsep+wordBytes], seps, uint32(at))
	}
	leave()
	x.sep, x.end, x.upTo = x.sep[:nsep], x.end[:nend], x.upTo[:nend]
}

// reset makes room for the worst case: a segment of nothing but separators or line ends.
func (x *index) reset(n int) {
	if need := n + 2*wordBytes; cap(x.sep) < need {
		x.sep, x.end, x.upTo = make([]uint32, need), make([]uint32, need), make([]uint32, need)
	}
	x.sep, x.end, x.upTo = x.sep[:cap(x.sep)], x.end[:cap(x.end)], x.upTo[:cap(x.upTo)]
}

// prefixXor gives, for each bit, the parity of the bits up to and with it: between an opening quote and its closing one
// all bits are set.
func prefixXor(m uint64) uint64 {
	m ^= m << 1
	m ^= m << 2
	m ^= m << 4
	m ^= m << 8
	m ^= m << 16
	m ^= m << 32
	return m
}

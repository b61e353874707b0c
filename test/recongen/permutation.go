package recongen

import "math/bits"

// permutation is a keyed bijection of [0, n): a Feistel network over the next even power of two, walked until it lands
// inside. It needs no memory, and both directions cost the same, so the place of any row in a file can be computed.
type permutation struct {
	n    uint64
	half uint // bits of one half
	keys [4]uint64
}

func newPermutation(n, key uint64) permutation {
	p := permutation{n: n, half: max(1, uint(bits.Len64(max(n, 1)-1)+1)/2)}
	for i := range p.keys {
		p.keys[i] = mix(key + uint64(i)*0x9e3779b97f4a7c15)
	}
	return p
}

// at gives the image of i.
func (p *permutation) at(i uint64) uint64 {
	for {
		if i = p.forward(i); i < p.n {
			return i
		}
	}
}

// of gives the preimage of i: of(at(i)) == i.
func (p *permutation) of(i uint64) uint64 {
	for {
		if i = p.backward(i); i < p.n {
			return i
		}
	}
}

func (p *permutation) forward(i uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	left, right := i>>p.half, i&mask
	for _, key := range p.keys {
		left, right = right, left^mix(right^key)&mask
	}
	return left<<p.half | right
}

func (p *permutation) backward(i uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	left, right := i>>p.half, i&mask
	for k := len(p.keys) - 1; k >= 0; k-- {
		left, right = right^mix(left^p.keys[k])&mask, left
	}
	return left<<p.half | right
}

// mix is the finaliser of SplitMix64: every bit of the input changes half of the output.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

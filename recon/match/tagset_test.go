package match

import (
	"math/rand/v2"
	"testing"
)

func TestTagSetHasWhatItWasFilledWith(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var s tagSet
	for _, n := range []int{0, 1, 1000, 10, 3} { // memory of a larger set is used again
		tags, want := []uint64{}, map[uint64]bool{}
		for range n {
			tag := rng.Uint64N(4*uint64(n)) << rng.IntN(60) // 0, collisions, and some tags twice
			tags, want[tag] = append(tags, tag), true
		}
		s.fill(tags)
		for range 10_000 {
			tag := rng.Uint64N(4*uint64(n)+4) << rng.IntN(60)
			if s.has(tag) != want[tag] {
				t.Fatalf("%d tags: %#x is in it: %v", n, tag, !want[tag])
			}
		}
		for tag := range want {
			if !s.has(tag) {
				t.Fatalf("%d tags: %#x is lost", n, tag)
			}
		}
	}
}

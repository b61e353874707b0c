package recongen

import "testing"

func TestPermutationVisitsEachPlaceOnceAndBack(t *testing.T) {
	for n := uint64(1); n < 300; n++ {
		p := newPermutation(n, n*77)
		seen := make([]bool, n)
		for i := range n {
			at := p.at(i)
			if at >= n || seen[at] {
				t.Fatalf("n %d: %d goes to %d, which is outside or taken", n, i, at)
			}
			seen[at] = true
			if back := p.of(at); back != i {
				t.Fatalf("n %d: %d goes to %d and comes back as %d", n, i, at, back)
			}
		}
	}
}

func TestPermutationsOfTwoKeysDiffer(t *testing.T) {
	a, b, fixed, same := newPermutation(1_000_000, 1), newPermutation(1_000_000, 2), 0, 0
	for i := range uint64(10_000) {
		if a.at(i) == i {
			fixed++
		}
		if a.at(i) == b.at(i) {
			same++
		}
	}
	if fixed > 10 || same > 10 {
		t.Errorf("of 10000 places %d stay and %d agree under two keys", fixed, same)
	}
}

package entry

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// prime is 2^127 - 1.
var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 127), big.NewInt(1))

func (p Product) big() *big.Int {
	n := new(big.Int).Lsh(new(big.Int).SetUint64(p.hi), 64)
	return n.Mod(n.Or(n, new(big.Int).SetUint64(p.lo)), prime)
}

func TestProductsAreThoseOfTheField(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	ends := []uint64{0, 1, 2, 1<<63 - 2, 1<<63 - 1, 1<<64 - 2, 1<<64 - 1}
	word := func() uint64 {
		if rng.IntN(2) == 0 {
			return ends[rng.IntN(len(ends))]
		}
		return rng.Uint64()
	}
	for range 100_000 {
		a, b := Product{word(), word() >> 1}, Product{word(), word() >> 1}
		got, want := a.Times(b), new(big.Int).Mul(a.big(), b.big())
		if got.big().Cmp(want.Mod(want, prime)) != 0 || got.hi>>63 != 0 {
			t.Fatalf("%x times %x: got %x, want %x", a, b, got, want)
		}
		if a.Equal(b) != (a.big().Cmp(b.big()) == 0) {
			t.Fatalf("%x and %x: equal %v", a, b, a.Equal(b))
		}
	}
}

func TestProductsTellMultisetsApart(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	h := NewHasher(NewSecret())
	label, _ := NewLabel("payment", "success", "CNY")
	other, _ := NewLabel("payment", "failed", "CNY")
	all := make([]Entry, 300)
	for i := range all {
		all[i] = Entry{Tag: rng.Uint64(), Rest: rng.Uint64(), Amount: rng.Int64(), At: NewAt(uint64(i), label)}
	}
	product := func(entries ...Entry) Product {
		p := One()
		for i := range entries {
			p = p.Times(h.Factor(&entries[i]))
		}
		return p
	}
	changed := func(change func(e []Entry) []Entry) []Entry { return change(append([]Entry(nil), all...)) }
	want := product(all...)
	if got := product(changed(func(e []Entry) []Entry {
		rng.Shuffle(len(e), func(i, j int) { e[i], e[j] = e[j], e[i] })
		e[0].At = NewAt(77_777, label)
		return e
	})...); !got.Equal(want) {
		t.Error("order and place make another product")
	}
	if got := product(all[:100]...).Times(product(all[100:]...)); !got.Equal(want) {
		t.Error("parts multiply to something else")
	}
	for name, entries := range map[string][]Entry{
		"one is missing":      all[1:],
		"one comes twice":     changed(func(e []Entry) []Entry { return append(e, e[5]) }),
		"another copy":        changed(func(e []Entry) []Entry { e[3] = e[4]; return e }),
		"a cent":              changed(func(e []Entry) []Entry { e[7].Amount ^= 1; return e }),
		"a cent moves":        changed(func(e []Entry) []Entry { e[7].Amount--; e[8].Amount++; return e }),
		"amounts change side": changed(func(e []Entry) []Entry { e[7].Amount, e[8].Amount = e[8].Amount, e[7].Amount; return e }),
		"a large amount":      changed(func(e []Entry) []Entry { e[7].Amount ^= 1 << 62; return e }),
		"another state":       changed(func(e []Entry) []Entry { e[9].At = NewAt(9, other); return e }),
		"another key":         changed(func(e []Entry) []Entry { e[9].Tag++; return e }),
		"keys that add up":    changed(func(e []Entry) []Entry { e[9].Tag++; e[10].Tag--; return e }),
		"another field":       changed(func(e []Entry) []Entry { e[9].Rest ^= 1 << 63; return e }),
	} {
		if product(entries...).Equal(want) {
			t.Errorf("%s: the same product", name)
		}
	}
}

package entry_test

import (
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/dchest/siphash"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// slowKey computes the hash of a key from its definition, with big numbers.
func slowKey(secret entry.Secret, kind int, id []byte) (tag, rest uint64) {
	k0, k1 := binary.LittleEndian.Uint64(secret[:8]), binary.LittleEndian.Uint64(secret[8:])
	s0, s1 := siphash.Hash128(k0, k1, []byte("keys"))
	head := uint64(len(id))<<32 | uint64(kind)
	if len(id) > 128 {
		l0, l1 := siphash.Hash128(k0, k1, []byte("long keys"))
		lo, hi := siphash.Hash128(l0, l1, id)
		id = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, lo), hi)
		head = uint64(len(id))<<32 | uint64(kind) | 1<<8
	}
	words := []uint64{1, head}
	for padded := append(id[:len(id):len(id)], make([]byte, 7)...); len(padded) >= 8; padded = padded[8:] {
		words = append(words, binary.LittleEndian.Uint64(padded))
	}
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 127), big.NewInt(1))
	sum := new(big.Int)
	for i, word := range words {
		lo, hi := siphash.Hash128(s0, s1, binary.LittleEndian.AppendUint64(nil, uint64(i+1)))
		c := new(big.Int).SetUint64(hi << 1 >> 1)
		c.Lsh(c, 64).Or(c, new(big.Int).SetUint64(lo))
		sum.Add(sum, c.Mul(c, new(big.Int).SetUint64(word)))
	}
	sum.Mod(sum, p)
	tag, rest = new(big.Int).And(sum, new(big.Int).SetUint64(1<<64-1)).Uint64(), new(big.Int).Rsh(sum, 64).Uint64()
	tag = (tag ^ tag>>32) * 0xff51afd7ed558ccd
	return tag ^ tag>>32, rest
}

func TestKeyIsItsDefinition(t *testing.T) {
	secret := entry.NewSecret()
	h := entry.NewHasher(secret)
	for n := range 200 {
		id := make([]byte, n)
		for i := range id {
			id[i] = byte(rand.Uint32())
		}
		for kind := range 16 {
			tag, rest := h.Key(kind, id)
			if wantTag, wantRest := slowKey(secret, kind, id); tag != wantTag || rest != wantRest {
				t.Fatalf("secret %x, kind %d, id %x: %x %x, by definition %x %x", secret, kind, id, tag, rest, wantTag, wantRest)
			}
		}
	}
}

// Keys that look alike to a careless hash: zeros at the end, another length, another kind, a regular step.
func TestAlikeKeysHaveDifferentHashes(t *testing.T) {
	h := entry.NewHasher(entry.NewSecret())
	seen := map[[2]uint64]string{}
	note := func(kind int, id []byte) {
		tag, rest := h.Key(kind, id)
		key := [2]uint64{tag, rest}
		if old, there := seen[key]; there && old != string(rune(kind))+string(id) {
			t.Fatalf("%q and %q hash alike", old, string(id))
		}
		seen[key] = string(rune(kind)) + string(id)
	}
	for kind := 1; kind < 16; kind++ {
		for n := range 300 {
			note(kind, make([]byte, n))
		}
	}
	buckets := make([]int, 4096)
	for i := range 400_000 {
		id := []byte("ORDER20261127000000000000")
		for at, v := len(id)-1, i*16; v > 0; at, v = at-1, v/10 {
			id[at] = byte('0' + v%10)
		}
		note(1, id)
		tag, _ := h.Key(1, id)
		buckets[tag>>52]++
	}
	for i, n := range buckets {
		if n < 30 || n > 200 { // 98 on average: 7 and 10 standard deviations
			t.Errorf("%d of 400000 consecutive keys fall into partition %d of 4096", n, i)
		}
	}
}

func BenchmarkKey(b *testing.B) {
	h := entry.NewHasher(entry.NewSecret())
	id := []byte("P20261123661255188269")
	for b.Loop() {
		h.Key(1, id)
	}
}

package lru

import "hash/maphash"

// Name stands for a text as a key: two hashes of it, under seeds that nobody outside knows. Of a million texts no two
// share theirs.
type Name [2]uint64

// Namer makes the names of one process.
type Namer struct{ first, second maphash.Seed }

// NewNamer draws the seeds.
func NewNamer() Namer { return Namer{maphash.MakeSeed(), maphash.MakeSeed()} }

// Of gives the name of a text.
func (n Namer) Of(text string) Name {
	return Name{maphash.String(n.first, text), maphash.String(n.second, text)}
}

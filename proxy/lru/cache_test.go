package lru

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestWhatWasUsedLongestAgoGoesFirst(t *testing.T) {
	c := New[string, int](2)
	c.Put("a", 1)
	c.Put("b", 2)
	if v, ok := c.Get("a"); !ok || v != 1 {
		t.Fatalf("a = %d, %v", v, ok)
	}
	key, value, evicted := c.Put("c", 3)
	if !evicted || key != "b" || value != 2 {
		t.Fatalf("evicted %q %d %v, want b", key, value, evicted)
	}
	if _, ok := c.Get("b"); ok || c.Len() != 2 {
		t.Fatalf("b is still there, or %d entries", c.Len())
	}
	if _, _, evicted = c.Put("a", 9); evicted {
		t.Fatal("replacing a value evicted another")
	}
	c.Remove("a")
	if oldest, _, _ := c.Oldest(); oldest != "c" || c.Len() != 1 {
		t.Fatalf("oldest is %q of %d", oldest, c.Len())
	}
}

// TestAgainstAListInOrder holds a cache against one that is too simple to be wrong.
func TestAgainstAListInOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	const bound = 7
	c := New[int, int](bound)
	var keys, values []int // used last first
	for step := range 20_000 {
		key, value := chance.IntN(12), step
		at := slices.Index(keys, key)
		switch chance.IntN(4) {
		case 0:
			v, ok := c.Get(key)
			if ok != (at >= 0) || ok && v != values[at] {
				t.Fatalf("step %d: get %d gave %d, %v", step, key, v, ok)
			}
			if !ok {
				continue
			}
			value = v
		case 1:
			c.Remove(key)
			if at >= 0 {
				keys, values = slices.Delete(keys, at, at+1), slices.Delete(values, at, at+1)
			}
			continue
		default:
			gone, old, evicted := c.Put(key, value)
			if full := at < 0 && len(keys) == bound; evicted != full || full && (gone != keys[bound-1] || old != values[bound-1]) {
				t.Fatalf("step %d: %d %d %v had to go", step, gone, old, evicted)
			} else if full {
				keys, values = keys[:bound-1], values[:bound-1]
			}
		}
		if at >= 0 {
			keys, values = slices.Delete(keys, at, at+1), slices.Delete(values, at, at+1)
		}
		keys, values = slices.Insert(keys, 0, key), slices.Insert(values, 0, value)
		if oldest, _, ok := c.Oldest(); !ok || oldest != keys[len(keys)-1] || c.Len() != len(keys) {
			t.Fatalf("step %d: oldest %d of %d, want %v", step, oldest, c.Len(), keys)
		}
	}
}

func TestNamesDiffer(t *testing.T) {
	n := NewNamer()
	seen := map[Name]string{}
	for i := range 100_000 {
		text := fmt.Sprint("order-", i)
		name := n.Of(text)
		if other, twice := seen[name]; twice || name != n.Of(text) {
			t.Fatalf("%s and %s share a name, or one has two", text, other)
		}
		seen[name] = text
	}
}

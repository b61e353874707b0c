package lru

import "testing"

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

package lru

import "container/list"

// Cache holds at most its bound of entries. It is not safe for concurrent use.
type Cache[K comparable, V any] struct {
	bound   int
	order   *list.List // front = used last
	entries map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New gives a cache of at most bound entries; a bound below one counts as one.
func New[K comparable, V any](bound int) *Cache[K, V] {
	return &Cache[K, V]{bound: max(bound, 1), order: list.New(), entries: map[K]*list.Element{}}
}

// Get gives a value and marks it as used.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	e, ok := c.entries[key]
	if !ok {
		var none V
		return none, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*entry[K, V]).value, true
}

// Put sets a value and marks it as used; it gives the entry that had to go, if one had to.
func (c *Cache[K, V]) Put(key K, value V) (goneKey K, gone V, evicted bool) {
	if e, ok := c.entries[key]; ok {
		e.Value.(*entry[K, V]).value = value
		c.order.MoveToFront(e)
		return goneKey, gone, false
	}
	c.entries[key] = c.order.PushFront(&entry[K, V]{key, value})
	if c.order.Len() <= c.bound {
		return goneKey, gone, false
	}
	key, value, _ = c.Oldest()
	c.Remove(key)
	return key, value, true
}

// Oldest gives the entry that was used longest ago.
func (c *Cache[K, V]) Oldest() (key K, value V, ok bool) {
	e := c.order.Back()
	if e == nil {
		return key, value, false
	}
	last := e.Value.(*entry[K, V])
	return last.key, last.value, true
}

// Remove forgets an entry.
func (c *Cache[K, V]) Remove(key K) {
	if e, ok := c.entries[key]; ok {
		c.order.Remove(e)
		delete(c.entries, key)
	}
}

// Len gives the number of entries.
func (c *Cache[K, V]) Len() int { return c.order.Len() }

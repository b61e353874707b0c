package lru

// Cache holds at most its bound of entries. It is not safe for concurrent use.
//
// Entries lie in a few slices and are linked by their places in them. With keys and values without pointers, as Name is one,
// the garbage collector has nothing to look at, however many there are.
type Cache[K comparable, V any] struct {
	bound int
	at    map[K]int32
	nodes [][]node[K, V] // the first is of no entry: it stands before the one used last and behind the one used longest ago
	used  int32          // places that were used once
	free  int32          // first of those that are not used now; 0 = none
}

type node[K comparable, V any] struct {
	key        K
	value      V
	prev, next int32
}

const slab = 1 << 12 // places made at a time: one slice would have to be copied when it grows

// New gives a cache of at most bound entries; a bound below one counts as one.
func New[K comparable, V any](bound int) *Cache[K, V] {
	return &Cache[K, V]{bound: max(bound, 1), at: map[K]int32{}, nodes: [][]node[K, V]{make([]node[K, V], 1)}, used: 1}
}

// Get gives a value and marks it as used.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	i, ok := c.at[key]
	if !ok {
		var none V
		return none, false
	}
	c.use(i)
	return c.node(i).value, true
}

// Put sets a value and marks it as used; it gives the entry that had to go, if one had to.
func (c *Cache[K, V]) Put(key K, value V) (goneKey K, gone V, evicted bool) {
	if i, ok := c.at[key]; ok {
		c.node(i).value = value
		c.use(i)
		return goneKey, gone, false
	}
	if len(c.at) >= c.bound {
		goneKey, gone, evicted = c.Oldest()
		c.Remove(goneKey)
	}
	i := c.place()
	c.node(i).key, c.node(i).value = key, value
	c.link(i)
	c.at[key] = i
	return goneKey, gone, evicted
}

// Oldest gives the entry that was used longest ago.
func (c *Cache[K, V]) Oldest() (key K, value V, ok bool) {
	i := c.node(0).prev
	return c.node(i).key, c.node(i).value, i > 0
}

// Remove forgets an entry.
func (c *Cache[K, V]) Remove(key K) {
	i, ok := c.at[key]
	if !ok {
		return
	}
	delete(c.at, key)
	c.unlink(i)
	*c.node(i) = node[K, V]{next: c.free}
	c.free = i
}

// Len gives the number of entries.
func (c *Cache[K, V]) Len() int { return len(c.at) }

func (c *Cache[K, V]) node(i int32) *node[K, V] { return &c.nodes[i/slab][i%slab] }

// place gives a place that is not used.
func (c *Cache[K, V]) place() int32 {
	i := c.free
	if i == 0 {
		i = c.used
		c.used++
		if last := len(c.nodes) - 1; int(i)/slab > last {
			c.nodes = append(c.nodes, nil)
		}
		at := int(i) / slab
		c.nodes[at] = append(c.nodes[at], node[K, V]{})
		return i
	}
	c.free = c.node(i).next
	return i
}

func (c *Cache[K, V]) use(i int32) {
	if c.node(0).next != i {
		c.unlink(i)
		c.link(i)
	}
}

func (c *Cache[K, V]) link(i int32) {
	first := c.node(0).next
	c.node(i).prev, c.node(i).next = 0, first
	c.node(first).prev, c.node(0).next = i, i
}

func (c *Cache[K, V]) unlink(i int32) {
	prev, next := c.node(i).prev, c.node(i).next
	c.node(prev).next, c.node(next).prev = next, prev
}

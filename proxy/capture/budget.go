package capture

import (
	"sync"
	"sync/atomic"
)

// Budget bounds the bytes that all captures hold together. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
	rooms sync.Pool // of *room
}

// NewBudget takes the bound in bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// Used gives the bytes held now.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) take(n int64) bool {
	if b.used.Add(n) <= b.limit {
		return true
	}
	b.used.Add(-n)
	return false
}

func (b *Budget) give(n int64) { b.used.Add(-n) }

// room is memory for one body, which bodies use one after the other.
type room struct{ bytes []byte }

const keptRoom = 16 << 10 // bytes of a room that is worth keeping

func (b *Budget) room() *room {
	r, ok := b.rooms.Get().(*room)
	if !ok {
		r = &room{}
	}
	return r
}

// grew remembers where a body lies now.
func (r *room) grew(bytes []byte) {
	if cap(bytes) <= keptRoom {
		r.bytes = bytes[:0]
	}
}

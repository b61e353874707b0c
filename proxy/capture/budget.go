package capture

import "sync/atomic"

// Budget bounds the bytes that all captures hold together. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
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

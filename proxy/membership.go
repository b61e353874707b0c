package proxy

import (
	"sync"

	"github.com/seed-3356bd69/touchstone/proxy/lru"
)

// Members is a Membership in memory. What does not fit is forgotten, and is then not born gray.
type Members struct {
	mu     sync.Mutex
	orders *lru.Cache[string, struct{}]
}

// NewMembers gives a membership of at most bound orders.
func NewMembers(bound int) *Members {
	return &Members{orders: lru.New[string, struct{}](bound)}
}

// Add remembers an order.
func (m *Members) Add(member, _ string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders.Put(member, struct{}{})
}

// Has tells whether the order was born gray and is remembered.
func (m *Members) Has(order string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.orders.Get(order)
	return ok
}

// Remove forgets an order.
func (m *Members) Remove(order string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders.Remove(order)
}

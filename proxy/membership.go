package proxy

import (
	"sync"

	"github.com/seed-3356bd69/touchstone/proxy/lru"
)

// Members is a Membership in memory. What does not fit is forgotten, and is then not born gray.
type Members struct {
	mu     sync.Mutex
	names  lru.Namer
	orders *lru.Cache[lru.Name, Creation]
}

// NewMembers gives a membership of at most bound orders.
func NewMembers(bound int) *Members {
	return &Members{names: lru.NewNamer(), orders: lru.New[lru.Name, Creation](bound)}
}

// Add remembers an order.
func (m *Members) Add(member, _ string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name := m.names.Of(member)
	if _, known := m.orders.Get(name); !known {
		m.orders.Put(name, CreationOpen)
	}
}

// Has tells whether the order was born gray and is remembered.
func (m *Members) Has(member string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.orders.Get(m.names.Of(member))
	return ok
}

// Remove forgets an order.
func (m *Members) Remove(member string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.orders.Remove(m.names.Of(member))
}

// Created remembers the end of an order's creation. A failed one stays so.
func (m *Members) Created(member string, how Creation) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if before, known := m.orders.Get(m.names.Of(member)); known && how > before {
		m.orders.Put(m.names.Of(member), how)
	}
}

// Creation gives the end of an order's creation.
func (m *Members) Creation(member string) Creation {
	m.mu.Lock()
	defer m.mu.Unlock()
	how, _ := m.orders.Get(m.names.Of(member))
	return how
}

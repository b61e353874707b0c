package proxy

import (
	"sync"

	"github.com/seed-3356bd69/touchstone/proxy/lru"
)

// taints remembers since when an order cannot be compared any more. Its bound is kept on the safe side: an order whose
// taint must be forgotten loses its membership, so its later requests are excluded instead of compared.
type taints struct {
	mu      sync.Mutex
	since   *lru.Cache[string, uint64] // member name of the order to the sequence number of the sample that tainted it
	members Membership
}

func newTaints(bound int, members Membership) *taints {
	return &taints{since: lru.New[string, uint64](bound), members: members}
}

// add taints everything of the order after the sample of this sequence number.
func (t *taints) add(order string, seq uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.since.Get(order); ok && known <= seq {
		return
	}
	if gone, _, evicted := t.since.Put(order, seq); evicted {
		t.members.Remove(gone)
	}
}

// covers tells whether something earlier about the order went wrong.
func (t *taints) covers(order string, seq uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	since, ok := t.since.Get(order)
	return ok && since < seq
}

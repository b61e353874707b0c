package response

import (
	"sync"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// aliases is the learned one-to-one mapping of generated ids, per order and alias name. The first sight binds; a later
// sight that does not fit is a difference. Bounded: the order that came first goes first, and would be learned again.
type aliases struct {
	maxOrders, maxBindings int

	mu     sync.Mutex
	orders map[string]*mapping
	queue  []string // ring of orders by arrival
	next   int
}

type mapping struct {
	toShadow, toPrimary map[aliasValue]string
}

type aliasValue struct{ name, value string }

func newAliases(maxOrders, maxBindings int) *aliases {
	return &aliases{maxOrders: maxOrders, maxBindings: maxBindings, orders: map[string]*mapping{}}
}

// fit says how a pair of ids stands to the mapping.
type fit int

const (
	known    fit = iota // bound to each other already
	learned             // bound now
	conflict            // one of them is bound to another
	full                // not bound, and there is no room
)

// bind gives the fit, and in a conflict what the shadow should have shown ("" when the shadow's id belongs to another).
func (a *aliases) bind(order, name, primary, shadowed string) (f fit, expected string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.mapping(order)
	p, s := aliasValue{name, primary}, aliasValue{name, shadowed}
	boundShadow, hasShadow := m.toShadow[p]
	boundPrimary, hasPrimary := m.toPrimary[s]
	switch {
	case hasShadow && hasPrimary && boundShadow == shadowed && boundPrimary == primary:
		return known, ""
	case hasShadow || hasPrimary:
		return conflict, boundShadow
	case len(m.toShadow) >= a.maxBindings:
		return full, ""
	}
	m.toShadow[p], m.toPrimary[s] = shadowed, primary
	return learned, ""
}

func (a *aliases) mapping(order string) *mapping {
	if m := a.orders[order]; m != nil {
		return m
	}
	m := &mapping{toShadow: map[aliasValue]string{}, toPrimary: map[aliasValue]string{}}
	a.orders[order] = m
	if len(a.queue) < a.maxOrders {
		a.queue = append(a.queue, order)
		return m
	}
	delete(a.orders, a.queue[a.next])
	a.queue[a.next] = order
	a.next = (a.next + 1) % a.maxOrders
	return m
}

func bindingOf(name, primary, shadowed string) shadow.Binding {
	return shadow.Binding{Column: name, Primary: primary, Shadow: shadowed}
}

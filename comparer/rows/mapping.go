package rows

import "github.com/seed-3356bd69/touchstone/shadow"

// mapping is the one-to-one mapping of an order's generated ids, per alias name. What was bound stays bound.
type mapping struct {
	bound   [2]map[aliasValue]string // of each side's id the other's
	learned []shadow.Binding
}

type aliasValue struct{ name, value string }

// newMapping starts from what the answers taught; of two that contradict each other the first counts.
func newMapping(known []shadow.Binding) *mapping {
	m := &mapping{}
	for _, b := range known {
		m.bind(b.Column, b.Primary, b.Shadow)
	}
	m.learned = nil
	return m
}

// other gives the id that the other side has for this one.
func (m *mapping) other(side int, name, value string) (string, bool) {
	v, ok := m.bound[side][aliasValue{name, value}]
	return v, ok
}

// fits tells whether two ids are bound to each other, or both to nothing yet.
func (m *mapping) fits(name, primary, shadowed string) bool {
	s, hasShadow := m.other(atPrimary, name, primary)
	_, hasPrimary := m.other(atShadow, name, shadowed)
	if !hasShadow && !hasPrimary {
		return true
	}
	return hasShadow && s == shadowed
}

// bind binds two ids and tells whether they fit.
func (m *mapping) bind(name, primary, shadowed string) bool {
	if !m.fits(name, primary, shadowed) {
		return false
	}
	if _, ok := m.other(atPrimary, name, primary); ok {
		return true
	}
	for i := range m.bound {
		if m.bound[i] == nil {
			m.bound[i] = map[aliasValue]string{}
		}
	}
	m.bound[atPrimary][aliasValue{name, primary}] = shadowed
	m.bound[atShadow][aliasValue{name, shadowed}] = primary
	m.learned = append(m.learned, shadow.Binding{Column: name, Primary: primary, Shadow: shadowed})
	return true
}

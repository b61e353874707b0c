package plugins

import (
	"fmt"
	"maps"
	"sync/atomic"
)

// MappingKey names what a mapping is for: one merchant account's statements of one adapter.
type MappingKey struct {
	Adapter string
	Account string // "" is for every account that has none of its own
}

// Mappings are the settings of adapters (how fields map, where to fetch), cached for any number of readers. They are
// swapped whole: a reader sees all of one version, and nobody a mixture.
type Mappings struct {
	load    func() (map[MappingKey]Settings, error)
	current atomic.Pointer[map[MappingKey]Settings]
}

// NewMappings loads the first version.
func NewMappings(load func() (map[MappingKey]Settings, error)) (*Mappings, error) {
	m := &Mappings{load: load}
	return m, m.Reload()
}

// Reload loads the next version. When that fails, the version before stays in force.
func (m *Mappings) Reload() error {
	next, err := m.load()
	if err != nil {
		return fmt.Errorf("load mappings: %w", err)
	}
	held := make(map[MappingKey]Settings, len(next))
	for key, settings := range next {
		held[key] = maps.Clone(settings)
	}
	m.current.Store(&held)
	return nil
}

// Settings gives the settings for an account, a copy of the caller's own.
func (m *Mappings) Settings(adapter, account string) (Settings, bool) {
	all := *m.current.Load()
	s, ok := all[MappingKey{adapter, account}]
	if !ok {
		s, ok = all[MappingKey{Adapter: adapter}]
	}
	return maps.Clone(s), ok
}

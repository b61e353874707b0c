package adapters

import (
	"fmt"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins"
)

// readMappings reads the file of settings; without one there are none.
func readMappings(path string, adapters []string) (map[plugins.MappingKey]plugins.Settings, error) {
	if path == "" {
		return nil, nil
	}
	list, err := config.LoadMappings(path, adapters)
	if err != nil {
		return nil, fmt.Errorf("read settings of adapters: %w", err)
	}
	out := map[plugins.MappingKey]plugins.Settings{}
	for _, m := range list {
		out[plugins.MappingKey{Adapter: m.Adapter, Account: m.Account}] = m.Settings
	}
	return out, nil
}

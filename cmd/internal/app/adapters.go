package app

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/adapters"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins"
)

// openAdapters makes the adapters of a comparer: those of its folder, and that of its channel where it stands elsewhere.
func openAdapters(cfg *config.Comparer, log *slog.Logger, reg prometheus.Registerer) (*adapters.Set, error) {
	more := []plugins.HostConfig{}
	if s := cfg.Sides; s != nil && s.Channel != nil && s.Channel.Adapter != "" {
		host := plugins.HostConfig{Name: s.Channel.Name, Path: string(s.Channel.Adapter), SHA256: s.Channel.SHA256}
		if s.Channel.Fetch != nil {
			host.Secrets = config.Texts(s.Channel.Fetch.Secrets)
		}
		more = append(more, host)
	}
	return adapters.New(adapters.Config{Adapters: cfg.Adapters, More: more, Logger: log, Metrics: adapters.NewMetrics(reg)})
}

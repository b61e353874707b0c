package adapters

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// Metrics counts what adapters do, and reloads of their settings.
type Metrics struct {
	adapters *plugins.Metrics
	reloads  *prometheus.CounterVec
}

// The outcomes of a reload.
const (
	outcomeTaken   = "taken"
	outcomeRefused = "refused"
)

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		adapters: plugins.NewMetrics(reg),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_adapter_reloads_total", Help: "Reloads of the adapters' settings and profiles, by outcome.",
		}, []string{"outcome"}),
	}
	reg.MustRegister(m.reloads)
	for _, outcome := range []string{outcomeTaken, outcomeRefused} {
		m.reloads.WithLabelValues(outcome)
	}
	return m
}

package plugins

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what all adapters of a host process do. The adapter label is the configured name.
type Metrics struct {
	records  *prometheus.CounterVec
	rejects  *prometheus.CounterVec
	failures *prometheus.CounterVec
}

// NewMetrics registers the adapter metrics; it panics when reg already has them, as MustRegister does.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_adapter_records_total", Help: "Records of statements that were decoded whole.",
		}, []string{"adapter"}),
		rejects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_adapter_rejects_total", Help: "Rejected lines of statements that were decoded whole.",
		}, []string{"adapter"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_adapter_failures_total", Help: "Calls of adapters that failed, by call.",
		}, []string{"adapter", "op"}),
	}
	reg.MustRegister(m.records, m.rejects, m.failures)
	return m
}

func (m *Metrics) decoded(adapter string, records, rejects int64) {
	m.records.WithLabelValues(adapter).Add(float64(records))
	m.rejects.WithLabelValues(adapter).Add(float64(rejects))
}

func (m *Metrics) failed(adapter string, op Op) {
	m.failures.WithLabelValues(adapter, string(op)).Inc()
}

package retention

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what left the store. A nil Metrics counts nothing.
type Metrics struct {
	rows     *prometheus.CounterVec
	failures prometheus.Counter
	archive  prometheus.Gauge
}

// NewMetrics registers the metrics; once for a registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		rows:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_recon_retired_rows_total", Help: "Rows that left the store for the archive, by table."}, []string{"table"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_recon_retention_failures_total", Help: "Runs of retention that ended early."}),
		archive:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_recon_archive_bytes", Help: "Size of the archive's files, as of the last run of retention."}),
	}
	for _, t := range Tables() {
		m.rows.WithLabelValues(string(t))
	}
	reg.MustRegister(m.rows, m.failures, m.archive)
	return m
}

func (m *Metrics) gone(t Table, n int64) {
	if m != nil {
		m.rows.WithLabelValues(string(t)).Add(float64(n))
	}
}

func (m *Metrics) failed() {
	if m != nil {
		m.failures.Inc()
	}
}

// Weigh sets the size of the archive.
func (m *Metrics) Weigh(bytes int64) {
	if m != nil {
		m.archive.Set(float64(bytes))
	}
}

package rows

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what comparers of one process saw. Their one label is a table of the policy.
type Metrics struct {
	compared   *prometheus.CounterVec
	mismatched *prometheus.CounterVec
	rechecked  prometheus.Counter
}

// NewMetrics registers the metrics; once for a registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		compared:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_rows_compared_total", Help: "Rows compared between primary and shadow; a joined pair counts once."}, []string{"table"}),
		mismatched: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_rows_mismatched_total", Help: "Rows that still differed at the last look."}, []string{"table"}),
		rechecked:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_rows_rechecked_total", Help: "Orders read again because their rows differed."}),
	}
	reg.MustRegister(m.compared, m.mismatched, m.rechecked)
	return m
}

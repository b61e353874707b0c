package casework

import "github.com/prometheus/client_golang/prometheus"

// Metrics count decisions. A nil Metrics counts nothing.
type Metrics struct {
	decisions *prometheus.CounterVec
	repairs   *prometheus.CounterVec
	unaudited prometheus.Counter
}

// NewMetrics registers the metrics; once for a registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_case_decisions_total", Help: "What people did to cases, by whether it took place."}, []string{"action", "outcome"}),
		repairs:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_repairs_total", Help: "Repairs that reached a state."}, []string{"kind", "state"}),
		unaudited: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_case_unaudited_total", Help: "Decisions that were refused because the audit log did not take them."}),
	}
	reg.MustRegister(m.decisions, m.repairs, m.unaudited)
	return m
}

func (m *Metrics) decided(do Action, outcome string) {
	if m != nil {
		m.decisions.WithLabelValues(string(do), outcome).Inc()
	}
}

func (m *Metrics) repaired(kind RepairKind, state RepairState) {
	if m != nil {
		m.repairs.WithLabelValues(string(kind), string(state)).Inc()
	}
}

func (m *Metrics) refused() {
	if m != nil {
		m.unaudited.Inc()
	}
}

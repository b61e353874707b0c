package rules

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what became of differences. A nil Metrics counts nothing.
type Metrics struct {
	outcomes *prometheus.CounterVec
	refused  prometheus.Counter
}

// NewMetrics registers the metrics; once for a registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_rules_outcomes_total", Help: "Differences and carried-in bookings, by what became of them and the rule that decided."}, []string{"fate", "rule"}),
		refused:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_rules_tolerance_refused_total", Help: "Rows small enough for a tolerance that its cap or its end refused."}),
	}
	reg.MustRegister(m.outcomes, m.refused)
	return m
}

func (m *Metrics) done(out *Out) {
	if m == nil {
		return
	}
	for i := range out.Fates {
		m.outcomes.WithLabelValues(string(out.Fates[i].Fate), string(out.Fates[i].Rule)).Add(float64(out.Fates[i].Count))
	}
	for _, c := range out.Caps {
		m.refused.Add(float64(c.Refused + c.Expired))
	}
}

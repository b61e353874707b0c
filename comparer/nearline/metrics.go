package nearline

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what near-line comparison found. A nil Metrics counts nothing.
type Metrics struct {
	windows *prometheus.CounterVec
	unread  prometheus.Counter
}

// NewMetrics registers the metrics; once for a registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		windows: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_nearline_windows_total", Help: "Windows of near-line comparison, by what they come to; compared again counts again."}, []string{"outcome"}),
		unread:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_nearline_unread_total", Help: "Rows of the books whose values the evidence does not have: their windows cannot agree."}),
	}
	for _, o := range []Outcome{Agree, Differ, Money, Inconclusive} {
		m.windows.WithLabelValues(string(o))
	}
	reg.MustRegister(m.windows, m.unread)
	return m
}

func (m *Metrics) reported(o Outcome) {
	if m != nil {
		m.windows.WithLabelValues(string(o)).Inc()
	}
}

func (m *Metrics) missed() {
	if m != nil {
		m.unread.Inc()
	}
}

package ledger

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what reading databases took. A nil Metrics counts nothing.
type Metrics struct {
	rows   prometheus.Counter
	waits  prometheus.Counter
	checks *prometheus.CounterVec
}

// NewMetrics registers the metrics; once for a registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		rows:   prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_ledger_rows_total", Help: "Rows read from databases for reconciliation."}),
		waits:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_ledger_waits_seconds_total", Help: "Time that reading waited because a server was busy or a replica behind."}),
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_ledger_rechecked_total", Help: "Keys read again because their rows differed, by what was found."}, []string{"found"}),
	}
	reg.MustRegister(m.rows, m.waits, m.checks)
	return m
}

func (m *Metrics) read(rows int64) {
	if m != nil {
		m.rows.Add(float64(rows))
	}
}

func (m *Metrics) waited(d time.Duration) {
	if m != nil {
		m.waits.Add(d.Seconds())
	}
}

func (m *Metrics) rechecked(equal, differ int) {
	if m != nil {
		m.checks.WithLabelValues("equal").Add(float64(equal))
		m.checks.WithLabelValues("differ").Add(float64(differ))
	}
}

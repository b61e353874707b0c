package audit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what one process wrote. A nil Metrics counts nothing.
type Metrics struct {
	entries  prometheus.Counter
	failures *prometheus.CounterVec
	seconds  prometheus.Histogram
	size     prometheus.Gauge
	waiting  prometheus.Gauge
}

// NewMetrics registers the metrics; once for a registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		entries:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_audit_entries_total", Help: "Audit entries that a checkpoint covers."}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_audit_failures_total", Help: "Entries that could not be acknowledged, by where it failed; what they were for was not done."}, []string{"where"}),
		seconds:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: "touchstone_audit_append_seconds", Help: "From handing over entries to the checkpoint that covers them.", Buckets: []float64{.01, .025, .05, .1, .15, .2, .3, .5, 1, 5}}),
		size:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_audit_size", Help: "Entries of the log, as its latest checkpoint says."}),
		waiting:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_audit_outbox_waiting", Help: "Outbox rows seen at the last look that the log did not have."}),
	}
	for _, w := range []string{atLog, atWitness} {
		m.failures.WithLabelValues(w)
	}
	reg.MustRegister(m.entries, m.failures, m.seconds, m.size, m.waiting)
	return m
}

// Where an append can fail.
const (
	atLog     = "log"
	atWitness = "witness"
)

func (m *Metrics) appended(n int, size uint64, took time.Duration) {
	if m != nil {
		m.entries.Add(float64(n))
		m.size.Set(float64(size))
		m.seconds.Observe(took.Seconds())
	}
}

func (m *Metrics) failed(n int, where string) {
	if m != nil {
		m.failures.WithLabelValues(where).Add(float64(n))
	}
}

func (m *Metrics) outbox(n int) {
	if m != nil {
		m.waiting.Set(float64(n))
	}
}

package plugins

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what all adapters of a host process do. The adapter label is the configured name.
type Metrics struct {
	records  *prometheus.CounterVec
	rejects  *prometheus.CounterVec
	failures *prometheus.CounterVec
	starts   *prometheus.CounterVec
	up       *prometheus.GaugeVec
	seconds  *prometheus.HistogramVec
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
		starts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_adapter_starts_total", Help: "Processes that a keeper started; more than one is a restart.",
		}, []string{"adapter"}),
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "touchstone_adapter_up", Help: "1 while a kept adapter's process runs.",
		}, []string{"adapter"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "touchstone_adapter_call_seconds", Help: "Duration of calls of adapters, by call.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 12),
		}, []string{"adapter", "op"}),
	}
	reg.MustRegister(m.records, m.rejects, m.failures, m.starts, m.up, m.seconds)
	return m
}

func (m *Metrics) started(adapter string) {
	m.starts.WithLabelValues(adapter).Inc()
	m.up.WithLabelValues(adapter).Set(1)
}

func (m *Metrics) stopped(adapter string) { m.up.WithLabelValues(adapter).Set(0) }

// timed starts a clock; the function it gives stops it.
func (m *Metrics) timed(adapter string, op Op) func() {
	begin := time.Now()
	return func() { m.seconds.WithLabelValues(adapter, string(op)).Observe(time.Since(begin).Seconds()) }
}

func (m *Metrics) decoded(adapter string, records, rejects int64) {
	m.records.WithLabelValues(adapter).Add(float64(records))
	m.rejects.WithLabelValues(adapter).Add(float64(rejects))
}

func (m *Metrics) failed(adapter string, op Op) {
	m.failures.WithLabelValues(adapter, string(op)).Inc()
}

package window

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what windows of one process saw. A nil Metrics counts nothing.
type Metrics struct {
	events  *prometheus.CounterVec
	results *prometheus.CounterVec
	seconds prometheus.Histogram
	tables  prometheus.Gauge
}

// NewMetrics registers the metrics; once for a registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		events:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_window_events_total", Help: "Records that came to the windows of near-line comparison, by what became of them."}, []string{"side", "fate"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_window_results_total", Help: "Windows compared, by what was found; a window that something came late to counts again."}, []string{"outcome", "late"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "touchstone_window_result_seconds", Help: "From the moment a window could close to its result.", Buckets: []float64{.001, .0025, .005, .01, .02, .045, .1, .25, 1, 5, 30}}),
		tables:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_window_tables", Help: "Digest tables in memory, each of one side and one shard of a window or a day."}),
	}
	for side := range sides {
		for _, f := range fates() {
			m.events.WithLabelValues(side.String(), string(f))
		}
	}
	reg.MustRegister(m.events, m.results, m.seconds, m.tables)
	return m
}

func (m *Metrics) fed(s Side, f fate) {
	if m != nil && s >= 0 && s < sides {
		m.events.WithLabelValues(s.String(), string(f)).Inc()
	}
}

func (m *Metrics) told(r Result, s State) {
	if m == nil {
		return
	}
	outcome, late := "agree", "no"
	switch {
	case r.Money():
		outcome = "money"
	case !r.Equal():
		outcome = "differ"
	}
	if r.Late {
		late = "yes"
	}
	m.results.WithLabelValues(outcome, late).Inc()
	m.seconds.Observe(r.Latency.Seconds())
	m.tables.Set(float64(s.Tables))
}

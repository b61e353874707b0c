package xds

import "github.com/prometheus/client_golang/prometheus"

// metrics are the server's.
type metrics struct {
	subscribers *prometheus.GaugeVec
	streams     prometheus.Gauge
	epoch       prometheus.Gauge
	fenced      prometheus.Gauge
	published   *prometheus.CounterVec
	nacks       *prometheus.CounterVec
	settled     *prometheus.HistogramVec
	stale       prometheus.Counter
	strangers   prometheus.Counter
	unfenced    prometheus.Counter
	unkept      prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &metrics{
		subscribers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "touchstone_control_plane_subscribers", Help: "Named subscribers, by how far they have followed what is in force.",
		}, []string{"state"}),
		streams: gauge("touchstone_control_plane_streams", "Streams of named subscribers."),
		epoch:   gauge("touchstone_control_plane_epoch", "Epoch of the policy in force."),
		fenced:  gauge("touchstone_control_plane_fenced_epoch", "Epoch of the last rollback that all guards have confirmed."),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_control_plane_published_total", Help: "Policies put into force, by what they change.",
		}, []string{"change"}),
		nacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_control_plane_nacks_total", Help: "Refusals of a policy in force, by what it changed.",
		}, []string{"change"}),
		settled: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "touchstone_control_plane_settled_seconds", Help: "From the publication of a policy until every subscriber has acknowledged it or is fenced.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"change"}),
		stale:     counter("touchstone_control_plane_stale_answers_total", "Answers of subscribers to something else than what they were sent last."),
		strangers: counter("touchstone_control_plane_strangers_total", "Streams of proxies that are not named, or come with another certificate."),
		unfenced:  counter("touchstone_control_plane_fence_failures_total", "Attempts after which not all guards had confirmed a rollback."),
		unkept:    counter("touchstone_control_plane_unkept_total", "Policies in force that could not be written to disk."),
	}
	for _, c := range changes() {
		m.published.WithLabelValues(string(c))
		m.nacks.WithLabelValues(string(c))
	}
	reg.MustRegister(m.subscribers, m.streams, m.epoch, m.fenced, m.published, m.nacks, m.settled, m.stale, m.strangers, m.unfenced, m.unkept)
	return m
}

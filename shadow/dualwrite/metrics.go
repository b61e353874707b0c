package dualwrite

import "github.com/prometheus/client_golang/prometheus"

// metrics are a port's numbers of write sets; port is a constant label.
type metrics struct {
	observed     prometheus.Counter
	unknown      prometheus.Counter
	unclassified prometheus.Counter
	panics       prometheus.Counter
	unjournaled  prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, port string) *metrics {
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"port": port}, reg)
	m := &metrics{
		observed:     counter("touchstone_dualwrite_observed_total", "Write sets of tagged transactions."),
		unknown:      counter("touchstone_dualwrite_unknown_total", "Write sets whose transaction's end is not known."),
		unclassified: counter("touchstone_mysql_unclassified_total", "Tagged statements that could not be read."),
		panics:       counter("touchstone_dualwrite_panics_total", "Panics of the observer or the recorder that were contained."),
	}
	m.unjournaled = counter("touchstone_dualwrite_unjournaled_total", "Entries the journal could not take; the primary went on.")
	reg.MustRegister(m.observed, m.unknown, m.unclassified, m.panics, m.unjournaled)
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

package journal

import "github.com/prometheus/client_golang/prometheus"

type metrics struct{ errors *prometheus.CounterVec }

// The kinds of errors.
const (
	errorFull  = "full"
	errorWrite = "write"
	errorRead  = "read"
)

func newMetrics(reg prometheus.Registerer, j *Journal) *metrics {
	name := j.cfg.Name
	if name == "" {
		name = "dual-write"
	}
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"journal": name}, reg)
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "touchstone_journal_errors_total", Help: "Entries the journal could not take or read, by kind."}, []string{"kind"})}
	for _, k := range []string{errorFull, errorWrite, errorRead} {
		m.errors.WithLabelValues(k)
	}
	reg.MustRegister(m.errors,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "touchstone_journal_bytes", Help: "Size of the journal on disk."}, j.size),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "touchstone_journal_pending", Help: "Entries that are not done."}, j.pending))
	return m
}

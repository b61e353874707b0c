package rowlog

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	tagged, foreign, other, reconnects prometheus.Counter
	lag                                prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	transactions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "touchstone_rowlog_transactions_total", Help: "Transactions of the primary's log, by what they are: tagged, foreign writes of gray orders, other."}, []string{"kind"})
	m := &metrics{
		tagged: transactions.WithLabelValues("tagged"), foreign: transactions.WithLabelValues("foreign"), other: transactions.WithLabelValues("other"),
		reconnects: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_rowlog_reconnects_total", Help: "Connections to the primary's log that ended and were made again."}),
		lag:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_rowlog_lag_seconds", Help: "Age of the transaction read last, when it was read; full seconds."}),
	}
	reg.MustRegister(transactions, m.reconnects, m.lag)
	return m
}

package wire

import "github.com/prometheus/client_golang/prometheus"

// metrics are the port's numbers; port is a constant label.
type metrics struct {
	connections prometheus.Gauge
	rejected    *prometheus.CounterVec
	broken      prometheus.Counter
	panics      prometheus.Counter
	unknown     prometheus.Counter
	routed      prometheus.Counter
}

// The reasons of rejected connections.
const (
	rejectLimit    = "limit"
	rejectUpstream = "upstream"
)

func newMetrics(reg prometheus.Registerer, port string) *metrics {
	reg = prometheus.WrapRegistererWith(prometheus.Labels{"port": port}, reg)
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_mysql_connections", Help: "Open client connections."}),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_mysql_rejected_total", Help: "Connections turned away, by reason."}, []string{"reason"}),
		broken:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_mysql_broken_total", Help: "Connections ended by a violation of the protocol."}),
		panics:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_mysql_panics_total", Help: "Panics of the watching code that were contained."}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_mysql_unknown_commands_total", Help: "Commands the relay does not know."}),
	}
	m.routed = prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_mysql_routed_total", Help: "Commands answered by the second server."})
	for _, reason := range []string{rejectLimit, rejectUpstream} {
		m.rejected.WithLabelValues(reason)
	}
	reg.MustRegister(m.connections, m.rejected, m.broken, m.panics, m.unknown, m.routed)
	return m
}

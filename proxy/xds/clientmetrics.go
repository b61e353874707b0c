package xds

import (
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/backoff"
)

// clientMetrics are a subscribing sidecar's.
type clientMetrics struct {
	connected, epoch       prometheus.Gauge
	taken, refused, unkept prometheus.Counter
}

func newClientMetrics(reg prometheus.Registerer) *clientMetrics {
	m := &clientMetrics{
		connected: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_policy_connected", Help: "1 while the sidecar follows a control plane."}),
		epoch:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_policy_epoch", Help: "Epoch of the policy in force at the sidecar."}),
		taken:     prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_policy_taken_total", Help: "Policies that the sidecar put into force."}),
		refused:   prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_policy_refused_total", Help: "Policies that the sidecar refused."}),
		unkept:    prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_policy_unkept_total", Help: "Policies in force that could not be written to disk."}),
	}
	reg.MustRegister(m.connected, m.epoch, m.taken, m.refused, m.unkept)
	return m
}

// clientBackoff keeps a connection from being tried for longer and longer: a control plane that is back is followed
// within seconds.
func clientBackoff() backoff.Config {
	return backoff.Config{BaseDelay: retryFirst, Multiplier: 1.6, Jitter: 0.2, MaxDelay: retryMost}
}

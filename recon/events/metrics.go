package events

import "github.com/prometheus/client_golang/prometheus"

// Further outcomes of callbacks, of which nothing was kept.
const (
	Forged      Outcome = "forged"      // no signature of the channel
	Unread      Outcome = "unread"      // genuine, and no event that the adapter knows
	Unavailable Outcome = "unavailable" // adapter or store could not: the sender tries again
	Refused     Outcome = "refused"     // too large, too many, or of an account that nobody listens for
)

// Metrics count callbacks. A nil Metrics counts nothing.
type Metrics struct{ callbacks *prometheus.CounterVec }

// NewMetrics registers the metrics for the channels of a configuration; once for a registry.
func NewMetrics(reg prometheus.Registerer, channels []string) *Metrics {
	m := &Metrics{callbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "touchstone_recon_events_total", Help: "Callbacks of channels, by what came of them.",
	}, []string{"channel", "outcome"})}
	for _, channel := range channels {
		for _, o := range append(Outcomes(), Forged, Unread, Unavailable, Refused) {
			m.callbacks.WithLabelValues(channel, string(o))
		}
	}
	reg.MustRegister(m.callbacks)
	return m
}

// Unclaimed is the channel of callbacks that nobody listens for.
const Unclaimed = "none"

// Count counts one callback; channel is one of the configuration's, or Unclaimed.
func (m *Metrics) Count(channel string, o Outcome) {
	if m != nil {
		m.callbacks.WithLabelValues(channel, string(o)).Inc()
	}
}

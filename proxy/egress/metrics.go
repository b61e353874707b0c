package egress

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Reasons of refusals: labels of touchstone_egress_refused_total, and what a refused caller reads.
const (
	reasonShadowOnPrimary = "shadow-on-primary" // a shadow tag on the port that forwards
	reasonPrimaryOnShadow = "primary-on-shadow"
	reasonBadTag          = "bad-tag"      // none, several, forged or expired
	reasonFenced          = "fenced"       // of an epoch before the rollback
	reasonExtra           = "extra"        // the stable run made no such call
	reasonDiffers         = "differs"      // the request is not the recorded one
	reasonGone            = "gone"         // the recordings had to go, or the verdict is out
	reasonAway            = "away"         // the shared recordings are out of reach
	reasonUnfinished      = "unfinished"   // the stable call has not ended
	reasonTruncated       = "truncated"    // a body is longer than the capture limit
	reasonBrokenBody      = "broken-body"  // the candidate's request ended early
	reasonUnsafe          = "unsafe-route" // the last check before the channel: must stay zero
)

// Fates of calls that shadow.CallFate does not name.
const fateUntagged = "untagged"

type metrics struct {
	calls   *prometheus.CounterVec
	refused *prometheus.CounterVec
	gone    prometheus.Counter
	lost    prometheus.Counter
	waiting prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) *metrics {
	f := promauto.With(registry)
	return &metrics{
		calls: f.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_egress_calls_total",
			Help: "Outgoing channel calls, by side and by what the guard did with them."}, []string{"side", "fate"}),
		refused: f.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_egress_refused_total",
			Help: "Outgoing channel calls that were refused, by reason."}, []string{"reason"}),
		gone: f.NewCounter(prometheus.CounterOpts{Name: "touchstone_egress_evicted_total",
			Help: "Samples whose recordings had to go before they were taken."}),
		lost: f.NewCounter(prometheus.CounterOpts{Name: "touchstone_egress_unshared_total",
			Help: "Recordings that the shared store did not take in time; their samples are inconclusive."}),
		waiting: f.NewGauge(prometheus.GaugeOpts{Name: "touchstone_egress_unshared",
			Help: "Recordings on their way to the shared store."}),
	}
}

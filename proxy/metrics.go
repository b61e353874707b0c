package proxy

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Values of the label "tagged".
const (
	taggedYes = "yes"
	taggedNo  = "no"
	noKey     = "no-key" // a route of the policy, but the request carries no order key
)

type metrics struct {
	requests    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	samples     *prometheus.CounterVec
	mirror      prometheus.Histogram
	queueLength prometheus.Gauge
	panics      *prometheus.CounterVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	f := promauto.With(registry)
	return &metrics{
		requests: f.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_http_requests_total",
			Help: "Requests forwarded to the stable release, by route and by whether they were tagged."}, []string{"route", "tagged"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{Name: "touchstone_http_request_seconds",
			Help: "Time from a request's head to the end of the stable answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}, []string{"route"}),
		samples: f.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_samples_total",
			Help: "Sampled requests that were closed, by outcome and cause."}, []string{"outcome", "cause"}),
		mirror: f.NewHistogram(prometheus.HistogramOpts{Name: "touchstone_mirror_seconds",
			Help: "Time of one shadow run.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 15)}),
		queueLength: f.NewGauge(prometheus.GaugeOpts{Name: "touchstone_mirror_queue_length",
			Help: "Sampled requests that wait for their shadow run."}),
		panics: f.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_panics_total",
			Help: "Panics of shadow-side code that were recovered."}, []string{"where"}),
	}
}

// causeLabel keeps the label's values a closed set, whatever a comparer says.
func causeLabel(cause string) string {
	known := []string{"", shadow.CauseInternal, shadow.CauseGuard, shadow.CauseOrder, shadow.CauseTimeout, shadow.CauseTainted, shadow.CauseTruncated,
		shadow.CauseClientGone, shadow.CauseStableFailed, shadow.ReasonQueueFull, shadow.ReasonUnreachable, shadow.ReasonShutdown,
		shadow.ReasonRollback, shadow.ReasonBodyTooLarge, shadow.RuleNotBornGray, shadow.RuleRoute, shadow.RuleNotRepeatable}
	if slices.Contains(known, cause) {
		return cause
	}
	return "other"
}

package proxy

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Values of the label "tagged".
const (
	taggedYes = "yes"
	taggedNo  = "no"

	taggedServed = "served" // by the candidate

	noKey = "no-key" // a route of the policy, but the request carries no order key
)

type metrics struct {
	requests    *prometheus.CounterVec
	seconds     *prometheus.HistogramVec
	samples     *prometheus.CounterVec
	mirror      prometheus.Histogram
	queueLength prometheus.Gauge
	panics      *prometheus.CounterVec

	copiesRefused *prometheus.CounterVec
	notices       *prometheus.CounterVec

	matched prometheus.Counter // of samples; the others are found by their labels
	other   routeMetrics       // of requests that no route names
}

// routeMetrics is what is counted for each request of a route: its labels are looked up once.
type routeMetrics [4]atomic.Pointer[passedMetrics]

type passedMetrics struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// passed counts a request and the time of its stable answer.
func (m *metrics) passed(route *Route, tagged string, took time.Duration) {
	name, known := routeOther, &m.other
	if route != nil {
		name, known = route.Name, route.counted
	}
	at := &known[slices.Index([]string{taggedYes, taggedNo, taggedServed, noKey}, tagged)]
	p := at.Load()
	if p == nil {
		p = &passedMetrics{m.requests.WithLabelValues(name, tagged), m.seconds.WithLabelValues(name)}
		at.Store(p)
	}
	p.requests.Inc()
	p.seconds.Observe(took.Seconds())
}

// closed counts a sample that has its verdict.
func (m *metrics) closed(v shadow.Verdict) {
	if v.Outcome == shadow.Match {
		m.matched.Inc()
		return
	}
	m.samples.WithLabelValues(string(v.Outcome), causeLabel(v.Cause)).Inc()
}

func newMetrics(registry prometheus.Registerer) *metrics {
	f := promauto.With(registry)
	m := &metrics{
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
	m.notices = f.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_callback_copies_total",
		Help: "Copies of callbacks for reconciliation, by what became of them."}, []string{"outcome"})
	for _, outcome := range []string{noticeSent, noticeRefused, noticeLost} {
		m.notices.WithLabelValues(outcome)
	}
	m.copiesRefused = f.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_copies_refused_total",
		Help: "Copies of other proxies that were turned away."}, []string{"reason"})
	m.matched = m.samples.WithLabelValues(string(shadow.Match), "")
	return m
}

// causeLabel keeps the label's values a closed set, whatever a comparer says.
func causeLabel(cause string) string {
	known := []string{"", shadow.CauseInternal, shadow.CauseGuard, shadow.CauseOrder, shadow.CauseTimeout, shadow.CauseTainted, shadow.CauseTruncated,
		shadow.CauseClientGone, shadow.CauseStableFailed, shadow.ReasonQueueFull, shadow.ReasonUnreachable, shadow.ReasonShutdown,
		shadow.ReasonRollback, shadow.ReasonBodyTooLarge, shadow.RuleNotBornGray, shadow.RuleRoute, shadow.RuleNotRepeatable, shadow.RuleUnpaired, shadow.CauseServed}
	if slices.Contains(known, cause) {
		return cause
	}
	return "other"
}

package bus

import "github.com/prometheus/client_golang/prometheus"

// Reasons of a lost event: a closed set.
const (
	lostBufferFull  = "buffer-full"
	lostRefused     = "refused"   // the bus refused it, and took a later one
	lostTooLarge    = "too-large" // even without bodies
	lostUnencodable = "unencodable"
	lostShutdown    = "shutdown"
	lostSpool       = "spool" // full, or a part of it that cannot be read any more
)

type publisherMetrics struct {
	published prometheus.Counter
	lost      *prometheus.CounterVec
	retries   prometheus.Counter
}

func newPublisherMetrics(r prometheus.Registerer, pending func() float64) publisherMetrics {
	m := publisherMetrics{
		published: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_bus_published_total", Help: "Events the bus acknowledged."}),
		lost:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_bus_lost_total", Help: "Events that could not be delivered, by reason."}, []string{"reason"}),
		retries:   prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_bus_retries_total", Help: "Attempts after which nothing was acknowledged."}),
	}
	for _, reason := range []string{lostBufferFull, lostRefused, lostTooLarge, lostUnencodable, lostShutdown, lostSpool} {
		m.lost.WithLabelValues(reason)
	}
	r.MustRegister(m.published, m.lost, m.retries,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "touchstone_bus_pending", Help: "Events, in memory and in the spool, that the bus has not acknowledged."}, pending))
	return m
}

func newUnkept(r prometheus.Registerer) prometheus.Counter {
	unkept := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "touchstone_bus_unkept_total", Help: "Events that were in memory only, in spite of a spool: kill -9 would have lost them."})
	r.MustRegister(unkept)
	return unkept
}

type consumerMetrics struct {
	received prometheus.Counter
	poison   prometheus.Counter
	failures prometheus.Counter
}

func newConsumerMetrics(r prometheus.Registerer) consumerMetrics {
	m := consumerMetrics{
		received: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_bus_received_total", Help: "Events handled and acknowledged."}),
		poison:   prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_bus_poison_total", Help: "Messages that are no events; set aside for good."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_bus_handler_failures_total", Help: "Batches the handler refused; they are tried again."}),
	}
	r.MustRegister(m.received, m.poison, m.failures)
	return m
}

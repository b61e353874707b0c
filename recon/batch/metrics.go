package batch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/recon/match"
)

// Metrics count what stages did. A nil Metrics counts nothing.
type Metrics struct {
	pulls       *prometheus.CounterVec
	quarantines prometheus.Counter
	closes      *prometheus.HistogramVec
	earlies     *prometheus.CounterVec
	fenced      prometheus.Counter
	redone      prometheus.Counter
	phases      *prometheus.GaugeVec
	late        prometheus.Gauge
	parts       *prometheus.CounterVec
}

// NewMetrics registers the metrics; once for a registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		pulls:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_recon_pulls_total", Help: "Attempts to get a statement, by answer."}, []string{"answer"}),
		quarantines: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_recon_quarantined_total", Help: "Files that were wrong as a whole."}),
		closes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "touchstone_recon_close_seconds", Help: "From the file (final) or its hour (provisional) to the close of a statement.", Buckets: prometheus.ExponentialBuckets(1, 4, 8),
		}, []string{"close"}),
		earlies: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_recon_provisional_total", Help: "Bookings of provisional closes, by how they stand."}, []string{"channel", "found"}),
		fenced:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_recon_fenced_total", Help: "Times a worker found that another had taken its statement."}),
		redone:  prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_recon_redone_total", Help: "Closed statements that were done again because the day before carries out other bookings."}),
		phases:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "touchstone_recon_statements", Help: "Statements of the last days, by phase."}, []string{"phase"}),
		late:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_recon_late", Help: "Statements that have no usable file after their hour."}),
	}
	m.parts = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_recon_parts_total", Help: "Parts of large batches that this process was to do, by what became of them."}, []string{"stage", "outcome"})
	for _, stage := range match.Stages() {
		for _, outcome := range append(match.Outcomes(), partRefused) {
			m.parts.WithLabelValues(string(stage), string(outcome))
		}
	}
	for _, answer := range []string{string(Ready), string(EmptyDay), string(NotReady), "failed"} {
		m.pulls.WithLabelValues(answer)
	}
	for _, p := range Phases() {
		m.phases.WithLabelValues(string(p))
	}
	reg.MustRegister(m.pulls, m.quarantines, m.closes, m.earlies, m.fenced, m.redone, m.phases, m.late, m.parts)
	return m
}

func (m *Metrics) pulled(answer string) {
	if m != nil {
		m.pulls.WithLabelValues(answer).Inc()
	}
}

func (m *Metrics) part(stage match.Stage, outcome string) {
	if m != nil {
		m.parts.WithLabelValues(string(stage), outcome).Inc()
	}
}

func (m *Metrics) quarantined() {
	if m != nil {
		m.quarantines.Inc()
	}
}

func (m *Metrics) closed(name string, took time.Duration) {
	if m != nil {
		m.closes.WithLabelValues(name).Observe(took.Seconds())
	}
}

// early counts the bookings of a provisional close that had more than the books.
func (m *Metrics) early(channel string, p *ProvisionalClose) {
	if m == nil || p.Heard == nil {
		return
	}
	found := map[string]int64{"agreed": count(p.Heard.Agreed), "differing": p.Heard.differing(), "only-channel": count(p.Heard.OnlyChannel), "conflict": p.Heard.Conflicts}
	for _, s := range Standings() {
		found[string(s)] = 0
	}
	for _, o := range p.Heard.OnlyBooks {
		found[string(o.Standing)] = count(o.Books)
	}
	for name, n := range found {
		m.earlies.WithLabelValues(channel, name).Add(float64(n))
	}
}

// Fenced counts a call of Advance that ended with ErrFenced.
func (m *Metrics) Fenced() {
	if m != nil {
		m.fenced.Inc()
	}
}

func (m *Metrics) again() {
	if m != nil {
		m.redone.Inc()
	}
}

// counted sets the gauges.
func (m *Metrics) counted(phases map[Phase]int, late int) {
	if m == nil {
		return
	}
	for _, p := range Phases() {
		m.phases.WithLabelValues(string(p)).Set(float64(phases[p]))
	}
	m.late.Set(float64(late))
}

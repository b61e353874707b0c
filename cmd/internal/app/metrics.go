package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// runMetrics shows the ledger as it stands and the latest judgement.
type runMetrics struct {
	requests   *prometheus.GaugeVec
	problems   prometheus.Gauge
	orders     *prometheus.GaugeVec
	bound      prometheus.Gauge
	judgements *prometheus.CounterVec
}

func newRunMetrics(reg prometheus.Registerer) *runMetrics {
	m := &runMetrics{
		requests: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "touchstone_ledger_requests", Help: "Sampled requests, by the bucket they are in.",
		}, []string{"outcome"}),
		problems: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "touchstone_ledger_problems", Help: "What keeps the ledger from balancing; 0 = it balances.",
		}),
		orders: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "touchstone_judged_orders", Help: "Gray orders of the latest judgement, by class.",
		}, []string{"class"}),
		bound: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "touchstone_gate_bound", Help: "Upper 95 % bound of the mismatch rate in the latest judgement; 1 before the first.",
		}),
		judgements: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_judgements_total", Help: "Judgements, by verdict.",
		}, []string{"verdict"}),
	}
	m.bound.Set(1)
	for _, v := range []gate.Verdict{gate.Pass, gate.Hold, gate.Rollback} {
		m.judgements.WithLabelValues(string(v))
	}
	reg.MustRegister(m.requests, m.problems, m.orders, m.bound, m.judgements)
	return m
}

func (m *runMetrics) counted(c comparer.Counts) {
	for _, outcome := range shadow.Outcomes() {
		m.requests.WithLabelValues(string(outcome)).Set(float64(c.Outcomes[outcome]))
	}
	m.problems.Set(float64(len(c.Problems)))
}

func (m *runMetrics) judged(r comparer.Report) {
	for _, class := range comparer.Classes() {
		m.orders.WithLabelValues(string(class)).Set(float64(r.Classes[class]))
	}
	m.bound.Set(r.Bound)
	m.judgements.WithLabelValues(r.Verdict).Inc()
}

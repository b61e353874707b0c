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
	lower      prometheus.Gauge
	needed     prometheus.Gauge
	verdict    prometheus.Gauge
	seeded     *prometheus.GaugeVec
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
			Name: "touchstone_gate_bound", Help: "Upper bound of the mismatch rate in the latest judgement; 1 before the first.",
		}),
		lower: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "touchstone_gate_lower_bound", Help: "Lower bound of the mismatch rate in the latest judgement.",
		}),
		needed: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "touchstone_gate_needed_orders", Help: "Clean orders until the bound is reached, as of the latest judgement.",
		}),
		verdict: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "touchstone_gate_verdict", Help: "Latest judgement: 1 PASS, 0 HOLD or none, -1 ROLLBACK.",
		}),
		seeded: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "touchstone_gate_seeded_faults", Help: "Faults that the self-test of the latest judgement seeded, by whether they were found.",
		}, []string{"found"}),
		judgements: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_judgements_total", Help: "Judgements, by verdict.",
		}, []string{"verdict"}),
	}
	m.bound.Set(1)
	for _, v := range []gate.Verdict{gate.Pass, gate.Hold, gate.Rollback} {
		m.judgements.WithLabelValues(string(v))
	}
	reg.MustRegister(m.requests, m.problems, m.orders, m.bound, m.lower, m.needed, m.verdict, m.seeded, m.judgements)
	return m
}

func (m *runMetrics) counted(c comparer.Counts) {
	for _, outcome := range shadow.Outcomes() {
		m.requests.WithLabelValues(string(outcome)).Set(float64(c.Outcomes[outcome]))
	}
	m.problems.Set(float64(len(c.Problems)))
}

func (m *runMetrics) judged(out judged) {
	for _, class := range comparer.Classes() {
		m.orders.WithLabelValues(string(class)).Set(float64(out.report.Classes[class]))
	}
	d := out.decision
	m.bound.Set(d.Bound)
	m.lower.Set(d.Lower)
	m.needed.Set(float64(d.Needed))
	m.verdict.Set(map[gate.Verdict]float64{gate.Pass: 1, gate.Rollback: -1}[d.Verdict])
	found := 0
	for _, p := range out.probes {
		if p.Found {
			found++
		}
	}
	m.seeded.WithLabelValues("yes").Set(float64(found))
	m.seeded.WithLabelValues("no").Set(float64(len(out.probes) - found))
	m.judgements.WithLabelValues(string(d.Verdict)).Inc()
}

package rollout

import "github.com/prometheus/client_golang/prometheus"

// Metrics shows a rollout.
type Metrics struct {
	stage      prometheus.Gauge
	share      *prometheus.GaugeVec
	rolledBack prometheus.Gauge
	held       prometheus.Gauge
	owed       prometheus.Gauge
	changes    *prometheus.CounterVec
}

// NewMetrics registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		stage:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_rollout_stage", Help: "Stage of the ladder in force, from 1."}),
		share:      prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "touchstone_rollout_share", Help: "What the policy in force asks for, 0 to 1."}, []string{"of"}),
		rolledBack: prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_rollout_rolled_back", Help: "1 while the candidate is rolled back."}),
		held:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_rollout_held", Help: "1 while a person, or a refusal, holds the rollout."}),
		owed:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_rollout_audit_owed", Help: "Entries of rollbacks that the audit has not got yet."}),
		changes:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_rollout_changes_total", Help: "Changes of the rollout."}, []string{"change"}),
	}
	for _, c := range Changes() {
		m.changes.WithLabelValues(string(c))
	}
	reg.MustRegister(m.stage, m.share, m.rolledBack, m.held, m.owed, m.changes)
	return m
}

func (m *Metrics) changed(c Change) { m.changes.WithLabelValues(string(c)).Inc() }

// show brings the gauges up to date.
func (l *Ladder) show() {
	m, p := l.deps.Metrics, l.state.Policy
	m.stage.Set(float64(l.state.Stage + 1))
	m.share.WithLabelValues("gray").Set(p.Gray.Percent() / 100)
	m.share.WithLabelValues("serve").Set(p.Serve.Percent() / 100)
	m.rolledBack.Set(flag(l.state.Rollback != nil))
	m.held.Set(flag(l.state.Held != nil))
	m.owed.Set(float64(len(l.state.Owed)))
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

package batch

import "github.com/prometheus/client_golang/prometheus"

// OperationMetrics count what becomes of operations and payments. A nil OperationMetrics counts nothing.
type OperationMetrics struct {
	asked    *prometheus.CounterVec
	sent     *prometheus.CounterVec
	moves    *prometheus.CounterVec
	open     *prometheus.GaugeVec
	late     prometheus.Gauge
	payments *prometheus.CounterVec
}

// Outcomes that are no answer of a channel.
const (
	askFailed   = "failed"  // the channel did not answer
	sendUnknown = "unknown" // whether it came is asked for
)

// Outcomes of a look at a payment.
const (
	paymentMoved   = "moved"
	paymentUnknown = "unknown"
	paymentFailed  = "failed"
)

// NewOperationMetrics registers the metrics; once for a registry.
func NewOperationMetrics(reg prometheus.Registerer) *OperationMetrics {
	m := &OperationMetrics{
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_operations_asked_total", Help: "Questions about operations, by the channel's answer."}, []string{"answer"}),
		sent:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_operations_sent_total", Help: "Operations that were sent, by outcome."}, []string{"outcome"}),
		moves: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_operations_moves_total", Help: "Moves of operations, by the state that they reached."}, []string{"state"}),
		open:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "touchstone_operations_open", Help: "Operations that have not come to their end, by state."}, []string{"state"}),
		late:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "touchstone_operations_late", Help: "Operations past their date or deadline for longer than one patience."}),
		payments: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "touchstone_payments_looked_total", Help: "Looks at payments that were not settled, by outcome.",
		}, []string{"outcome"}),
	}
	for _, known := range []Known{Done, Refused, Going, Unheard} {
		m.asked.WithLabelValues(string(known))
		m.sent.WithLabelValues(string(known))
	}
	m.asked.WithLabelValues(askFailed)
	m.sent.WithLabelValues(sendUnknown)
	for _, outcome := range []string{paymentMoved, paymentUnknown, paymentFailed} {
		m.payments.WithLabelValues(outcome)
	}
	reg.MustRegister(m.asked, m.sent, m.moves, m.open, m.late, m.payments)
	return m
}

// asks counts an answer, or that there was none.
func (m *OperationMetrics) asks(told Told, err error) {
	if m == nil {
		return
	}
	if err != nil {
		m.asked.WithLabelValues(askFailed).Inc()
		return
	}
	m.asked.WithLabelValues(string(told.Known)).Inc()
}

func (m *OperationMetrics) sends(told Told, err error) {
	if m == nil {
		return
	}
	if err != nil {
		m.sent.WithLabelValues(sendUnknown).Inc()
		return
	}
	m.sent.WithLabelValues(string(told.Known)).Inc()
}

func (m *OperationMetrics) moved(to OperationState) {
	if m != nil {
		m.moves.WithLabelValues(string(to)).Inc()
	}
}

func (m *OperationMetrics) counted(open map[OperationState]int64, late int64) {
	if m == nil {
		return
	}
	for state, n := range open {
		m.open.WithLabelValues(string(state)).Set(float64(n))
	}
	m.late.Set(float64(late))
}

// LedgerAway counts a look at payments that ended before the first of them, since the ledger could not be looked at.
func (m *OperationMetrics) LedgerAway() { m.looked(paymentUnknown) }

func (m *OperationMetrics) looked(outcome string) {
	if m != nil {
		m.payments.WithLabelValues(outcome).Inc()
	}
}

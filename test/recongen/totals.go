package recongen

import "github.com/seed-3356bd69/touchstone/recon"

// totals are what the channels' bills state at their end.
type totals struct {
	payments, refunds       int64
	paid, refunded, charged int64 // fen; charged is the sum of fees, negative for those given back
}

func (t *totals) add(k *booking) {
	if k.kind == recon.KindPayment {
		t.payments, t.paid = t.payments+1, t.paid+k.amount
	} else {
		t.refunds, t.refunded = t.refunds+1, t.refunded+k.amount
	}
	t.charged += k.fee
}

func (t *totals) merge(o totals) {
	t.payments, t.paid = t.payments+o.payments, t.paid+o.paid
	t.refunds, t.refunded = t.refunds+o.refunds, t.refunded+o.refunded
	t.charged += o.charged
}

package rules

import (
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon"
)

// roleOf is the role of a booking that only one side has: bit n of the first two for side n, of the next two for the second
// part that a side can play.
func roleOf(side int, second bool) uint8 {
	if second {
		return 4 << side
	}
	return 1 << side
}

// reversals nets a payment and the reversal of it that the same side has, and the other side has neither.
func reversals() linker {
	return linker{
		rule: RuleReversal,
		possible: func(s seen) bool {
			return s.has(internal, recon.KindReversal) || s.has(channel, recon.KindReversal)
		},
		of: func(w *row) (string, uint8) {
			side, one := w.side()
			if !one || w.records[side].Status != recon.StatusSuccess {
				return "", 0
			}
			switch record := w.records[side]; record.Key.Kind {
			case recon.KindPayment:
				return record.Order, roleOf(side, false)
			case recon.KindReversal:
				return record.Order, roleOf(side, true)
			}
			return "", 0
		},
		whole: func(roles uint8) bool {
			return roles&5 == 5 || roles&10 == 10 // payment and reversal of side 0, or of side 1
		},
		decide: netReversals,
	}
}

// maxPairs bounds the bookings of one order that are tried against each other.
const maxPairs = 1000

// netReversals pairs each reversal with the payment that it names by the channel's id, else with the first of its amount.
func netReversals(order string, group []*held) {
	for side := range sides {
		var payments, back []*held
		for _, h := range group {
			switch h.role {
			case roleOf(side, false):
				payments = append(payments, h)
			case roleOf(side, true):
				back = append(back, h)
			}
		}
		if len(payments) > maxPairs || len(back) > maxPairs {
			for _, h := range append(payments, back...) {
				h.isNot(RuleReversal, order, fmt.Sprintf("more than %d payments or reversals have this order", maxPairs))
			}
			continue
		}
		for _, named := range []bool{true, false} {
			for _, reversal := range back {
				pairReversal(order, reversal, payments, named)
			}
		}
	}
}

// pairReversal looks for the payment of one reversal.
func pairReversal(order string, reversal *held, payments []*held, named bool) {
	if reversal.fate != "" {
		return
	}
	for _, p := range payments {
		original, id := reversal.record.Original, p.record.ChannelTxn
		switch {
		case p.fate != "" || (original != "" && id != "" && original != id) || (named && (original == "" || original != id)):
		case p.record.Amount != reversal.record.Amount:
			reversal.isNot(RuleReversal, order, fmt.Sprintf("it reverses %s, the payment is %s", reversal.record.Amount, p.record.Amount))
		default:
			p.is(Netted, RuleReversal, order)
			reversal.is(Netted, RuleReversal, order)
			return
		}
	}
}

// refunds joins two refunds that have the channel's refund id in common but not the merchant's. An order number joins
// nothing: partial refunds repeat it.
func refunds() linker {
	return linker{
		rule: RuleRefund,
		possible: func(s seen) bool {
			return s.has(internal, recon.KindRefund) && s.has(channel, recon.KindRefund)
		},
		of: func(w *row) (string, uint8) {
			side, one := w.side()
			if !one || w.key.Kind != recon.KindRefund {
				return "", 0
			}
			return w.records[side].ChannelTxn, roleOf(side, false)
		},
		whole:  func(roles uint8) bool { return roles&3 == 3 },
		decide: joinRefunds,
	}
}

func joinRefunds(id string, group []*held) {
	if why := refundsDiffer(group); why != "" {
		for _, h := range group {
			h.isNot(RuleRefund, id, why)
		}
		return
	}
	for _, h := range group {
		h.is(Explained, RuleRefund, id)
	}
}

// refundsDiffer says why refunds with one id are not one refund. There is at least one of each side.
func refundsDiffer(group []*held) string {
	if len(group) != 2 {
		return fmt.Sprintf("%d refunds have this id", len(group))
	}
	ours, theirs := group[0].record, group[1].record
	if group[0].side == channel {
		ours, theirs = theirs, ours
	}
	switch {
	case ours.Amount != theirs.Amount:
		return fmt.Sprintf("ours is %s, the channel's %s", ours.Amount, theirs.Amount)
	case ours.Status != theirs.Status:
		return fmt.Sprintf("ours is %s, the channel's %s", ours.Status, theirs.Status)
	case ours.Order != theirs.Order && ours.Order != "" && theirs.Order != "":
		return fmt.Sprintf("ours is of order %q, the channel's of %q", ours.Order, theirs.Order)
	}
	return ""
}

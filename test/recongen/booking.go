package recongen

import (
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

const (
	maxRecords  = 1 << 38 // order numbers have twelve digits
	orderDigits = 1_000_000_000_000
	edit        = 10 * time.Minute
	editSeconds = int(edit / time.Second)
	daySeconds  = 24 * 60 * 60
	day         = "2026-11-23" // in Beijing
	dayDigits   = "20261123"
)

// booking is one row as a side keeps it, before it is written in that side's form.
type booking struct {
	uid      uint64
	order    uint64 // twelve digits
	joined   int8   // colliding keys: +1 the zero stands behind the order number, -1 before the refund number
	kind     recon.Kind
	amount   int64 // fen, or cents of another currency
	fee      int64 // fen, negative when given back
	currency recon.Currency
	status   recon.Status
	second   int // of the day
	payer    uint64
	subject  uint64
}

// book makes bookings. It is a pure function of the configuration.
type book struct {
	plan
	seed   uint64
	keys   uint64 // 0 = every booking has its own order number
	format Format
	shift  int // seconds, on the second side
	orders permutation
}

func newBook(c Config) (*book, error) {
	p, err := newPlan(c)
	if err != nil {
		return nil, err
	}
	return &book{
		plan: p, seed: mix(c.Seed ^ 0x70c8), format: c.Format, shift: int(c.Shift / time.Second), keys: uint64(c.Keys),
		orders: newPermutation(orderDigits, mix(c.Seed^0x04de)),
	}, nil
}

// at gives row number r of a side.
func (b *book) at(side int, r uint64) booking {
	p := b.row(side, r)
	k := b.agreed(p)
	if p.class != "" {
		b.deviate(&k, p, like(side, p.group))
	}
	if side == Theirs {
		k.second += b.shift
	}
	return k
}

// agreed gives what all sides would say of a booking if nothing was wrong with it.
func (b *book) agreed(p place) booking {
	uid := p.uid
	switch p.class {
	case DuplicateOurs, DuplicateTheirs, EqualDuplicates:
		uid -= p.part // a copy
	}
	k := b.regularBooking(uid)
	switch p.class {
	case RefundSameOrder:
		first := b.regularBooking(uid - p.part)
		k.order, k.kind = first.order, recon.KindPayment
		if p.part == 0 {
			k.status = recon.StatusSuccess // a refund's row may be pending, a payment's in a bill never
		}
		if p.part == 1 {
			k.kind, k.amount = recon.KindRefund, max(1, first.amount/2)
		}
		k.fee = fee(k)
	case CollidingKeys:
		k.kind = recon.KindRefund
		k.fee = fee(k)
	case WrongCopy:
		first := b.regularBooking(uid - p.part)
		first.amount += int64(p.part) * 1000
		k = first
	}
	return k
}

func (b *book) regularBooking(uid uint64) booking {
	order := uid
	if b.keys > 0 {
		order %= b.keys
	}
	one := mix(b.seed + uid*0x9e3779b97f4a7c15)
	two := mix(one ^ 0xd1b54a32d192ed03)
	k := booking{
		uid: uid, order: b.orders.at(order), kind: recon.KindPayment, currency: "CNY", status: recon.StatusSuccess,
		second: editSeconds + int(one>>32)%(daySeconds-3*editSeconds), payer: two, subject: mix(two),
		amount: 2 + int64(two%magnitude(one&7)),
	}
	if one>>3&15 == 0 && b.format.refunds() {
		k.kind = recon.KindRefund
	}
	if k.kind == recon.KindRefund && one>>7&7 == 0 && b.format.pending() {
		k.status = recon.StatusProcessing
	}
	k.fee = fee(k)
	return k
}

// magnitude spreads amounts from a few fen to a million yuan.
func magnitude(i uint64) uint64 {
	return [8]uint64{500, 5_000, 5_000, 20_000, 20_000, 100_000, 1_000_000, 100_000_000}[i]
}

// fee is 0.60 % of the amount, rounded half up; a refund gives it back.
func fee(k booking) int64 {
	f := (k.amount*60 + 5000) / 10000
	if k.kind == recon.KindRefund {
		return -f
	}
	return f
}

// deviate plants the fault of a class in the row of the side that has it.
func (b *book) deviate(k *booking, p place, side int) {
	switch p.class {
	case CollidingKeys:
		k.joined = 1
		if side == Theirs {
			k.joined = -1
		}
		return
	case MovedCent:
		if side == Theirs {
			k.amount += 2*int64(p.part) - 1
		}
		return
	case WrongCopy:
		if side == Theirs && p.part == 1 {
			k.amount += 1
		}
		return
	}
	if side != b.wrong(p) {
		return
	}
	sign := int64(1 - 2*side)
	switch p.class {
	case Amount:
		k.amount += 1 + int64(k.payer%100)
	case Fee:
		k.fee += sign
	case Currency:
		k.currency = "USD"
	case Status:
		k.status = recon.StatusFailed
	case Edit:
		k.second -= int(sign) * editSeconds
	}
}

// wrong is the side that has the fault: each in turn, but a bill cannot say that a payment failed, nor all of them that it
// was in dollars.
func (b *book) wrong(p place) int {
	if b.format != FormatCSV && (p.class == Status || p.class == Currency) {
		return Ours
	}
	return int(p.group % 2)
}

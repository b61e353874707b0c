package recongen

import (
	"github.com/seed-3356bd69/touchstone/recon"
)

// csvFile is a plain CSV file with a header, about 143 bytes a row. Beside a bill it has the number by which channels know
// a booking in a column of its own: of a refund the refund's, else the order's.
type csvFile struct{ quoted, booking bool }

const csvColumns = ",kind,amount,fee,currency,status,created_at,merchant_id,payer_id,subject\n"

func (f csvFile) header(b []byte) []byte {
	if f.booking {
		return append(append(b, "order_id,booking_id"...), csvColumns...)
	}
	return append(append(b, "order_id,refund_id"...), csvColumns...)
}

func (csvFile) footer(b []byte, _ totals) []byte { return b }

func (f csvFile) row(b []byte, k *booking) []byte {
	b = append(orderNumber(b, k), ',')
	if f.booking && k.kind == recon.KindPayment {
		b = append(orderNumber(b, k), ',')
	} else {
		b = append(refundNumber(b, k), ',')
	}
	b = append(append(b, k.kind...), ',')
	b = append(yuan(b, k.amount), ',')
	b = append(yuan(b, k.fee), ',')
	b = append(append(b, k.currency...), ',')
	b = append(append(b, csvStatus(k.status)...), ',')
	b = append(clock(b, k.second), ',')
	b = append(b, "1900000"...)
	b = append(padded(b, k.payer>>60, 3), ',')
	b = append(token(b, k.payer, 28), ',')
	return append(f.subject(b, k.subject), '\n')
}

// csvStatus is the word a payment service uses.
func csvStatus(s recon.Status) string {
	switch s {
	case recon.StatusSuccess:
		return "paid"
	case recon.StatusProcessing:
		return "pending"
	}
	return "failed"
}

func (f csvFile) subject(b []byte, n uint64) []byte {
	if f.quoted && n>>60 == 0 {
		return quotedSubject(b, n)
	}
	return padded(append(b, "goods of the shop "...), n, 11)
}

// quotedSubject has what a quoted cell alone may hold: separators, quotes, line ends, and rows inside the cell.
func quotedSubject(b []byte, n uint64) []byte {
	b = append(b, '"')
	switch n >> 57 & 7 {
	case 0:
		b = append(b, "a, b and \"\"c\"\""...)
	case 1:
		b = append(b, "first line\nsecond line"...)
	case 2:
		b = append(b, "\"\"\n\"\""...)
	case 3:
		b = append(b, "P20261123000000000001,,payment,0.01,0.00,CNY,paid,2026-11-23 00:00:00,,,\n"...)
	case 4:
		b = append(b, ",\r\n,"...)
	case 5:
		b = append(b, "\"\""...)
	}
	return append(b, '"')
}

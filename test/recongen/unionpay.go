package recongen

import "github.com/seed-3356bd69/touchstone/recon"

// UnionPayMerchant is the merchant in every line of a UnionPay file.
const UnionPayMerchant = "802310048993424"

// unionPayFile is the transaction file ZM: 42 fields of fixed width and blanks, no header, no trailer.
type unionPayFile struct{}

const unionPayWidth = 606 // bytes before the line end

func (unionPayFile) header(b []byte) []byte { return b }

func (unionPayFile) footer(b []byte, _ totals) []byte { return b }

func (unionPayFile) row(b []byte, k *booking) []byte {
	start := len(b)
	for range unionPayWidth {
		b = append(b, ' ')
	}
	line := b[start:]
	code, kind, order := "S22", "01", orderNumber(nil, k)
	if k.kind == recon.KindRefund {
		code, kind = "S30", "04"
		copy(line[271:], unionPayQuery(k.order))
		copy(line[476:], order)
		order = refundNumber(nil, k)
	}
	copy(line, code)
	copy(line[4:], "88022900    00049993")
	copy(line[28:], padded(nil, k.uid%1_000_000, 6))
	copy(line[35:], unionPayTime(k.second))
	copy(line[46:], "622609******")
	copy(line[58:], padded(nil, k.payer%10_000, 4))
	copy(line[66:], padded(nil, uint64(k.amount), 12))
	copy(line[79:], "4899 07")
	copy(line[87:], unionPayQuery(k.uid))
	copy(line[109:], "01")
	copy(line[112:], order)
	copy(line[145:], "01")
	copy(line[166:], creditDebit(-k.fee))
	copy(line[180:], creditDebit(int64(k.kind.Direction())*k.amount-k.fee))
	copy(line[194:], "0001")
	copy(line[215:], kind)
	copy(line[218:], "01 000201")
	copy(line[293:], UnionPayMerchant)
	copy(line[509:], " 000000000000")
	return append(b, "\r\n"...)
}

// unionPayTime has no year.
func unionPayTime(second int) []byte {
	b := append([]byte(nil), dayDigits[4:]...)
	b = padded(b, uint64(second/3600), 2)
	b = padded(b, uint64(second/60%60), 2)
	return padded(b, uint64(second%60), 2)
}

// unionPayQuery is the channel's own number.
func unionPayQuery(n uint64) []byte { return padded([]byte(dayDigits), n, 13) }

// creditDebit writes an amount as the merchant sees it: C with money in, D with money out.
func creditDebit(minor int64) []byte {
	switch {
	case minor > 0:
		return padded([]byte("C"), uint64(minor), 12)
	case minor < 0:
		return padded([]byte("D"), uint64(-minor), 12)
	}
	return []byte(" 000000000000")
}

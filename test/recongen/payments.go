package recongen

// netsUnionFile is what the built-in profile of NetsUnion reads: a header, cells between bars, payments alone.
type netsUnionFile struct{}

func (netsUnionFile) header(b []byte) []byte {
	return append(b, "TrxId|TrxDtTm|TrxAmt|TrxCtgy|BizTp|OrdrId|BatchId|SttlmDt|TrxStatus\n"...)
}

func (netsUnionFile) footer(b []byte, _ totals) []byte { return b }

func (netsUnionFile) row(b []byte, k *booking) []byte {
	b = padded(append(append(b, dayDigits...), "98364758900"...), k.uid, 12)
	at := len(b) + 1 + len(day)
	b = clock(append(b, '|'), k.second)
	b[at] = 'T'
	b = yuan(append(b, "|CNY"...), k.amount)
	b = orderNumber(append(b, "|0110|100001|"...), k)
	b = append(append(b, "|B"...), dayDigits...)
	b = padded(b, k.payer&7, 4)
	b = append(append(b, '|'), dayDigits...)
	return append(b, "|00\n"...)
}

// bankFile is what the built-in profile cmb-txt reads: no header, five cells between commas, payments alone.
type bankFile struct{}

func (bankFile) header(b []byte) []byte { return b }

func (bankFile) footer(b []byte, _ totals) []byte { return b }

func (bankFile) row(b []byte, k *booking) []byte {
	b = append(append(b, dayDigits+","+dayDigits...), ',')
	b = append(yuan(b, k.amount), ',')
	return append(orderNumber(b, k), ",0\n"...)
}

package recongen

import "github.com/seed-3356bd69/touchstone/recon"

// wechatBill is a trade bill ALL of API v3: byte order mark, 27 columns, a backtick before every value, CRLF, a summary.
type wechatBill struct{}

const wechatHeader = "\uFEFF交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类," +
	"应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率," +
	"订单金额,申请退款金额,费率备注\r\n"

const wechatSummary = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"

func (wechatBill) header(b []byte) []byte { return append(b, wechatHeader...) }

func (wechatBill) footer(b []byte, t totals) []byte {
	b = append(append(b, wechatSummary...), '`')
	b = number(b, uint64(t.payments+t.refunds))
	for _, sum := range []int64{t.paid, t.refunded, 0} {
		b = yuan(append(b, ",`"...), sum)
	}
	b = append(yuan(append(b, ",`"...), t.charged), "000"...)
	for _, sum := range []int64{t.paid, t.refunded} {
		b = yuan(append(b, ",`"...), sum)
	}
	return append(b, "\r\n"...)
}

func (wechatBill) row(b []byte, k *booking) []byte {
	paid, refunded := k.amount, int64(0)
	if k.kind != recon.KindPayment {
		paid, refunded = 0, k.amount
	}
	b = clock(append(b, '`'), k.second)
	b = append(b, ",`wx81be3101902f7cb2,`1900000001,`0,`,`42000"...)
	b = padded(padded(b, 2026112300, 10), k.order, 13)
	b = orderNumber(append(b, ",`"...), k)
	b = token(append(b, ",`"...), k.payer, 28)
	if k.kind == recon.KindPayment {
		b = append(b, ",`JSAPI,`SUCCESS,`OTHERS,`"...)
	} else {
		b = append(b, ",`JSAPI,`REFUND,`OTHERS,`"...)
	}
	b = append(append(b, k.currency...), ",`"...)
	b = append(yuan(b, paid), ",`0.00,`"...)
	if k.kind == recon.KindPayment {
		b = append(b, "0,`0,`0.00,`0.00,`,`,`"...)
	} else {
		b = padded(append(b, "5030070"...), k.uid, 19)
		b = refundNumber(append(b, ",`"...), k)
		b = yuan(append(b, ",`"...), refunded)
		b = append(append(append(b, ",`0.00,`ORIGINAL,`"...), wechatState(k.status)...), ",`"...)
	}
	b = wechatGoods(b, k.subject)
	b = append(yuan(append(b, ",`"...), k.fee), "000,`0.60%,`"...)
	b = yuan(b, paid)
	b = yuan(append(b, ",`"...), refunded)
	return append(b, ",`\r\n"...)
}

func wechatState(s recon.Status) string {
	if s == recon.StatusProcessing {
		return "PROCESSING"
	}
	return "SUCCESS"
}

// wechatGoods appends 商品名称 and 商户数据包: free text that the bill neither quotes nor escapes.
func wechatGoods(b []byte, n uint64) []byte {
	b = padded(append(b, "商品"...), n, 6)
	switch n >> 58 {
	case 0:
		return append(b, "\"大\",`{\"statement_id\":\"7\"}"...)
	case 1:
		return append(b, " 5`6,`"...)
	}
	return append(b, ",`"...)
}

package recongen

import (
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/seed-3356bd69/touchstone/recon"
)

// alipayBill is the 业务明细.csv of a trade bill: GBK, lines with # around the rows, a tab behind ids, refunds negative.
type alipayBill struct {
	head, payment, refund, shop, rest, end []byte
	names                                  [][]byte
}

const alipayRule = "#-----------------------------------------业务明细列表----------------------------------------\r\n"

const alipayHeader = "#支付宝业务明细查询\r\n#账号：[20880000000000000156]\r\n#起始日期：[2026年11月23日 00:00:00]   终止日期：[2026年11月24日 00:00:00]\r\n" + alipayRule +
	"支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）," +
	"集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\r\n"

// newAlipayBill prepares the texts in GBK. Some names of goods have trail bytes that are '|', '`' or '\' in ASCII.
func newAlipayBill() *alipayBill {
	a := &alipayBill{
		head: gbk(alipayHeader), payment: gbk("\t,交易\t,"), refund: gbk("\t,退款\t,"),
		shop: gbk(",alipay_store\t,门店\t,alipay\t,\t,*测试(tes***@example.com)\t,"),
		rest: gbk("0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,"), end: gbk(",0.00,备注\r\n"),
	}
	for _, name := range []string{"测试商品", "下单", "苹果", "俓堺", "倈巪", "俙"} {
		a.names = append(a.names, gbk(name))
	}
	return a
}

// gbk converts a text of this file; it holds nothing that GBK lacks.
func gbk(text string) []byte {
	b, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(text))
	if err != nil {
		panic(err)
	}
	return b
}

func (a *alipayBill) header(b []byte) []byte { return append(b, a.head...) }

func (a *alipayBill) footer(b []byte, t totals) []byte {
	text := []byte("#-----------------------------------------业务明细列表结束------------------------------------\r\n#交易合计：")
	text = append(number(text, uint64(t.payments)), "笔，商家实收共"...)
	text = append(yuan(text, t.paid), "元，商家优惠共0.00元\r\n"...)
	if t.refunds > 0 {
		text = append(number(append(text, "#退款合计："...), uint64(t.refunds)), "笔，商家实收退款共"...)
		text = append(yuan(text, -t.refunded), "元，商家优惠退款共0.00元\r\n"...)
	}
	text = append(text, "#导出时间：[2026年11月24日 05:46:49]\r\n"...)
	return append(b, gbk(string(text))...)
}

func (a *alipayBill) row(b []byte, k *booking) []byte {
	signed, service := k.amount, -k.fee
	if k.kind != recon.KindPayment {
		signed = -k.amount
	}
	b = padded(append(b, "2026112322001"...), k.order, 15)
	b = orderNumber(append(b, "\t,"...), k)
	if k.kind == recon.KindPayment {
		b = append(b, a.payment...)
	} else {
		b = append(b, a.refund...)
	}
	b = append(b, a.names[k.subject%uint64(len(a.names))]...)
	b = padded(b, k.subject, 6)
	b = clock(append(b, ','), k.second-3)
	b = clock(append(b, ','), k.second)
	b = append(b, a.shop...)
	b = yuan(b, signed)
	b = append(yuan(append(b, ','), signed), ',')
	b = append(b, a.rest...)
	b = append(refundNumber(b, k), "\t,"...)
	b = yuan(b, service)
	return append(b, a.end...)
}

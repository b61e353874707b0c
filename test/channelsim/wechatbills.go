package channelsim

import (
	"fmt"
	"strings"
	"time"
)

// The headers of the bills beside ALL.
const (
	successHeader = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类," +
		"应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注"
	successSummary = "总交易单数,应结订单总金额,手续费总金额,订单总金额"
	refundHeader   = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类," +
		"应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称," +
		"商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
	fundHeader  = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号"
	fundSummary = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
)

// renderKind writes a bill of another type than ALL. paid tells when an order was paid.
func renderKind(kind string, rows []Row, paid map[string]time.Time) string {
	switch kind {
	case "SUCCESS":
		return renderSuccess(rows)
	case "REFUND":
		return renderRefund(rows, paid)
	case "BASIC", "OPERATION", "FEES":
		return renderFund(rows)
	}
	return render(rows)
}

func renderSuccess(rows []Row) string {
	var b strings.Builder
	b.WriteString(byteOrderMark + successHeader + "\r\n")
	var count, total, fee int64
	for _, r := range rows {
		if r.State != StateSuccess {
			continue
		}
		count, total, fee = count+1, total+r.Total, fee+r.Fee
		d := detail(r)
		writeLine(&b, append(append([]string{}, d[:14]...), d[20], d[21], d[22], d[23], d[24], d[26]))
	}
	b.WriteString(successSummary + "\r\n")
	writeLine(&b, []string{fmt.Sprint(count), yuan(total), yuan(fee) + "000", yuan(total)})
	return b.String()
}

// renderRefund puts the payment's time first, as the channel does, and both refund times behind.
func renderRefund(rows []Row, paid map[string]time.Time) string {
	var b strings.Builder
	b.WriteString(byteOrderMark + refundHeader + "\r\n")
	var count, refund, fee int64
	for _, r := range rows {
		if r.State != StateRefund {
			continue
		}
		count, refund, fee = count+1, refund+r.Refund, fee+r.Fee
		d := detail(r)
		d[0] = beijingText(paid[r.OutTradeNo])
		line := append(append([]string{}, d[:14]...), beijingText(r.Time.Add(-3*time.Second)), beijingText(r.Time))
		writeLine(&b, append(line, d[14:]...))
	}
	b.WriteString(billSummary + "\r\n")
	writeLine(&b, []string{fmt.Sprint(count), yuan(0), yuan(refund), yuan(0), yuan(fee) + "000", yuan(0), yuan(refund)})
	return b.String()
}

// renderFund has a line a movement; a fee is a line of its own, and counts are decimals as in the documentation.
func renderFund(rows []Row) string {
	var b strings.Builder
	b.WriteString(byteOrderMark + fundHeader + "\r\n")
	var ins, outs, in, out, balance int64
	line := func(r Row, business, voucher, kind string, amount int64) {
		direction := "收入"
		if amount < 0 {
			direction, outs, out = "支出", outs+1, out-amount
		} else {
			ins, in = ins+1, in+amount
		}
		balance += amount
		writeLine(&b, []string{beijingText(r.Time), business, r.TransactionID, kind, kind, direction, yuan(max(amount, -amount)), yuan(balance), r.MchID + "API", "备注,a", voucher})
	}
	for _, r := range rows {
		if r.State == StateRefund {
			line(r, r.RefundID, r.OutRefundNo, "退款", -r.Refund)
			continue
		}
		line(r, r.TransactionID, r.OutTradeNo, "交易", r.Total)
		if r.Fee > 0 {
			line(r, r.TransactionID, r.OutTradeNo, "扣除交易手续费", -r.Fee)
		}
	}
	b.WriteString(fundSummary + "\r\n")
	writeLine(&b, []string{fmt.Sprintf("%d.0", ins+outs), fmt.Sprintf("%d.0", ins), yuan(in), fmt.Sprintf("%d.0", outs), yuan(out)})
	return b.String()
}

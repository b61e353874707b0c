package main

import (
	"slices"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// Column names of the bill, as the channel writes them.
const (
	colTime         = "交易时间"
	colMerchant     = "商户号"
	colTxn          = "微信订单号"
	colOrder        = "商户订单号"
	colState        = "交易状态"
	colCurrency     = "货币种类"
	colRefundTxn    = "微信退款单号"
	colRefundNo     = "商户退款单号"
	colRefundState  = "退款状态"
	colFee          = "手续费"
	colOrderAmount  = "订单金额"
	colOldAmount    = "总金额"
	colRefundAsked  = "申请退款金额"
	colRefundAmount = "退款金额"
	colGoods        = "商品名称"
	colAttach       = "商户数据包"
	colRefundedAt   = "退款成功时间"
)

// knownColumns are columns that say nothing about a booking here; others are reported once a file.
func knownColumns() []string {
	return []string{
		"公众账号ID", "特约商户号", "子商户号", "设备号", "用户标识", "交易类型", "付款银行",
		"应结订单金额", "代金券金额", "代金券或立减优惠金额", "企业红包金额", "充值券退款金额", "代金券或立减优惠退款金额",
		"企业红包退款金额", "退款类型", colGoods, colAttach, "费率", "费率备注", "退款申请时间", colRefundAmount, colOldAmount,
	}
}

// layout says where a bill has its columns. It is bound by name: the channel has issued several orders and sets.
type layout struct {
	names []string

	time, merchant, txn, order, state, currency int
	refundTxn, refundNo, refundState            int
	fee, orderAmount, refundAmount              int

	freeFirst, freeLast int // the free text columns, -1 without
}

// readLayout binds the header, or says why this is no bill this adapter can read.
func readLayout(names []string) (*layout, []plugins.Diagnostic, error) {
	l := &layout{names: names, freeFirst: -1, freeLast: -1}
	if l.find(colTime) < 0 {
		return nil, nil, plugins.Fail(plugins.FailureQuarantine, "line 1: no trade bill: column %s is missing", colTime)
	}
	if l.find(colRefundedAt) >= 0 {
		return nil, nil, plugins.Fail(plugins.FailureUnsupported, "line 1: a REFUND bill, its rows carry the payment's time: decode the ALL bill")
	}
	for i, name := range names {
		if slices.Index(names, name) != i {
			return nil, nil, plugins.Fail(plugins.FailureQuarantine, "line 1: column %s occurs twice", name)
		}
	}
	if err := l.bind(); err != nil {
		return nil, nil, err
	}
	l.free()
	return l, l.drift(), nil
}

func (l *layout) find(name string) int { return slices.Index(l.names, name) }

func (l *layout) bind() error {
	for _, c := range []struct {
		to    *int
		names []string // the first one present counts
	}{
		{&l.time, []string{colTime}},
		{&l.merchant, []string{colMerchant}},
		{&l.txn, []string{colTxn}},
		{&l.order, []string{colOrder}},
		{&l.state, []string{colState}},
		{&l.currency, []string{colCurrency}},
		{&l.refundTxn, []string{colRefundTxn}},
		{&l.refundNo, []string{colRefundNo}},
		{&l.refundState, []string{colRefundState}},
		{&l.fee, []string{colFee}},
		{&l.orderAmount, []string{colOrderAmount, colOldAmount}},
		{&l.refundAmount, []string{colRefundAsked, colRefundAmount}},
	} {
		*c.to = -1
		for _, name := range c.names {
			if i := l.find(name); i >= 0 && *c.to < 0 {
				*c.to = i
			}
		}
		if *c.to < 0 {
			return plugins.Fail(plugins.FailureQuarantine, "line 1: no ALL bill: column %s is missing", c.names[0])
		}
	}
	return nil
}

func (l *layout) free() {
	for _, name := range []string{colGoods, colAttach} {
		i := l.find(name)
		if i < 0 {
			continue
		}
		if l.freeFirst < 0 || i < l.freeFirst {
			l.freeFirst = i
		}
		l.freeLast = max(l.freeLast, i)
	}
}

// drift reports columns nobody knew when this adapter was written.
func (l *layout) drift() []plugins.Diagnostic {
	bound := []int{
		l.time, l.merchant, l.txn, l.order, l.state, l.currency, l.refundTxn, l.refundNo, l.refundState,
		l.fee, l.orderAmount, l.refundAmount,
	}
	known, column := knownColumns(), 1
	var found []plugins.Diagnostic
	for i, name := range l.names {
		if !slices.Contains(bound, i) && !slices.Contains(known, name) {
			found = append(found, plugins.Diagnostic{
				Severity: plugins.SeverityWarning, Line: 1, Column: column, Field: name, Message: "unknown column",
			})
		}
		column += len(name) + 1
	}
	return found
}

// cell gives column i of a row that may have surplus cells. Only free text can bring them, since it alone can hold the
// separator: columns before it count from the left, columns after it from the right.
func (l *layout) cell(cells []string, i int) (string, bool) {
	surplus := len(cells) - len(l.names)
	switch {
	case surplus == 0, surplus > 0 && l.freeFirst >= 0 && i < l.freeFirst:
		return cells[i], true
	case surplus > 0 && l.freeLast >= 0 && i > l.freeLast:
		return cells[i+surplus], true
	}
	return "", false
}

package main

import (
	"slices"

	"github.com/seed-3356bd69/touchstone/plugins/statement"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Columns that formats name more than once.
const (
	colTime       = "交易时间"
	colMerchant   = "商户号"
	colTxn        = "微信订单号"
	colOrder      = "商户订单号"
	colState      = "交易状态"
	colCurrency   = "货币种类"
	colRefundTxn  = "微信退款单号"
	colRefundNo   = "商户退款单号"
	colRefund     = "退款金额"
	colAsked      = "申请退款金额"
	colRefState   = "退款状态"
	colApplied    = "退款申请时间"
	colRefunded   = "退款成功时间"
	colFee        = "手续费"
	colAmount     = "订单金额"
	colGoods      = "商品名称"
	colAttach     = "商户数据包"
	sumCount      = "总交易单数"
	fundTime      = "记账时间"
	fundBusiness  = "微信支付业务单号"
	fundFlow      = "资金流水单号"
	fundType      = "业务类型"
	fundDirection = "收支类型"
	fundAmount    = "收支金额(元)"
	fundVoucher   = "业务凭证号"
	fundCount     = "资金流水总笔数"
)

// tradeFormat describes the bills ALL, SUCCESS and REFUND, with the names of all generations that are still issued.
func tradeFormat(kind string) *recon.FormatSpec {
	refunds := kind != kindSuccess // a SUCCESS bill may lack what only refunds have
	f := &recon.FormatSpec{
		Name: "wechat " + kind, Channel: "wechat", KindIn: colState, Empty: []string{"0"},
		Lines: recon.LineRule{Separator: ",`", Trim: "`\t ", Summary: summaryNames(), FreeText: []string{colGoods, colAttach}},
		Columns: []recon.Column{
			{Name: colTime}, {Name: colMerchant}, {Name: colTxn}, {Name: colOrder}, {Name: colState}, {Name: colCurrency},
			{Name: colFee}, {Name: colAmount, Aliases: []string{"总金额"}},
			{Name: colRefundTxn, Optional: !refunds}, {Name: colRefundNo, Optional: !refunds}, {Name: colRefState, Optional: !refunds},
			{Name: colRefund, Optional: true}, {Name: colAsked, Optional: true},
			{Name: colApplied, Optional: kind != kindRefund}, {Name: colRefunded, Optional: kind != kindRefund},
			{Name: colGoods, Optional: true}, {Name: colAttach, Optional: true},
		},
	}
	for _, c := range []recon.Column{
		{Name: "公众账号ID"}, {Name: "特约商户号", Aliases: []string{"子商户号"}}, {Name: "设备号"}, {Name: "用户标识"}, {Name: "交易类型"},
		{Name: "付款银行"}, {Name: "应结订单金额"}, {Name: "代金券金额", Aliases: []string{"代金券或立减优惠金额", "企业红包金额"}},
		{Name: "充值券退款金额", Aliases: []string{"代金券或立减优惠退款金额", "企业红包退款金额"}}, {Name: "退款类型"}, {Name: "费率"}, {Name: "费率备注"},
	} {
		c.Optional = true
		f.Columns = append(f.Columns, c)
	}
	f.Rows, f.Totals = tradeRows(), tradeTotals(refunds)
	if !refunds {
		f.Rows = f.Rows[:1] // whatever else stands there is no payment, and a reject
	}
	return f
}

func tradeRows() []recon.RowRule {
	fee := &recon.Amount{Columns: []string{colFee}, Unit: recon.UnitMajor} // negative where it is given back
	states := map[string]recon.Status{"SUCCESS": recon.StatusSuccess, "PROCESSING": recon.StatusProcessing, "FAIL": recon.StatusFailed}
	rule := func(state string, kind recon.Kind, amount ...string) recon.RowRule {
		return recon.RowRule{
			Match: []string{state}, Kind: kind, Order: []string{colOrder}, Account: []string{colMerchant}, CurrencyIn: colCurrency,
			Amount: recon.Amount{Columns: amount, Unit: recon.UnitMajor}, Fee: fee,
		}
	}
	pay := rule("SUCCESS", recon.KindPayment, colAmount)
	pay.Key, pay.ChannelTxn, pay.Time = []string{colOrder}, []string{colTxn}, []string{colTime}
	// In a REFUND bill the row's own time is that of the payment, weeks earlier; its refund times come first.
	refund := rule("REFUND", recon.KindRefund, colAsked, colRefund)
	refund.Key, refund.ChannelTxn, refund.Original = []string{colRefundNo}, []string{colRefundTxn}, []string{colTxn}
	refund.Time, refund.Status = []string{colRefunded, colApplied, colTime}, recon.StatusMap{Column: colRefState, Values: states}
	// A revoked order may have no refund numbers; there is one reversal an order, so its number will do.
	revoked := rule("REVOKED", recon.KindReversal, colAsked, colRefund, colAmount)
	revoked.Key, revoked.ChannelTxn, revoked.Original = []string{colRefundNo, colOrder}, []string{colRefundTxn, colTxn}, []string{colTxn}
	revoked.Time = refund.Time
	revoked.Status = recon.StatusMap{Column: colRefState, Values: states, Empty: recon.StatusSuccess}
	return []recon.RowRule{pay, refund, revoked}
}

func tradeTotals(refunds bool) []recon.Total {
	return []recon.Total{
		{Names: []string{sumCount}, Of: recon.TotalCount, Required: true},
		{Names: []string{"订单总金额", "总交易额"}, Of: recon.TotalAmount, Kinds: []recon.Kind{recon.KindPayment}, Columns: []string{colAmount}, Unit: recon.UnitMajor, Required: true},
		{Names: []string{"申请退款总金额", "总退款金额", "退款总金额"}, Of: recon.TotalAmount, Kinds: []recon.Kind{recon.KindRefund, recon.KindReversal}, Columns: []string{colAsked, colRefund}, Unit: recon.UnitMajor, Required: refunds},
		{Names: []string{"手续费总金额"}, Of: recon.TotalFee, Columns: []string{colFee}, Unit: recon.UnitMajor, Required: true},
	}
}

// summaryNames are the sums of all generations: any of them may come first.
func summaryNames() []string {
	names := []string{sumCount}
	for _, t := range tradeTotals(true) {
		names = append(names, t.Names...)
	}
	for _, s := range tradeSums() {
		names = append(names, s.Names...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range slices.Clone(names) {
		names = append(names, "`"+name) // some exports mark headers as they mark values
	}
	return names
}

// tradeSums are columns that the bill adds up and no record has.
func tradeSums() []*statement.Sum {
	return []*statement.Sum{
		{Column: "应结订单金额", Names: []string{"应结订单总金额"}, Unit: recon.UnitMajor},
		{Column: colRefund, Names: []string{"退款总金额", "总退款金额"}, Unit: recon.UnitMajor},
		{Column: "充值券退款金额", Names: []string{"充值券退款总金额", "总代金券或立减优惠退款金额", "总企业红包退款金额"}, Unit: recon.UnitMajor},
	}
}

// fundFormat describes the fund flow bill: one line a movement of the account. Amounts have no sign; the direction that
// the line states must be that of its kind.
func fundFormat(kind string) *recon.FormatSpec {
	rule := func(match string, kind recon.Kind, key string) recon.RowRule {
		direction := "支出"
		if kind.Direction() > 0 {
			direction = "收入"
		}
		return recon.RowRule{
			Match: []string{match}, Kind: kind, Key: []string{key, fundFlow}, Order: []string{fundVoucher, fundFlow}, ChannelTxn: []string{fundBusiness},
			Amount: recon.Amount{Columns: []string{fundAmount}, Unit: recon.UnitMajor}, Currency: "CNY", Time: []string{fundTime},
			Status: recon.StatusMap{Column: fundDirection, Values: map[string]recon.Status{direction: recon.StatusSuccess}},
		}
	}
	in := []recon.Kind{recon.KindPayment, recon.KindSplitReturn}
	out := []recon.Kind{recon.KindRefund, recon.KindFee, recon.KindSplit, recon.KindSettlement}
	return &recon.FormatSpec{
		Name: "wechat " + kind, Channel: "wechat", KindIn: fundType,
		Lines: recon.LineRule{Separator: ",`", Trim: "`\t ", Summary: []string{fundCount}, FreeText: []string{"备注"}},
		Columns: []recon.Column{
			{Name: fundTime}, {Name: fundBusiness}, {Name: fundFlow}, {Name: "业务名称", Optional: true}, {Name: fundType}, {Name: fundDirection},
			{Name: fundAmount, Aliases: []string{"收支金额"}}, {Name: "账户结余(元)", Aliases: []string{"账户结余"}, Optional: true},
			{Name: "资金变更提交申请人", Optional: true}, {Name: "备注", Optional: true}, {Name: fundVoucher},
		},
		Rows: []recon.RowRule{
			rule("交易", recon.KindPayment, fundVoucher), rule("退款", recon.KindRefund, fundVoucher),
			rule("扣除交易手续费", recon.KindFee, fundFlow), rule("分账", recon.KindSplit, fundFlow),
			rule("分账回退", recon.KindSplitReturn, fundFlow), rule("提现", recon.KindSettlement, fundFlow),
		},
		Totals: []recon.Total{
			{Names: []string{fundCount}, Of: recon.TotalCount, Required: true},
			{Names: []string{"收入笔数"}, Of: recon.TotalCount, Kinds: in, Required: true},
			{Names: []string{"收入金额"}, Of: recon.TotalAmount, Kinds: in, Columns: []string{fundAmount}, Unit: recon.UnitMajor, Required: true},
			{Names: []string{"支出笔数"}, Of: recon.TotalCount, Kinds: out, Required: true},
			{Names: []string{"支出金额"}, Of: recon.TotalAmount, Kinds: out, Columns: []string{fundAmount}, Unit: recon.UnitMajor, Required: true},
		},
	}
}

package main

import (
	"github.com/seed-3356bd69/touchstone/recon"
)

// Columns that formats name more than once. Brackets are full width in the channel's own files.
const (
	colTrade    = "支付宝交易号"
	colOrder    = "商户订单号"
	colType     = "业务类型"
	colGoods    = "商品名称"
	colDone     = "完成时间"
	colAmount   = "订单金额（元）"
	colReceived = "商家实收（元）"
	colRefundNo = "退款批次号/请求号"
	colFee      = "服务费（元）"
	colRemark   = "备注"

	colSerial = "账务流水号"
	colFlow   = "业务流水号"
	colAt     = "发生时间"
	colIn     = "收入金额（+元）"
	colOut    = "支出金额（-元）"
)

// lines is what both bills share: '#' before everything that is no row, TABs behind values, nothing quoted.
func lines(end string, free ...string) recon.LineRule {
	return recon.LineRule{Separator: ",", Trim: "\t ", Comment: "#", End: end, FreeText: free}
}

// What the line behind the rows says.
const (
	endTrade   = "业务明细列表结束"
	endAccount = "账务明细列表结束"
)

// tradeFormat describes 业务明细, in the variants of 22, 25 and 29 columns.
func tradeFormat() *recon.FormatSpec {
	f := &recon.FormatSpec{
		Name: "alipay trade", Channel: "alipay", Charset: recon.CharsetGB18030, Lines: lines(endTrade, colGoods, colRemark), KindIn: colType,
		Columns: []recon.Column{
			{Name: colTrade}, {Name: colOrder}, {Name: colType}, {Name: colGoods, Optional: true}, {Name: colDone},
			{Name: colAmount, Aliases: []string{"订单金额(元)", "订单金额"}},
			{Name: colReceived, Aliases: []string{"商家实收(元)", "商家实收"}},
			{Name: colRefundNo, Aliases: []string{"退款批次号", "退款请求号"}},
			{Name: colFee, Aliases: []string{"服务费(元)", "服务费"}, Optional: true}, {Name: colRemark, Optional: true},
		},
		// A refund has the payment's numbers; its own is the request number, which is the order's where a full refund was
		// sent without one. Its amount is negative in every real file.
		Rows: []recon.RowRule{
			rule("交易", recon.KindPayment, recon.SignPlain, colOrder), rule("退款", recon.KindRefund, recon.SignAny, colRefundNo, colOrder),
		},
		Totals: []recon.Total{
			{Pattern: `^#交易合计：(\d+)笔`, Of: recon.TotalCount, Kinds: []recon.Kind{recon.KindPayment}, WithRows: true},
			{Pattern: `^#交易合计：.*商家实收共(-?[\d,]+(?:\.\d+)?)元`, Of: recon.TotalAmount, Kinds: []recon.Kind{recon.KindPayment}, Columns: []string{colReceived}, Unit: recon.UnitMajor, WithRows: true},
			{Pattern: `^#退款合计：(\d+)笔`, Of: recon.TotalCount, Kinds: []recon.Kind{recon.KindRefund}, WithRows: true},
			{Pattern: `^#退款合计：.*商家实收退款共(-?[\d,]+(?:\.\d+)?)元`, Of: recon.TotalAmount, Kinds: []recon.Kind{recon.KindRefund}, Columns: []string{colReceived}, Unit: recon.UnitMajor, Sign: recon.SignAny, WithRows: true},
		},
	}
	for _, name := range []string{
		"创建时间", "门店编号", "门店名称", "交易门店", "操作员", "终端号", "对方账户", "对账账户", "支付宝红包（元）", "集分宝（元）", "支付宝优惠（元）",
		"商家优惠（元）", "券核销金额（元）", "券名称", "商家红包消费金额（元）", "卡消费金额（元）", "分润（元）", "实收净额（元）", "商户识别号", "交易方式", "花呗分期手续费", "花呗分期数",
	} {
		f.Columns = append(f.Columns, recon.Column{Name: name, Optional: true})
	}
	return f
}

func rule(match string, kind recon.Kind, sign recon.Sign, key ...string) recon.RowRule {
	r := recon.RowRule{
		Match: []string{match}, Kind: kind, Key: key, Order: []string{colOrder}, ChannelTxn: []string{colTrade}, Currency: "CNY",
		Amount: recon.Amount{Columns: []string{colAmount}, Unit: recon.UnitMajor, Sign: sign, Thousands: true},
		Fee:    &recon.Amount{Columns: []string{colFee}, Unit: recon.UnitMajor, Sign: recon.SignFlip, Thousands: true}, // negative is taken
		Time:   []string{colDone},
	}
	if kind == recon.KindRefund {
		r.Original = []string{colTrade}
	}
	return r
}

// accountFormat describes 账务明细: movements, in and out in columns of their own, out with its sign.
func accountFormat() *recon.FormatSpec {
	move := func(kind recon.Kind, key string, match ...string) recon.RowRule {
		r := recon.RowRule{
			Match: match, Kind: kind, Key: []string{key, colSerial}, Order: []string{colOrder, colFlow}, ChannelTxn: []string{colFlow}, Currency: "CNY",
			Amount: recon.Amount{Columns: []string{colOut, colIn}, Unit: recon.UnitMajor, Sign: recon.SignFlip, Thousands: true}, Time: []string{colAt},
		}
		if kind.Direction() > 0 {
			r.Amount.Columns, r.Amount.Sign = []string{colIn, colOut}, recon.SignPlain
		}
		return r
	}
	in := []recon.Kind{recon.KindPayment}
	out := []recon.Kind{recon.KindRefund, recon.KindFee, recon.KindSettlement}
	f := &recon.FormatSpec{
		Name: "alipay signcustomer", Channel: "alipay", Charset: recon.CharsetGB18030, Lines: lines(endAccount, colGoods, colRemark), KindIn: colType,
		Columns: []recon.Column{
			{Name: colSerial}, {Name: colFlow}, {Name: colOrder}, {Name: colGoods, Optional: true}, {Name: colAt},
			{Name: colIn, Aliases: []string{"收入金额(+元)"}}, {Name: colOut, Aliases: []string{"支出金额(-元)"}}, {Name: colType}, {Name: colRemark, Optional: true},
		},
		Rows: []recon.RowRule{
			move(recon.KindPayment, colOrder, "在线支付", "交易付款"), move(recon.KindRefund, colFlow, "交易退款", "退款"),
			move(recon.KindFee, colSerial, "收费"), move(recon.KindSettlement, colSerial, "提现"),
		},
		Totals: []recon.Total{
			{Pattern: `^#收入合计：(\d+)笔`, Of: recon.TotalCount, Kinds: in, WithRows: true},
			{Pattern: `^#收入合计：\d+笔，共(-?[\d,]+(?:\.\d+)?)元`, Of: recon.TotalAmount, Columns: []string{colIn}, Unit: recon.UnitMajor, Sign: recon.SignAny, WithRows: true},
			{Pattern: `^#支出合计：(\d+)笔`, Of: recon.TotalCount, Kinds: out, WithRows: true},
			{Pattern: `^#支出合计：\d+笔，共(-?[\d,]+(?:\.\d+)?)元`, Of: recon.TotalAmount, Columns: []string{colOut}, Unit: recon.UnitMajor, Sign: recon.SignAny, WithRows: true},
		},
	}
	for _, name := range []string{"对方账号", "账户余额（元）", "交易渠道", "业务基础订单号", "业务订单号", "业务账单来源", "业务描述"} {
		f.Columns = append(f.Columns, recon.Column{Name: name, Optional: true})
	}
	return f
}

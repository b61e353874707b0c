package main

import (
	"github.com/seed-3356bd69/touchstone/recon"
)

// Columns of both files, by the names of the specification.
const (
	colCode     = "交易代码"
	colTrace    = "系统跟踪号"
	colTime     = "交易传输时间"
	colCard     = "账号"
	colAmount   = "交易金额"
	colQuery    = "查询流水号"
	colOrder    = "商户订单号"
	colFee      = "商户手续费"
	colSettled  = "结算金额"
	colType     = "交易类型"
	colOrigin   = "原交易查询流水号"
	colMerchant = "商户代码"
	colNet      = "清算净额"
	colGross    = "清算金额"

	colPrevTrace  = "上一笔交易的系统跟踪号"
	colPrevTime   = "上一笔交易日期时间"
	colPrevDay    = "上一笔交易清算日期"
	colPrevAmount = "上一笔交易金额"
)

// tradeFormat describes ZM: 607 bytes a line, fields of fixed width in bytes, one blank between them, no header and no trailer. Nothing
// behind field 42 is used: two public layouts differ about it.
func tradeFormat() *recon.FormatSpec {
	widths := []recon.Width{}
	add := func(column string, offset, length int) {
		widths = append(widths, recon.Width{Column: column, Offset: offset, Length: length})
	}
	for _, w := range []recon.Width{
		{Column: colCode, Offset: 0, Length: 3}, {Column: "代理机构标识码", Offset: 4, Length: 11}, {Column: "发送机构标识码", Offset: 16, Length: 11},
		{Column: colTrace, Offset: 28, Length: 6}, {Column: colTime, Offset: 35, Length: 10}, {Column: colCard, Offset: 46, Length: 19},
		{Column: colAmount, Offset: 66, Length: 12}, {Column: "商户类别", Offset: 79, Length: 4}, {Column: "终端类型", Offset: 84, Length: 2},
		{Column: colQuery, Offset: 87, Length: 21}, {Column: "支付方式(旧)", Offset: 109, Length: 2}, {Column: colOrder, Offset: 112, Length: 32},
		{Column: "支付卡类型", Offset: 145, Length: 2}, {Column: "原始交易的系统跟踪号", Offset: 148, Length: 6}, {Column: "原始交易日期时间", Offset: 155, Length: 10},
		{Column: colFee, Offset: 166, Length: 13}, {Column: colSettled, Offset: 180, Length: 13}, {Column: "支付方式", Offset: 194, Length: 4},
		{Column: "集团商户代码", Offset: 199, Length: 15}, {Column: colType, Offset: 215, Length: 2}, {Column: "交易子类", Offset: 218, Length: 2},
		{Column: "业务类型", Offset: 221, Length: 6}, {Column: "账号类型", Offset: 228, Length: 2}, {Column: "账单类型", Offset: 231, Length: 4},
		{Column: "账单号码", Offset: 236, Length: 32}, {Column: "交互方式", Offset: 269, Length: 1}, {Column: colOrigin, Offset: 271, Length: 21},
		{Column: colMerchant, Offset: 293, Length: 15}, {Column: "分账入账方式", Offset: 309, Length: 1}, {Column: "二级商户代码", Offset: 311, Length: 15},
		{Column: "二级商户简称", Offset: 327, Length: 32}, {Column: "二级商户分账入账金额", Offset: 360, Length: 13}, {Column: colNet, Offset: 374, Length: 13},
		{Column: "终端号", Offset: 388, Length: 8}, {Column: "商户自定义域", Offset: 397, Length: 32}, {Column: "优惠金额", Offset: 430, Length: 13},
		{Column: "发票金额", Offset: 444, Length: 13}, {Column: "分期付款附加手续费", Offset: 458, Length: 12}, {Column: "分期付款期数", Offset: 471, Length: 2},
		{Column: "交易介质", Offset: 474, Length: 1}, {Column: "原始交易订单号", Offset: 476, Length: 32}, {Column: colGross, Offset: 509, Length: 13},
	} {
		add(w.Column, w.Offset, w.Length)
	}
	row := func(kind recon.Kind, match ...string) recon.RowRule {
		r := recon.RowRule{
			Match: match, Kind: kind, Key: []string{colOrder}, Order: []string{colOrder}, ChannelTxn: []string{colQuery}, Account: []string{colMerchant},
			Amount: recon.Amount{Columns: []string{colAmount}, Unit: recon.UnitMinor}, Currency: "CNY", Time: []string{colTime},
			Fee: &recon.Amount{Columns: []string{colFee}, Unit: recon.UnitMinor, Sign: recon.SignCD},
		}
		if kind != recon.KindPayment {
			r.Order, r.Original = []string{"原始交易订单号", colOrder}, []string{colOrigin}
		}
		return r
	}
	return fixed("unionpay ZM", "*ZM_*", widths, colType, []recon.RowRule{
		row(recon.KindPayment, "01", "03"), row(recon.KindRefund, "04"), row(recon.KindReversal, "31", "33"),
		{Match: []string{"02"}, Ignore: "pre-authorisations move no money"}, {Match: []string{"32"}, Ignore: "cancelled pre-authorisations move no money"},
	})
}

// disputeFormat describes ZME, 339 bytes a line. Its lines have no order number: the transaction before, by trace number and time, is what
// they are about.
func disputeFormat() *recon.FormatSpec {
	var widths []recon.Width
	at := 0
	for _, w := range []struct {
		column string
		length int
	}{
		{colCode, 3}, {"代理机构标识码", 11}, {"发送机构标识码", 11}, {colTrace, 6}, {colTime, 10}, {colCard, 19}, {colAmount, 12}, {"商户类别", 4},
		{"终端类型", 2}, {"支付卡类型", 2}, {colPrevTrace, 6}, {colPrevTime, 10}, {colPrevDay, 4}, {colPrevAmount, 12}, {colFee, 13}, {colSettled, 13},
		{"集团商户代码", 15}, {colMerchant, 15}, {"分账清算标识", 1}, {"分期付款附加手续费", 12}, {"分期付款期数", 2},
	} {
		widths = append(widths, recon.Width{Column: w.column, Offset: at, Length: w.length})
		at += w.length + 1
	}
	return fixed("unionpay ZME", "*ZME_*", widths, "", []recon.RowRule{{
		Kind: recon.KindChargeback, Key: []string{colTrace, colTime}, KeyAll: true, Order: []string{colPrevTrace}, ChannelTxn: []string{colTrace},
		Original: []string{colPrevTrace}, Account: []string{colMerchant}, Currency: "CNY", Time: []string{colTime},
		Amount: recon.Amount{Columns: []string{colAmount}, Unit: recon.UnitMinor}, Fee: &recon.Amount{Columns: []string{colFee}, Unit: recon.UnitMinor, Sign: recon.SignCD},
		Compare: []string{colCode, colPrevTime, colPrevAmount},
	}})
}

func fixed(name, entry string, widths []recon.Width, kindIn string, rows []recon.RowRule) *recon.FormatSpec {
	f := &recon.FormatSpec{
		Name: name, Channel: "unionpay", Entry: entry, Charset: recon.CharsetGB18030, Lines: recon.LineRule{Widths: widths},
		Header: recon.HeaderRule{None: true}, KindIn: kindIn, Rows: rows, Layouts: []string{"0102150405"}, // the year is the settlement day's
	}
	for _, w := range widths {
		f.Columns = append(f.Columns, recon.Column{Name: w.Column})
	}
	return f
}

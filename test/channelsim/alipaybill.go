package channelsim

import (
	"archive/zip"
	"bytes"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// alipayZip is the file of one day: two texts in GBK, their names in GBK and without the mark of UTF-8. The summary comes
// first, as it does in some files.
func alipayZip(pid, kind string, day time.Time, rows []AlipayRow, f Faults) []byte {
	title, detail, summary := "业务", alipayTrades(pid, day, rows), alipaySummary(pid, day, rows)
	if kind == "signcustomer" {
		title, detail, summary = "账务", alipayAccount(pid, day, rows), alipayAccountSummary(rows)
	}
	if f.CutBill {
		detail = detail[:strings.Index(detail, "列表结束")]
	}
	if f.WrongSummary {
		at := strings.Index(summary, "合计")
		summary = summary[:at] + strings.Replace(summary[at:], ".", "9.", 1)
	}
	name := fmt.Sprintf("%s0156_%s_%s明细", pid, day.Format("20060102"), title)
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, file := range []struct{ name, text string }{{name + "(汇总).csv", summary}, {name + ".csv", detail}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: gbk(file.name), NonUTF8: true, Method: zip.Deflate})
		if err != nil {
			panic(err) // a buffer takes everything
		}
		if _, err := w.Write([]byte(gbk(file.text))); err != nil {
			panic(err)
		}
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

// gbk encodes text that was written for it.
func gbk(text string) string {
	out, err := simplifiedchinese.GBK.NewEncoder().String(text)
	if err != nil {
		panic(err)
	}
	return out
}

func alipayHead(title, pid string, day time.Time) string {
	layout := "2006年01月02日 15:04:05"
	return fmt.Sprintf("#支付宝%s明细查询\r\n#账号：[%s0156]\r\n#起始日期：[%s]   终止日期：[%s]\r\n#-----------------------------------------%s明细列表----------------------------------------\r\n",
		title, pid, day.Format(layout), day.AddDate(0, 0, 1).Format(layout), title)
}

func alipayTrades(pid string, day time.Time, rows []AlipayRow) string {
	var b strings.Builder
	b.WriteString(alipayHead("业务", pid, day))
	b.WriteString("支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\r\n")
	var paid, back, count, refunds int64
	for _, r := range rows {
		kind := "交易"
		if r.Refund != "" {
			kind, back, refunds = "退款", back+r.Amount, refunds+1
		} else {
			paid, count = paid+r.Amount, count+1
		}
		fmt.Fprintf(&b, "%s\t,%s\t,%s\t,%s,%s,%s,\t,\t,\t,\t,*人(te***@example.com)\t,%s,%s,0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,%s\t,%s,0.00,%s\r\n",
			r.Trade, r.Order, kind, r.Goods, beijingText(r.Created), beijingText(r.Done), yuan(r.Amount), yuan(r.Amount), r.Refund, yuan(r.Fee), r.Goods)
	}
	b.WriteString("#-----------------------------------------业务明细列表结束------------------------------------\r\n")
	fmt.Fprintf(&b, "#交易合计：%d笔，商家实收共%s元，商家优惠共0.00元\r\n", count, yuan(paid))
	if refunds > 0 {
		fmt.Fprintf(&b, "#退款合计：%d笔，商家实收退款共%s元，商家优惠退款共0.00元\r\n", refunds, yuan(back))
	}
	fmt.Fprintf(&b, "#导出时间：[%s]\r\n", day.AddDate(0, 0, 1).Add(6*time.Hour).Format("2006年01月02日 15:04:05"))
	return b.String()
}

func beijingText(t time.Time) string { return t.In(beijing()).Format(time.DateTime) }

func alipaySummary(pid string, day time.Time, rows []AlipayRow) string {
	var amount, fee, count, refunds int64
	for _, r := range rows {
		amount, fee = amount+r.Amount, fee+r.Fee
		if r.Refund != "" {
			refunds++
		} else {
			count++
		}
	}
	head := strings.Replace(alipayHead("业务", pid, day), "明细查询", "汇总查询", 1)
	line := fmt.Sprintf("%d,%d,%s,%s,0.00,0.00,0.00,%s,0.00,%s", count, refunds, yuan(amount), yuan(amount), yuan(fee), yuan(amount+fee))
	return head + "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）\r\n" +
		"\t,\t," + line + "\r\n合计\t,\t," + line + "\r\n#-----------------------------------------业务汇总列表结束------------------------------------\r\n"
}

// alipayAccount has a line for each movement, and one more for each fee.
func alipayAccount(pid string, day time.Time, rows []AlipayRow) string {
	var b strings.Builder
	b.WriteString(alipayHead("账务", pid, day))
	b.WriteString("账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注\r\n")
	var in, out, ins, outs, balance int64
	serial := 0
	line := func(r AlipayRow, kind string, amount int64) {
		serial++
		balance += amount
		income, spent := "0.00", "0.00"
		if amount >= 0 {
			income, in, ins = yuan(amount), in+amount, ins+1
		} else {
			spent, out, outs = yuan(amount), out+amount, outs+1
		}
		fmt.Fprintf(&b, "%014d\t,%s\t,%s\t,%s\t,%s,*人 (te***@example.com)\t,%s,%s,%s,支付宝,%s,\r\n",
			serial, r.Trade+r.Refund, r.Order, r.Goods, beijingText(r.Done), income, spent, yuan(balance), kind)
	}
	for _, r := range rows {
		kind := "在线支付"
		if r.Refund != "" {
			kind = "交易退款"
		}
		line(r, kind, r.Amount)
		if r.Fee < 0 {
			line(r, "收费", r.Fee)
		}
	}
	b.WriteString("#----------------------------------------账务明细列表结束-------------------------------------\r\n")
	fmt.Fprintf(&b, "#支出合计：%d笔，共%s元\r\n#收入合计：%d笔，共%s元\r\n#导出时间：[2026年01月01日 13:19:01]\r\n", outs, yuan(out), ins, yuan(in))
	return b.String()
}

func alipayAccountSummary(rows []AlipayRow) string {
	var in, out int64
	for _, r := range rows {
		for _, n := range []int64{r.Amount, min(r.Fee, 0)} {
			in, out = in+max(n, 0), out+min(n, 0)
		}
	}
	return fmt.Sprintf("#支付宝账务汇总查询\r\n类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）,总金额（元）\r\n合计,%d,%s,%d,%s,%s\r\n", len(rows), yuan(in), len(rows), yuan(out), yuan(in+out))
}

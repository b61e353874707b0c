package channelsim

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// What Bill says when there is no file.
var (
	ErrNotReady = errors.New("STATEMENT_CREATING")
	ErrEmptyDay = errors.New("NO_STATEMENT_EXIST")
)

const billHeader = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类," +
	"应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率," +
	"订单金额,申请退款金额,费率备注"

const billSummary = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"

// byteOrderMark begins the file and counts in its hash.
const byteOrderMark = "\uFEFF"

// Bill gives the trade bill ALL of a day (2006-01-02 in Beijing) as the channel would issue it now.
func (s *Sim) Bill(day string, now time.Time) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.billOf(day, "ALL", now)
}

// billOf gives a bill of any type: ALL, SUCCESS, REFUND, or the fund flow of an account.
func (s *Sim) billOf(day, kind string, now time.Time) ([]byte, error) {
	start, err := time.ParseInLocation(time.DateOnly, day, beijing())
	if err != nil {
		return nil, fmt.Errorf("parse day: %w", err)
	}
	end := start.AddDate(0, 0, 1)
	if s.faults.NotReady || (s.cfg.ReadyAfter > 0 && now.Before(end.Add(s.cfg.ReadyAfter))) {
		return nil, ErrNotReady
	}
	var rows []Row
	for _, row := range s.rows {
		if row.Time.Before(start) || !row.Time.Before(end) {
			continue
		}
		if s.tamper != nil {
			s.tamper(&row)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 || s.faults.EmptyDay {
		return nil, ErrEmptyDay
	}
	paid := map[string]time.Time{}
	for number, o := range s.orders {
		paid[number] = o.row.Time
	}
	text := renderKind(kind, rows, paid)
	if s.faults.CutBill {
		text = text[:len(text)*6/10]
	}
	return []byte(text), nil
}

// render writes the four parts of the file, each line with CRLF.
func render(rows []Row) string {
	var b strings.Builder
	b.WriteString(byteOrderMark + billHeader + "\r\n")
	var total, refund, fee int64
	for _, r := range rows {
		total, refund, fee = total+r.Total, refund+r.Refund, fee+r.Fee
		writeLine(&b, detail(r))
	}
	b.WriteString(billSummary + "\r\n")
	writeLine(&b, []string{
		fmt.Sprint(len(rows)), yuan(total), yuan(refund), yuan(0), yuan(fee) + "000", yuan(total), yuan(refund),
	})
	return b.String()
}

// writeLine puts a backtick before every value. Nothing is quoted.
func writeLine(b *strings.Builder, values []string) {
	b.WriteString("`" + strings.Join(values, ",`") + "\r\n")
}

func detail(r Row) []string {
	refundID, outRefundNo, refundType := "0", "0", ""
	if r.State != StateSuccess {
		refundType = "ORIGINAL"
	}
	if r.RefundID != "" {
		refundID, outRefundNo = r.RefundID, r.OutRefundNo
	}
	return []string{
		r.Time.In(beijing()).Format(time.DateTime), r.AppID, r.MchID, "0", "", r.TransactionID, r.OutTradeNo, r.OpenID,
		r.TradeType, r.State, r.Bank, r.Currency, yuan(r.Total), yuan(0), refundID, outRefundNo, yuan(r.Refund), yuan(0),
		refundType, r.RefundState, r.Goods, r.Attach, yuan(r.Fee) + "000", "0.60%", yuan(r.Total), yuan(r.Refund), "",
	}
}

// yuan prints fen with two decimals.
func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}

package channelsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

type payer struct {
	AuthCode string `json:"auth_code"`
}

type payAmount struct {
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

// payRequest is comparable: two requests for one order must be equal.
type payRequest struct {
	AppID       string    `json:"appid"`
	MchID       string    `json:"mchid"`
	Description string    `json:"description"`
	OutTradeNo  string    `json:"out_trade_no"`
	Payer       payer     `json:"payer"`
	Attach      string    `json:"attach"`
	Amount      payAmount `json:"amount"`
}

// order is a paid order.
type order struct {
	request  payRequest
	row      Row
	refunded int64
}

type payAnswer struct {
	AppID          string          `json:"appid"`
	MchID          string          `json:"mchid"`
	OutTradeNo     string          `json:"out_trade_no"`
	TransactionID  string          `json:"transaction_id"`
	TradeType      string          `json:"trade_type"`
	TradeState     string          `json:"trade_state"`
	TradeStateDesc string          `json:"trade_state_desc"`
	BankType       string          `json:"bank_type"`
	Attach         string          `json:"attach,omitempty"`
	SuccessTime    string          `json:"success_time"`
	Amount         payAnswerAmount `json:"amount"`
}

type payAnswerAmount struct {
	Total         int64  `json:"total"`
	PayerTotal    int64  `json:"payer_total"`
	Currency      string `json:"currency"`
	PayerCurrency string `json:"payer_currency"`
}

// pay books an order once. The same request again gets the same order; another request for its number is refused.
func (s *Sim) pay(_ *http.Request, body []byte, call *Call) answer {
	var req payRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return badParam("body is not the JSON expected")
	}
	call.OutTradeNo = req.OutTradeNo
	if req.Amount.Currency == "" {
		req.Amount.Currency = "CNY"
	}
	if bad := s.checkPay(req); bad != "" {
		return badParam("%s", bad)
	}
	paid, ok := s.orders[req.OutTradeNo]
	if ok && paid.request != req {
		return refuse(http.StatusForbidden, "OUT_TRADE_NO_USED", "order number is used with other parameters")
	}
	if !ok {
		paid = s.bookPayment(req)
	}
	row := paid.row
	return answer{status: http.StatusOK, json: payAnswer{
		AppID: row.AppID, MchID: row.MchID, OutTradeNo: row.OutTradeNo, TransactionID: row.TransactionID,
		TradeType: row.TradeType, TradeState: "SUCCESS", TradeStateDesc: "支付成功", BankType: row.Bank, Attach: row.Attach,
		SuccessTime: row.Time.Format(time.RFC3339),
		Amount:      payAnswerAmount{Total: row.Total, PayerTotal: row.Total, Currency: row.Currency, PayerCurrency: row.Currency},
	}}
}

// validNumber is what the channel takes for a merchant's number.
func validNumber(text string) bool {
	const allowed = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-|*@"
	return text != "" && len(text) <= 64 &&
		!strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(allowed, r) })
}

func (s *Sim) checkPay(req payRequest) string {
	switch {
	case req.MchID != s.cfg.MchID:
		return "mchid is not this merchant's"
	case req.AppID == "" || req.Description == "":
		return "appid and description are required"
	case !validNumber(req.OutTradeNo) || len(req.OutTradeNo) > 32:
		return "out_trade_no is not valid"
	case req.Amount.Total <= 0:
		return "amount.total must be positive"
	case req.Amount.Currency != "CNY":
		return "amount.currency must be CNY"
	}
	return ""
}

// bookPayment gives ids that follow from the number of bookings before.
func (s *Sim) bookPayment(req payRequest) order {
	now, n := s.cfg.BookedAt().In(beijing()).Truncate(time.Second), len(s.rows)+1
	row := Row{
		Time: now, AppID: req.AppID, MchID: req.MchID, OutTradeNo: req.OutTradeNo,
		TransactionID: fmt.Sprintf("4200000001%s%010d", now.Format("20060102"), n), // 28 digits
		OpenID:        fmt.Sprintf("oSIM%024d", n), TradeType: "MICROPAY", State: StateSuccess, Bank: "OTHERS",
		Currency: req.Amount.Currency, Total: req.Amount.Total, Goods: req.Description, Attach: req.Attach,
		Fee: feeOf(req.Amount.Total),
	}
	s.rows = append(s.rows, row)
	paid := order{request: req, row: row}
	s.orders[req.OutTradeNo] = paid
	return paid
}

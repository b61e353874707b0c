package channelsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

type refundAmount struct {
	Refund   int64  `json:"refund"`
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

// refundRequest is comparable: two requests for one refund must be equal.
type refundRequest struct {
	OutTradeNo  string       `json:"out_trade_no"`
	OutRefundNo string       `json:"out_refund_no"`
	Reason      string       `json:"reason"`
	Amount      refundAmount `json:"amount"`
}

type refund struct {
	request refundRequest
	row     Row
}

type refundAnswer struct {
	RefundID      string             `json:"refund_id"`
	OutRefundNo   string             `json:"out_refund_no"`
	TransactionID string             `json:"transaction_id"`
	OutTradeNo    string             `json:"out_trade_no"`
	Channel       string             `json:"channel"`
	Status        string             `json:"status"`
	CreateTime    string             `json:"create_time"`
	SuccessTime   string             `json:"success_time"`
	Amount        refundAnswerAmount `json:"amount"`
}

type refundAnswerAmount struct {
	Total       int64  `json:"total"`
	Refund      int64  `json:"refund"`
	PayerTotal  int64  `json:"payer_total"`
	PayerRefund int64  `json:"payer_refund"`
	Currency    string `json:"currency"`
}

// refund books a refund once, within what is left of its order.
func (s *Sim) refund(_ *http.Request, body []byte, call *Call) answer {
	var req refundRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return badParam("body is not the JSON expected")
	}
	call.OutTradeNo, call.OutRefundNo = req.OutTradeNo, req.OutRefundNo
	if !validNumber(req.OutRefundNo) || req.Amount.Refund <= 0 || req.Amount.Currency != "CNY" {
		return badParam("out_refund_no, amount.refund or amount.currency is not valid")
	}
	paid, ok := s.orders[req.OutTradeNo]
	if !ok {
		return refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "order does not exist")
	}
	done, again := s.refunds[req.OutRefundNo]
	switch {
	case again && done.request != req:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "refund number is used with other parameters")
	case !again && req.Amount.Total != paid.row.Total:
		return refuse(http.StatusBadRequest, "INVALID_REQUEST", "amount.total is not the order's")
	case !again && req.Amount.Refund > paid.row.Total-paid.refunded:
		return refuse(http.StatusForbidden, "NOT_ENOUGH", "refund is more than is left of the order")
	case !again:
		done = s.bookRefund(req, paid)
	}
	row := done.row
	return answer{status: http.StatusOK, json: refundAnswer{
		RefundID: row.RefundID, OutRefundNo: row.OutRefundNo, TransactionID: row.TransactionID, OutTradeNo: row.OutTradeNo,
		Channel: "ORIGINAL", Status: row.RefundState, CreateTime: row.Time.Format(time.RFC3339), SuccessTime: row.Time.Format(time.RFC3339),
		Amount: refundAnswerAmount{
			Total: paid.row.Total, Refund: row.Refund, PayerTotal: paid.row.Total, PayerRefund: row.Refund, Currency: row.Currency,
		},
	}}
}

func (s *Sim) bookRefund(req refundRequest, paid order) refund {
	now, n := s.cfg.BookedAt().In(beijing()).Truncate(time.Second), len(s.rows)+1
	row := paid.row
	row.Time, row.State, row.Total = now, StateRefund, 0
	row.RefundID = fmt.Sprintf("5030000001%s%011d", now.Format("20060102"), n) // 29 digits
	row.OutRefundNo, row.Refund, row.RefundState = req.OutRefundNo, req.Amount.Refund, "SUCCESS"
	row.Fee = -feeOf(req.Amount.Refund)
	s.rows = append(s.rows, row)
	paid.refunded += req.Amount.Refund
	s.orders[req.OutTradeNo] = paid
	done := refund{request: req, row: row}
	s.refunds[req.OutRefundNo] = done
	return done
}

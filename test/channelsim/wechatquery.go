package channelsim

import (
	"net/http"
	"time"
)

// queryOrder answers the state of an order of API v3.
func (s *Sim) queryOrder(r *http.Request, _ []byte, call *Call) answer {
	call.OutTradeNo = r.PathValue("out_trade_no")
	o, ok := s.orders[call.OutTradeNo]
	if !ok || r.URL.Query().Get("mchid") != s.cfg.MchID {
		return refuse(http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在")
	}
	row := o.row
	return answer{status: http.StatusOK, json: payAnswer{
		AppID: row.AppID, MchID: row.MchID, OutTradeNo: row.OutTradeNo, TransactionID: row.TransactionID, TradeType: row.TradeType, TradeState: "SUCCESS",
		SuccessTime: row.Time.Format(time.RFC3339),
		Amount:      payAnswerAmount{Total: row.Total, PayerTotal: row.Total, Currency: row.Currency, PayerCurrency: row.Currency},
	}}
}

// queryRefund answers the state of a refund.
func (s *Sim) queryRefund(r *http.Request, _ []byte, call *Call) answer {
	call.OutRefundNo = r.PathValue("out_refund_no")
	done, ok := s.refunds[call.OutRefundNo]
	if !ok {
		return refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "退款单不存在")
	}
	row := done.row
	return answer{status: http.StatusOK, json: refundAnswer{
		RefundID: row.RefundID, OutRefundNo: row.OutRefundNo, TransactionID: row.TransactionID, OutTradeNo: row.OutTradeNo,
		Channel: "ORIGINAL", Status: row.RefundState, SuccessTime: row.Time.Format(time.RFC3339),
		Amount: refundAnswerAmount{Refund: row.Refund, PayerRefund: row.Refund, Currency: row.Currency},
	}}
}

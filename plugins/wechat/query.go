package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Query asks for the state of a payment by its order number, or of a refund by its refund number.
func (a *adapter) Query(ctx context.Context, req plugins.QueryRequest) (plugins.QueryResult, error) {
	if req.ID == "" {
		return plugins.QueryResult{}, plugins.Fail(plugins.FailureConfig, "query needs the order number or the refund number")
	}
	if req.Kind != recon.KindPayment && req.Kind != recon.KindRefund {
		return plugins.QueryResult{}, plugins.Fail(plugins.FailureUnsupported, "a %s cannot be asked for", req.Kind)
	}
	var res plugins.QueryResult
	var err error
	if req.Settings[settingAPI] == apiV2 {
		res, err = a.queryV2(ctx, req)
	} else {
		res, err = a.queryV3(ctx, req)
	}
	if err == nil && res.Found && res.Record.Key.ID != req.ID {
		return plugins.QueryResult{}, plugins.Fail(plugins.FailureUnavailable, "answer is about %s, not %s", res.Record.Key.ID, req.ID)
	}
	return res, err
}

func (a *adapter) queryV3(ctx context.Context, req plugins.QueryRequest) (res plugins.QueryResult, err error) {
	s, err := a.session(req.Account, req.Settings)
	if err != nil {
		return res, err
	}
	if req.Kind == recon.KindPayment {
		target := s.base.JoinPath("/v3/pay/transactions/out-trade-no/", url.PathEscape(req.ID))
		target.RawQuery = url.Values{"mchid": {req.Account}}.Encode()
		var t transaction
		if err = a.ask(ctx, s, target, &t); err == nil {
			res.State = t.State
			res.Record, err = t.record()
		}
	} else {
		var r refund
		if err = a.ask(ctx, s, s.base.JoinPath("/v3/refund/domestic/refunds/", url.PathEscape(req.ID)), &r); err == nil {
			res.State, r.MchID = r.state(), req.Account
			res.Record, err = r.record()
		}
	}
	if refused, ok := errors.AsType[*apiError](err); ok {
		return queryRefused(refused)
	}
	res.Found = err == nil
	return res, err
}

// queryRefused says what an error body means: no such order is an answer.
func queryRefused(e *apiError) (plugins.QueryResult, error) {
	if e.HTTP == http.StatusNotFound && (e.Code == "ORDER_NOT_EXIST" || e.Code == "RESOURCE_NOT_EXISTS") {
		return plugins.QueryResult{State: e.Code}, nil
	}
	_, err := translate(e)
	if err == nil {
		err = plugins.Fail(plugins.FailureRefused, "%v", e)
	}
	return plugins.QueryResult{}, err
}

// transaction is a payment as API v3 tells of it, in answers and in callbacks. Amounts are fen.
type transaction struct {
	MchID         string `json:"mchid"`
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	State         string `json:"trade_state"`
	SuccessTime   string `json:"success_time"`
	Amount        struct {
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

// tradeStatus maps the states of an order. REFUND is a paid order some of which was paid back: the payment stands.
func tradeStatus(state string) (recon.Status, error) {
	switch state {
	case "SUCCESS", "REFUND":
		return recon.StatusSuccess, nil
	case "NOTPAY", "USERPAYING", "ACCEPT":
		return recon.StatusProcessing, nil
	case "PAYERROR":
		return recon.StatusFailed, nil
	case "CLOSED", "REVOKED":
		return recon.StatusClosed, nil
	}
	return "", plugins.Fail(plugins.FailureUnsupported, "trade state %q is unknown", state)
}

func (t *transaction) record() (recon.Record, error) {
	return record(recon.Record{
		Account: t.MchID, Key: recon.Key{Kind: recon.KindPayment, ID: t.OutTradeNo}, Order: t.OutTradeNo, ChannelTxn: t.TransactionID,
	}, t.State, tradeStatus, t.Amount.Total, t.Amount.Currency, t.SuccessTime)
}

// record fills what payments and refunds of API v3 have in common.
func record(r recon.Record, state string, status func(string) (recon.Status, error), fen int64, currency, at string) (_ recon.Record, err error) {
	if r.Status, err = status(state); err != nil {
		return r, err
	}
	if currency == "" {
		currency = "CNY"
	}
	if r.Amount.Currency, err = recon.ParseCurrency(currency); err != nil {
		return r, plugins.Fail(plugins.FailureUnsupported, "amount: %v", err)
	}
	r.Amount.Minor = fen
	if at == "" {
		return r, nil
	}
	if r.Time, err = time.Parse(time.RFC3339, at); err != nil {
		return r, plugins.Fail(plugins.FailureUnavailable, "time %q is not of the form %s", at, time.RFC3339)
	}
	return r, nil
}

// refund is a refund as API v3 tells of it; answers and callbacks name the state differently.
type refund struct {
	MchID         string `json:"mchid"`
	OutTradeNo    string `json:"out_trade_no"`
	TransactionID string `json:"transaction_id"`
	OutRefundNo   string `json:"out_refund_no"`
	RefundID      string `json:"refund_id"`
	Status        string `json:"status"`
	RefundStatus  string `json:"refund_status"`
	SuccessTime   string `json:"success_time"`
	Amount        struct {
		Refund   int64  `json:"refund"`
		Currency string `json:"currency"`
	} `json:"amount"`
}

func (r *refund) state() string {
	if r.Status != "" {
		return r.Status
	}
	return r.RefundStatus
}

func refundStatus(state string) (recon.Status, error) {
	switch state {
	case "SUCCESS":
		return recon.StatusSuccess, nil
	case "PROCESSING":
		return recon.StatusProcessing, nil
	case "ABNORMAL", "CHANGE", "FAIL":
		return recon.StatusFailed, nil
	case "CLOSED", "REFUNDCLOSE":
		return recon.StatusClosed, nil
	}
	return "", plugins.Fail(plugins.FailureUnsupported, "refund state %q is unknown", state)
}

func (r *refund) record() (recon.Record, error) {
	return record(recon.Record{
		Account: r.MchID, Key: recon.Key{Kind: recon.KindRefund, ID: r.OutRefundNo}, Order: r.OutTradeNo,
		ChannelTxn: r.RefundID, Original: r.TransactionID,
	}, r.state(), refundStatus, r.Amount.Refund, r.Amount.Currency, r.SuccessTime)
}

func (a *adapter) queryV2(ctx context.Context, req plugins.QueryRequest) (res plugins.QueryResult, err error) {
	v, err := a.v2(req.Account, req.Settings)
	if err != nil {
		return res, err
	}
	path, ask := "/pay/orderquery", fields{"out_trade_no": req.ID}
	if req.Kind == recon.KindRefund {
		path, ask = "/pay/refundquery", fields{"out_refund_no": req.ID}
	}
	answer, err := v.call(ctx, path, ask)
	if err != nil {
		return res, err
	}
	if code := answer["err_code"]; answer["result_code"] != "SUCCESS" {
		if code == "ORDERNOTEXIST" || code == "REFUNDNOTEXIST" {
			return plugins.QueryResult{State: code}, nil
		}
		return res, plugins.Fail(plugins.FailureRefused, "channel answered %s %s", code, answer["err_code_des"])
	}
	if req.Kind == recon.KindPayment {
		res.State = answer["trade_state"]
		res.Record, err = a.paymentV2(answer, res.State)
	} else {
		res.State = answer["refund_status_0"]
		res.Record, err = a.refundV2(answer, res.State, "_0")
	}
	res.Found = err == nil
	return res, err
}

// paymentV2 reads an order of API v2: total_fee is fen.
func (a *adapter) paymentV2(f fields, state string) (recon.Record, error) {
	r := recon.Record{
		Account: f["mch_id"], Key: recon.Key{Kind: recon.KindPayment, ID: f["out_trade_no"]}, Order: f["out_trade_no"], ChannelTxn: f["transaction_id"],
	}
	return a.recordV2(r, state, tradeStatus, f["total_fee"], f["fee_type"], f["time_end"])
}

// refundV2 reads a refund of API v2; a query numbers the refunds of an order by a suffix.
func (a *adapter) refundV2(f fields, state, suffix string) (recon.Record, error) {
	r := recon.Record{
		Account: f["mch_id"], Key: recon.Key{Kind: recon.KindRefund, ID: f["out_refund_no"+suffix]}, Order: f["out_trade_no"],
		ChannelTxn: f["refund_id"+suffix], Original: f["transaction_id"],
	}
	at := f["refund_success_time"+suffix]
	if at == "" {
		at = f["success_time"+suffix]
	}
	return a.recordV2(r, state, refundStatus, f["refund_fee"+suffix], f["fee_type"], at)
}

func (a *adapter) recordV2(r recon.Record, state string, status func(string) (recon.Status, error), fen, currency, at string) (_ recon.Record, err error) {
	n, err := strconv.ParseInt(fen, 10, 64)
	if err != nil && fen != "" {
		return r, plugins.Fail(plugins.FailureUnavailable, "amount %q is no whole number of fen", fen)
	}
	if fen == "" && state == "SUCCESS" {
		return r, plugins.Fail(plugins.FailureUnavailable, "answer has no amount")
	}
	if r, err = record(r, state, status, n, currency, ""); err != nil {
		return r, err
	}
	if r.Time, err = a.v2Time(at); err != nil {
		return r, fmt.Errorf("read time: %w", err)
	}
	return r, nil
}

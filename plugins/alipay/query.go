package main

import (
	"context"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Query asks for a trade by its order number, or for a refund by order and request number. Amounts are yuan.
func (a *adapter) Query(ctx context.Context, req plugins.QueryRequest) (plugins.QueryResult, error) {
	g, err := a.gateway(req.Settings)
	if err != nil {
		return plugins.QueryResult{}, err
	}
	switch req.Kind {
	case recon.KindPayment:
		return a.queryTrade(ctx, g, req)
	case recon.KindRefund:
		return a.queryRefund(ctx, g, req)
	}
	return plugins.QueryResult{}, plugins.Fail(plugins.FailureUnsupported, "a %s cannot be asked for", req.Kind)
}

func (a *adapter) queryTrade(ctx context.Context, g *gateway, req plugins.QueryRequest) (res plugins.QueryResult, err error) {
	var t struct {
		TradeNo  string `json:"trade_no"`
		Order    string `json:"out_trade_no"`
		State    string `json:"trade_status"`
		Total    string `json:"total_amount"`
		SentDate string `json:"send_pay_date"`
	}
	err = g.call(ctx, "alipay.trade.query", map[string]string{"out_trade_no": req.ID}, &t)
	if unknown, gone := absent(err); gone {
		return plugins.QueryResult{State: unknown}, nil
	}
	if err != nil {
		return res, asFailure(err)
	}
	res.Found, res.State = true, t.State
	res.Record = recon.Record{
		Account: req.Account, Key: recon.Key{Kind: recon.KindPayment, ID: t.Order}, Order: t.Order, ChannelTxn: t.TradeNo,
	}
	if res.Record.Status, err = tradeStatus(t.State); err == nil {
		err = a.money(&res.Record, t.Total, t.SentDate)
	}
	return res, err
}

func (a *adapter) queryRefund(ctx context.Context, g *gateway, req plugins.QueryRequest) (res plugins.QueryResult, err error) {
	if req.Order == "" {
		return res, plugins.Fail(plugins.FailureConfig, "a refund is asked for by order and request number: the order is missing")
	}
	var t struct {
		TradeNo string `json:"trade_no"`
		Order   string `json:"out_trade_no"`
		Number  string `json:"out_request_no"`
		State   string `json:"refund_status"`
		Amount  string `json:"refund_amount"`
		At      string `json:"gmt_refund_pay"`
	}
	err = g.call(ctx, "alipay.trade.fastpay.refund.query", map[string]string{"out_trade_no": req.Order, "out_request_no": req.ID}, &t)
	if unknown, gone := absent(err); gone {
		return plugins.QueryResult{State: unknown}, nil
	}
	if err != nil {
		return res, asFailure(err)
	}
	if t.Number == "" { // an answer without the refund: there is none
		return plugins.QueryResult{State: "NONE"}, nil
	}
	res.Found, res.State = true, t.State
	res.Record = recon.Record{
		Account: req.Account, Key: recon.Key{Kind: recon.KindRefund, ID: t.Number}, Order: t.Order, ChannelTxn: t.TradeNo, Original: t.TradeNo,
	}
	switch t.State {
	case "REFUND_SUCCESS":
		res.Record.Status = recon.StatusSuccess
	case "":
		res.Record.Status = recon.StatusProcessing // the channel names only the state of a refund that went through
	default:
		return res, plugins.Fail(plugins.FailureUnsupported, "refund state %q is unknown", t.State)
	}
	return res, a.money(&res.Record, t.Amount, t.At)
}

// absent tells whether the gateway said that there is no such trade.
func absent(err error) (string, bool) {
	p, ok := errors.AsType[*problem](err)
	if ok && p.is("ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST") {
		return p.SubCode, true
	}
	return "", false
}

func asFailure(err error) error {
	if p, ok := errors.AsType[*problem](err); ok {
		return p.failure()
	}
	return err
}

// tradeStatus maps the states of a trade. A closed trade was never paid, or was paid back whole.
func tradeStatus(state string) (recon.Status, error) {
	switch state {
	case "TRADE_SUCCESS", "TRADE_FINISHED":
		return recon.StatusSuccess, nil
	case "WAIT_BUYER_PAY":
		return recon.StatusProcessing, nil
	case "TRADE_CLOSED":
		return recon.StatusClosed, nil
	}
	return "", plugins.Fail(plugins.FailureUnsupported, "trade state %q is unknown", state)
}

// money reads an amount in yuan and a time in Beijing.
func (a *adapter) money(r *recon.Record, amount, at string) (err error) {
	if r.Amount, err = recon.ParseMajor(amount, "CNY"); err != nil {
		return plugins.Fail(plugins.FailureUnavailable, "amount: %v", err)
	}
	if at == "" {
		return nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04:05.000"} {
		if r.Time, err = time.ParseInLocation(layout, at, a.zone); err == nil {
			return nil
		}
	}
	return plugins.Fail(plugins.FailureUnavailable, "time %q is not of the form %s", at, time.DateTime)
}

// DecodeEvent reads a notification: a form, signed over its sorted parameters.
func (a *adapter) DecodeEvent(_ context.Context, req plugins.EventRequest) (res plugins.EventResult, err error) {
	key, err := a.env.PublicKey(req.Settings, settingAlipay)
	if err != nil {
		return res, err
	}
	form, err := url.ParseQuery(string(req.Body))
	if err != nil || !genuine(key, form) {
		return res, plugins.Fail(plugins.FailureForged, "notification's signature is not Alipay's")
	}
	if app := req.Settings[settingApp]; app != "" && form.Get("app_id") != app {
		return res, plugins.Fail(plugins.FailureForged, "notification is for application %s", form.Get("app_id"))
	}
	if req.Account != "" && form.Get("seller_id") != req.Account {
		return res, plugins.Fail(plugins.FailureForged, "notification is for account %s", form.Get("seller_id"))
	}
	res.State = form.Get("trade_status")
	res.Reply = plugins.EventReply{Status: http.StatusOK, Type: "text/plain", Body: "success"}
	r := recon.Record{Account: form.Get("seller_id"), Order: form.Get("out_trade_no"), ChannelTxn: form.Get("trade_no")}
	if form.Get("gmt_refund") != "" {
		e := plugins.Fail(plugins.FailureUnsupported, "a refund's notification states the sum of all refunds of its order, not the refund")
		e.Hint = "query the refund by order and request number"
		return res, e
	}
	res.Kind, r.Key = eventPayment, recon.Key{Kind: recon.KindPayment, ID: r.Order}
	if r.Status, err = tradeStatus(res.State); err != nil {
		return res, err
	}
	res.Record = r
	return res, a.money(&res.Record, form.Get("total_amount"), form.Get("gmt_payment"))
}

// genuine checks a notification's signature. A parameter that comes twice has two readings and is refused.
func genuine(key *rsa.PublicKey, form url.Values) bool {
	for _, values := range form {
		if len(values) > 1 {
			return false
		}
	}
	return channel.Genuine(key, []byte(signedText(form, "sign_type")), form.Get("sign"))
}

package main

import (
	"context"
	"net/http"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
	"github.com/seed-3356bd69/touchstone/recon"
)

const messageTime = "20060102150405"

// Query asks for a transaction by its order number and the time it was sent with: a refund has an order number of its own.
func (a *adapter) Query(ctx context.Context, req plugins.QueryRequest) (res plugins.QueryResult, err error) {
	if req.Kind != recon.KindPayment && req.Kind != recon.KindRefund {
		return res, plugins.Fail(plugins.FailureUnsupported, "a %s cannot be asked for", req.Kind)
	}
	if req.ID == "" || req.Time.IsZero() {
		return res, plugins.Fail(plugins.FailureConfig, "query needs the order number and the time it was sent with")
	}
	m, err := a.merchant(req.Account, req.Settings)
	if err != nil {
		return res, err
	}
	base, err := channel.BaseURL(req.Settings, settingAPI, defaultAPI)
	if err != nil {
		return res, err
	}
	ask := m.request(req.Time.In(a.zone))
	ask["txnType"], ask["txnSubType"], ask["bizType"], ask["orderId"] = "00", "00", "000000", req.ID
	answer, err := a.send(ctx, base.JoinPath("/gateway/api/queryTrans.do"), m, ask, channel.MaxAnswer)
	if err != nil {
		return res, err
	}
	switch answer["respCode"] {
	case "00":
	case "34": // no such order, or not yet
		return plugins.QueryResult{State: "34"}, nil
	default:
		return res, refused(answer)
	}
	res.Found, res.State = true, answer["origRespCode"]
	res.Record, err = a.record(answer, res.State)
	if err == nil && (res.Record.Key.Kind != req.Kind || res.Record.Key.ID != req.ID) {
		err = plugins.Fail(plugins.FailureUnavailable, "answer is about %s, not %s %s", res.Record.Key, req.Kind, req.ID)
	}
	return res, err
}

// status maps response codes: 00 and A6 are done, the codes of time-outs and of work under way are not.
func status(code string) (recon.Status, error) {
	switch code {
	case "00", "A6":
		return recon.StatusSuccess, nil
	case "03", "04", "05":
		return recon.StatusProcessing, nil
	case "":
		return "", plugins.Fail(plugins.FailureUnavailable, "message has no response code of the transaction")
	}
	return recon.StatusFailed, nil
}

// record reads a transaction of a message: amounts are fen.
func (a *adapter) record(m message, code string) (r recon.Record, err error) {
	r = recon.Record{Account: m["merId"], Order: m["orderId"], ChannelTxn: m["queryId"], Original: m["origQryId"]}
	switch m["txnType"] {
	case "01", "03":
		r.Key.Kind = recon.KindPayment
	case "04":
		r.Key.Kind = recon.KindRefund
	case "31", "33":
		r.Key.Kind = recon.KindReversal
	default:
		return r, plugins.Fail(plugins.FailureUnsupported, "transaction type %q is unknown", m["txnType"])
	}
	r.Key.ID = r.Order
	if r.Status, err = status(code); err != nil {
		return r, err
	}
	currency := m["currencyCode"]
	if currency == "" {
		currency = "156"
	}
	code156, err := recon.ParseCurrency(currency)
	if err != nil {
		return r, plugins.Fail(plugins.FailureUnsupported, "amount: %v", err)
	}
	if r.Amount, err = recon.ParseMinor(m["txnAmt"], code156); err != nil {
		return r, plugins.Fail(plugins.FailureUnavailable, "amount: %v", err)
	}
	if r.Time, err = time.ParseInLocation(messageTime, m["txnTime"], a.zone); err != nil {
		return r, plugins.Fail(plugins.FailureUnavailable, "time %q is not of the form %s", m["txnTime"], messageTime)
	}
	return r, nil
}

// DecodeEvent reads a back notification.
func (a *adapter) DecodeEvent(_ context.Context, req plugins.EventRequest) (res plugins.EventResult, err error) {
	peer, err := a.env.PublicKey(req.Settings, settingPeer)
	if err != nil {
		return res, err
	}
	m, err := parseForm(string(req.Body))
	if err != nil || !m.genuine(peer) {
		return res, plugins.Fail(plugins.FailureForged, "notification's signature is not UnionPay's")
	}
	if req.Account != "" && m["merId"] != req.Account {
		return res, plugins.Fail(plugins.FailureForged, "notification is for merchant %s", m["merId"])
	}
	res.State, res.Reply = m["respCode"], plugins.EventReply{Status: http.StatusOK, Type: "text/plain", Body: "ok"}
	if res.Record, err = a.record(m, res.State); err != nil {
		return res, err
	}
	switch res.Record.Key.Kind {
	case recon.KindPayment:
		res.Kind = eventPayment
	case recon.KindRefund:
		res.Kind = eventRefund
	default:
		return res, plugins.Fail(plugins.FailureUnsupported, "notification of a %s", res.Record.Key.Kind)
	}
	return res, nil
}

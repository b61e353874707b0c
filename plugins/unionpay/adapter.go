package main

import (
	"context"
	"net/http"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
	"github.com/seed-3356bd69/touchstone/recon"
)

// version of this adapter; it is part of every record's origin.
const version = "1.0.0"

// The statements: two files of one zip.
const (
	kindTrade    = "trade"    // ZM
	kindDisputes = "disputes" // ZME
)

// The notifications.
const (
	eventPayment = "payment"
	eventRefund  = "refund"
)

type adapter struct {
	env    channel.Lookup
	now    func() time.Time
	zone   *time.Location
	client *http.Client
}

func newAdapter(env channel.Lookup, now func() time.Time) *adapter {
	// China has had no summer time since 1991; files and messages are younger.
	return &adapter{env: env, now: now, zone: time.FixedZone("CST", 8*60*60), client: channel.NewClient()}
}

// Describe names the two files. They travel inside one zip, which only Decode opens; the formats are there for files that
// were taken out of it.
func (a *adapter) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name: "unionpay", Version: version, Channel: "unionpay",
		Kinds: []plugins.StatementKind{
			{Name: kindTrade, Inside: tradeFormat(), Note: "file ZM: payments, refunds and cancellations of a settlement day, 23:00 to 23:00 in Beijing; ready about 9:00"},
			{Name: kindDisputes, Inside: disputeFormat(), Note: "file ZME: disputes of a settlement day"},
		},
		Requests: requestRules(),
		Queries:  []recon.Kind{recon.KindPayment, recon.KindRefund},
		Events:   []plugins.EventKind{{Name: eventPayment, Note: "back notification of a payment"}, {Name: eventRefund, Note: "back notification of a refund"}},
	}, nil
}

func requestRules() []plugins.RequestRule {
	var rules []plugins.RequestRule
	for _, path := range []string{
		"/gateway/api/appTransReq.do", "/gateway/api/frontTransReq.do", "/gateway/api/backTransReq.do", "/gateway/api/queryTrans.do",
	} {
		rules = append(rules, plugins.RequestRule{Method: http.MethodPost, Path: path, Volatile: []plugins.Volatile{
			{Where: plugins.PlaceForm, Name: "txnTime", Role: plugins.RoleTimestamp}, {Where: plugins.PlaceForm, Name: "signature", Role: plugins.RoleSignature},
		}})
	}
	return rules
}

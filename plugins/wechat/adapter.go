package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
	"github.com/seed-3356bd69/touchstone/recon"
)

// version of this adapter; it is part of every record's origin.
const version = "2.0.0"

// The statements. ALL repeats what SUCCESS and REFUND have: a reconciliation takes ALL, or the two others, never both.
const (
	kindTrade     = "trade"
	kindSuccess   = "success"
	kindRefund    = "refund"
	kindBasic     = "fundflow-basic"
	kindOperation = "fundflow-operation"
	kindFees      = "fundflow-fees"
)

func isTrade(kind string) bool { return kind == kindTrade || kind == kindSuccess || kind == kindRefund }
func isFund(kind string) bool  { return kind == kindBasic || kind == kindOperation || kind == kindFees }

// adapterConfig is what the adapter takes from its surroundings.
type adapterConfig struct {
	LookupEnv func(string) (string, bool)
	Now       func() time.Time
	Random    io.Reader
}

type adapter struct {
	cfg    adapterConfig
	env    channel.Lookup
	zone   *time.Location
	client *http.Client
}

func newAdapter(cfg adapterConfig) (*adapter, error) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return nil, fmt.Errorf("load time zone: %w", err)
	}
	return &adapter{cfg: cfg, env: cfg.LookupEnv, zone: zone, client: channel.NewClient()}, nil
}

// Describe names the bills, what may differ between two equal requests, and what can be asked and heard.
func (a *adapter) Describe(context.Context) (plugins.Description, error) {
	kinds := []plugins.StatementKind{
		{Name: kindTrade, Note: "trade bill ALL: payments, refunds and reversals of a day in Beijing; ready the next day after 10:00"},
		{Name: kindSuccess, Note: "trade bill SUCCESS: the payments of ALL alone"},
		{Name: kindRefund, Note: "trade bill REFUND: the refunds of ALL alone, with both refund times"},
		{Name: kindBasic, Note: "fund flow of the basic account: every movement, fees as lines of their own"},
		{Name: kindOperation, Note: "fund flow of the operation account"},
		{Name: kindFees, Note: "fund flow of the fee account"},
	}
	for i := range kinds {
		kinds[i].Format = formatOf(kinds[i].Name)
	}
	return plugins.Description{
		Name: "wechat", Version: version, Channel: "wechat", Kinds: kinds, Requests: requestRules(),
		Queries: []recon.Kind{recon.KindPayment, recon.KindRefund},
		Events: []plugins.EventKind{
			{Name: eventPayment, Note: "TRANSACTION.SUCCESS of API v3, or the payment result of API v2"},
			{Name: eventRefund, Note: "REFUND.SUCCESS, REFUND.ABNORMAL and REFUND.CLOSED of API v3, or the refund result of API v2"},
		},
	}, nil
}

// requestRules: with API v3 nonce, timestamp and signature all stand in one header, with v2 two of them in the XML body.
func requestRules() []plugins.RequestRule {
	signed := []plugins.Volatile{{Where: plugins.PlaceHeader, Name: "Authorization", Role: plugins.RoleSignature}}
	var rules []plugins.RequestRule
	for _, r := range []struct{ method, path string }{
		{http.MethodPost, "/v3/pay/transactions/codepay"},
		{http.MethodPost, "/v3/pay/transactions/jsapi"},
		{http.MethodPost, "/v3/pay/transactions/native"},
		{http.MethodPost, "/v3/pay/transactions/app"},
		{http.MethodPost, "/v3/pay/transactions/h5"},
		{http.MethodGet, "/v3/pay/transactions/id/{transaction_id}"},
		{http.MethodGet, "/v3/pay/transactions/out-trade-no/{out_trade_no}"},
		{http.MethodPost, "/v3/pay/transactions/out-trade-no/{out_trade_no}/close"},
		{http.MethodPost, "/v3/pay/transactions/out-trade-no/{out_trade_no}/reverse"},
		{http.MethodPost, "/v3/refund/domestic/refunds"},
		{http.MethodGet, "/v3/refund/domestic/refunds/{out_refund_no}"},
	} {
		rules = append(rules, plugins.RequestRule{Method: r.method, Path: r.path, Volatile: signed})
	}
	inBody := []plugins.Volatile{
		{Where: plugins.PlaceXML, Name: "nonce_str", Role: plugins.RoleNonce}, {Where: plugins.PlaceXML, Name: "sign", Role: plugins.RoleSignature},
	}
	for _, path := range []string{
		"/pay/unifiedorder", "/pay/micropay", "/pay/orderquery", "/pay/closeorder", "/pay/refundquery", "/secapi/pay/refund", "/secapi/pay/reverse",
	} {
		rules = append(rules, plugins.RequestRule{Method: http.MethodPost, Path: path, Volatile: inBody})
	}
	return rules
}

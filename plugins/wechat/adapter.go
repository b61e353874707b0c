package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// version of this adapter; it is part of every record's origin.
const version = "1.0.0"

// kindTrade is the trade bill of type ALL. SUCCESS and REFUND bills repeat its rows and are not offered.
const kindTrade = "trade"

// adapterConfig is what the adapter takes from its surroundings.
type adapterConfig struct {
	LookupEnv func(string) (string, bool)
	Now       func() time.Time
	Random    io.Reader
}

type adapter struct {
	plugins.NoQuery
	plugins.NoEvents
	cfg    adapterConfig
	zone   *time.Location
	client *http.Client
}

func newAdapter(cfg adapterConfig) (*adapter, error) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return nil, fmt.Errorf("load time zone: %w", err)
	}
	return &adapter{cfg: cfg, zone: zone, client: newClient()}, nil
}

// Describe names the trade bill and what may differ between two equal requests to the channel.
func (a *adapter) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name: "wechat", Version: version, Channel: "wechat",
		Kinds:    []plugins.StatementKind{{Name: kindTrade, Note: "trade bill ALL, all payments and refunds of a day in Beijing; ready the next day after 10:00"}},
		Requests: requestRules(),
	}, nil
}

// requestRules holds for API v3: nonce, timestamp and signature all stand in one header.
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
	return rules
}

// Decode reads a trade bill, plain or gzip.
func (a *adapter) Decode(ctx context.Context, req plugins.DecodeRequest, r io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error) {
	if req.Kind != kindTrade {
		return plugins.DecodeResult{}, plugins.Fail(plugins.FailureUnsupported, "no statement kind %q", req.Kind)
	}
	body, sum, err := openBody(r, req.Hash)
	if err != nil {
		return plugins.DecodeResult{}, err
	}
	b := &bill{req: req, emit: emit, zone: a.zone, lines: newLineReader(body)}
	if err := b.read(ctx); err != nil {
		return b.result(), err
	}
	if err := sum.check(); err != nil {
		return b.result(), err
	}
	return b.result(), b.check()
}

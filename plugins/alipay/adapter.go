package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
	"github.com/seed-3356bd69/touchstone/recon"
)

// version of this adapter; it is part of every record's origin.
const version = "1.0.0"

// The statements, by the channel's own names.
const (
	kindTrade   = "trade"
	kindAccount = "signcustomer"
)

// eventPayment is the notification of a trade.
const eventPayment = "payment"

// adapterConfig is what the adapter takes from its surroundings.
type adapterConfig struct {
	LookupEnv channel.Lookup
	Now       func() time.Time
}

type adapter struct {
	env    channel.Lookup
	now    func() time.Time
	zone   *time.Location
	client *http.Client
}

func newAdapter(cfg adapterConfig) (*adapter, error) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return nil, fmt.Errorf("load time zone: %w", err)
	}
	return &adapter{env: cfg.LookupEnv, now: cfg.Now, zone: zone, client: channel.NewClient()}, nil
}

// Describe names the bills. The statement is a zip of two files: the host finds the one that the format describes, and only
// Decode holds it against the summary beside it.
func (a *adapter) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name: "alipay", Version: version, Channel: "alipay",
		Kinds: []plugins.StatementKind{
			{Name: kindTrade, Inside: tradeFormat(), Note: "trade bill: payments and refunds of a day in Beijing; ready the next day, mostly before 9:00"},
			{Name: kindAccount, Inside: accountFormat(), Note: "account bill: every movement of the account, fees as lines of their own"},
		},
		Requests: requestRules(),
		Queries:  []recon.Kind{recon.KindPayment, recon.KindRefund},
		Events:   []plugins.EventKind{{Name: eventPayment, Note: "asynchronous notification of a trade; of refunds it states only their sum"}},
	}, nil
}

// requestRules: every method goes to one gateway; time and signature stand in its form or query.
func requestRules() []plugins.RequestRule {
	var rules []plugins.RequestRule
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		for _, place := range []plugins.Place{plugins.PlaceForm, plugins.PlaceQuery} {
			if method == http.MethodGet && place == plugins.PlaceForm {
				continue
			}
			rules = append(rules, plugins.RequestRule{Method: method, Path: "/gateway.do", Volatile: []plugins.Volatile{
				{Where: place, Name: "timestamp", Role: plugins.RoleTimestamp}, {Where: place, Name: "sign", Role: plugins.RoleSignature},
			}})
		}
	}
	return rules
}

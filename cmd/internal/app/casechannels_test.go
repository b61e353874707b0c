package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// toldAdapter is an adapter that remembers what it was asked.
type toldAdapter struct {
	got plugins.QueryRequest
	res plugins.QueryResult
	err error
}

func (a *toldAdapter) Query(_ context.Context, req plugins.QueryRequest) (plugins.QueryResult, error) {
	a.got = req
	return a.res, a.err
}

func TestChannelsAreAskedByTheirAdapters(t *testing.T) {
	a := &toldAdapter{res: plugins.QueryResult{Found: true, Record: recon.Record{Status: recon.StatusSuccess, Amount: recon.Money{Minor: 7, Currency: "CNY"}, ChannelTxn: "42"}}}
	channels := askedChannels{"wechat": {adapter: a, settings: plugins.Settings{"base_url": "http://x"}}}
	at := time.Unix(1, 0)
	q := casework.Question{Channel: "wechat", Account: "1900", Key: recon.Key{Kind: recon.KindRefund, ID: "R1"}, Order: "P1", Time: at}
	got, err := channels.Query(t.Context(), q)
	if want := (casework.Answer{Found: true, Status: recon.StatusSuccess, Amount: recon.Money{Minor: 7, Currency: "CNY"}, ChannelTxn: "42"}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if r := a.got; r.Account != "1900" || r.Kind != recon.KindRefund || r.ID != "R1" || r.Order != "P1" || !r.Time.Equal(at) || r.Settings["base_url"] != "http://x" {
		t.Errorf("asked %+v", r)
	}
	a.res.Found = false
	if got, err := channels.Query(t.Context(), q); err != nil || got != (casework.Answer{}) {
		t.Errorf("not found: %+v, %v", got, err)
	}
	a.err = errors.New("down")
	if _, err := channels.Query(t.Context(), q); !errors.Is(err, a.err) {
		t.Errorf("got %v", err)
	}
	q.Channel = "other"
	if _, err := channels.Query(t.Context(), q); !errors.Is(err, casework.ErrInput) {
		t.Errorf("got %v", err)
	}
}

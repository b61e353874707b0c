package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	pacing "golang.org/x/time/rate"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/events"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// toldReader answers every callback with what a test says, and remembers how it came.
type toldReader struct {
	result plugins.EventResult
	err    error
	seen   plugins.EventRequest
}

func (r *toldReader) DecodeEvent(_ context.Context, req plugins.EventRequest) (plugins.EventResult, error) {
	r.seen = req
	return r.result, r.err
}

// TestCallbackAnswers holds each end of a callback to its status: what must come again says so, what must not does not.
func TestCallbackAnswers(t *testing.T) {
	reg := prometheus.NewRegistry()
	db := stores.Open(t, stores.File(t))
	reader := &toldReader{}
	e := &receiver{
		limits: config.ReconEvents{MaxBody: 1024, Timeout: 300 * time.Millisecond}, intake: events.NewIntake(db), pace: pacing.NewLimiter(pacing.Inf, 1), places: make(chan struct{}, 1), now: time.Now,
		log: slog.New(slog.DiscardHandler), metrics: events.NewMetrics(reg, []string{"wechat", events.Unclaimed}),
		accounts: map[string]*hearer{"wechat/m1": {"wechat", "m1", "wechat/m1/trade", time.UTC, reader, func(string) plugins.Settings { return nil }}},
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.intake.Run(ctx) }()
	server := httptest.NewServer(e)
	defer server.Close()
	paid := recon.Record{Account: "m1", Key: recon.Key{Kind: recon.KindPayment, ID: "P1"}, Amount: recon.Money{Minor: 1, Currency: "CNY"}, Status: recon.StatusSuccess}
	foreign, unfit := paid, paid
	foreign.Account, unfit.Key.ID = "m2", ""
	reply := plugins.EventReply{Status: http.StatusOK, Type: "text/plain", Body: "success"}
	fail := func(kind plugins.FailureKind) error { return plugins.Fail(kind, "no") }
	for _, c := range []struct {
		name   string
		record recon.Record
		err    error
		want   int
		again  bool
		metric events.Outcome
	}{
		{"kept", paid, nil, http.StatusOK, false, events.Fresh},
		{"forged", paid, fail(plugins.FailureForged), http.StatusUnauthorized, false, events.Forged},
		{"another account's", foreign, nil, http.StatusUnauthorized, false, events.Forged},
		{"unknown event", paid, fail(plugins.FailureUnsupported), http.StatusUnprocessableEntity, false, events.Unread},
		{"no event", unfit, nil, http.StatusUnprocessableEntity, false, events.Unread},
		{"a secret is missing", paid, fail(plugins.FailureConfig), http.StatusServiceUnavailable, true, events.Unavailable},
		{"adapter is down", paid, &plugins.ProcessError{Adapter: "wechat", Op: plugins.OpStart, Err: errors.New("ended")}, http.StatusServiceUnavailable, true, events.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := counted(t, reg, "wechat", c.metric)
			reader.result, reader.err = plugins.EventResult{Kind: "payment", Record: c.record, Reply: reply}, c.err
			res, err := http.Post(server.URL+"/events/wechat/m1/notify/a%2Fb?x=1&y", "text/xml", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != c.want || (res.Header.Get("Retry-After") != "") != c.again {
				t.Errorf("status %d, %v", res.StatusCode, res.Header)
			}
			if got := counted(t, reg, "wechat", c.metric); got != before+1 {
				t.Errorf("%s is counted %v times", c.metric, got-before)
			}
			if s := reader.seen; s.Path != "/notify/a%2Fb?x=1&y" || s.Method != "POST" || s.Header.Get("Content-Type") != "text/xml" || string(s.Body) != "body" || s.Account != "m1" {
				t.Errorf("the adapter got %+v", s)
			}
		})
	}
	t.Run("no place", func(t *testing.T) {
		e.places <- struct{}{}
		defer func() { <-e.places }()
		res, err := http.Post(server.URL+"/events/wechat/m1", "text/xml", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
			t.Errorf("status %d", res.StatusCode)
		}
	})
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	reader.result, reader.err = plugins.EventResult{Record: paid, Reply: reply}, nil
	res, err := http.Post(server.URL+"/events/wechat/m1/", "text/xml", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a callback that nobody commits is answered with %d", res.StatusCode)
	}
}

func counted(t *testing.T, reg *prometheus.Registry, channel string, o events.Outcome) float64 {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all[0].GetMetric() {
		if l := m.GetLabel(); l[0].GetValue() == channel && l[1].GetValue() == string(o) {
			return m.GetCounter().GetValue()
		}
	}
	t.Fatalf("no series of %s %s", channel, o)
	return 0
}

// TestAskerTellsAnswersApart has an adapter's process answer, not know, not be able to, and die.
func TestAskerTellsAnswersApart(t *testing.T) {
	asker := adapterAsker{newOperationRig(t, "paid").adapters["nowhere/paid"]}
	for _, c := range []struct {
		account string
		kind    recon.Kind
		found   bool
		cannot  bool
		fails   bool
	}{
		{"paid", recon.KindPayment, true, false, false},
		{"unknown", recon.KindPayment, false, false, false},
		{"paid", recon.KindSplit, false, true, true},
		{"kill", recon.KindPayment, false, false, true},
	} {
		id := batch.ID{Channel: "nowhere", Account: c.account, Kind: "trade", Day: "2026-11-23"}
		got, err := asker.Ask(t.Context(), id, &recon.Record{Key: recon.Key{Kind: c.kind, ID: "P1"}, Order: "P1"})
		if (err != nil) != c.fails || errors.Is(err, batch.ErrCannotAsk) != c.cannot || (got.Record != nil) != c.found || c.found && (got.Record.Key.ID != "P1" || len(got.SHA256) != 64) {
			t.Errorf("%s %s: %+v, %v", c.account, c.kind, got, err)
		}
	}
}

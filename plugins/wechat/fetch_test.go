package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/channelsim"
	"github.com/seed-3356bd69/touchstone/test/rsakeys"
)

type randomReader struct{}

func (randomReader) Read(p []byte) (int, error) { return rand.Read(p) }

const (
	apiKey   = "0123456789abcdefghijklmnopqrstuv"
	merchant = "1900000001"
	day      = "2026-07-01"
)

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time   { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) set(at time.Time) { c.mu.Lock(); defer c.mu.Unlock(); c.at = at }

func beijingTime(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text+"+08:00")
	if err != nil {
		panic(err)
	}
	return at
}

// keys are made once.
var keys rsakeys.Ring

// shop is a merchant at a simulated WeChat with one day of bookings, and an adapter that holds its keys.
type shop struct {
	sim      *channelsim.Sim
	clock    *clock
	server   *httptest.Server
	env      map[string]string
	settings plugins.Settings
}

func newChannel(t *testing.T) *shop {
	t.Helper()
	own, platform := keys.Of("merchant"), keys.Of("platform")
	c := &shop{clock: &clock{at: beijingTime(day + "T08:00:00")}}
	c.sim = channelsim.New(channelsim.Config{
		MchID: merchant, Now: c.clock.now, MerchantKey: &own.Key.PublicKey, PlatformKey: platform.Key, APIKey: apiKey,
	})
	c.server = httptest.NewServer(c.sim)
	t.Cleanup(c.server.Close)
	c.env = map[string]string{"MCH_KEY": own.Private, "PLATFORM_KEY": platform.Public, "API_KEY": apiKey}
	c.settings = plugins.Settings{
		settingBase: c.server.URL, settingSerial: "5157F09EFDC096DE", settingKey: "MCH_KEY", settingPlatform: "PLATFORM_KEY",
	}
	c.book(t, own.Key)
	c.clock.set(beijingTime("2026-07-02T10:00:01"))
	return c
}

// book sends what a merchant's service sends, signed: four payments and two refunds.
func (c *shop) book(t *testing.T, key *rsa.PrivateKey) {
	t.Helper()
	s := &signer{merchant: merchant, serial: "5157F09EFDC096DE", private: key, now: c.clock.now, random: randomReader{}}
	for i, total := range []int{1, 600, 1999, 12345} {
		c.clock.set(c.clock.now().Add(time.Hour))
		c.post(t, s, "/v3/pay/transactions/codepay", fmt.Sprintf(
			`{"appid":"wx0000000000000001","mchid":%q,"description":"goods, \"%d\"","out_trade_no":"P%d","payer":{"auth_code":"130000000000000000"},"amount":{"total":%d,"currency":"CNY"}}`,
			merchant, i, i, total))
	}
	for i, amount := range []int{45, 300} {
		c.post(t, s, "/v3/refund/domestic/refunds", fmt.Sprintf(
			`{"out_trade_no":"P3","out_refund_no":"R%d","amount":{"refund":%d,"total":12345,"currency":"CNY"}}`, i, amount))
	}
}

// post signs a body by the scheme's text, which the adapter's own requests never have.
func (c *shop) post(t *testing.T, s *signer, path, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", authorize(t, s, path, body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %d", path, res.StatusCode)
	}
}

func (c *shop) fetch(t *testing.T) (plugins.FetchResult, []byte, error) {
	t.Helper()
	var out bytes.Buffer
	res, err := testAdapter(t, c.env, c.clock.now).Fetch(t.Context(),
		plugins.FetchRequest{Account: merchant, Kind: kindTrade, Date: day, Settings: c.settings}, &out)
	return res, out.Bytes(), err
}

func TestFetch(t *testing.T) {
	c := newChannel(t)
	tests := []struct {
		name   string
		faults channelsim.Faults
		set    func(plugins.Settings, map[string]string)
		at     string
		status plugins.FetchStatus
		kind   plugins.FailureKind
	}{
		{name: "ready", status: plugins.FetchReady},
		{name: "empty day", faults: channelsim.Faults{EmptyDay: true}, status: plugins.FetchEmpty},
		{name: "not ready", faults: channelsim.Faults{NotReady: true}, status: plugins.FetchNotReady},
		{name: "too early", at: "2026-07-02T09:59:59", status: plugins.FetchNotReady},
		{name: "wrong hash", faults: channelsim.Faults{WrongHash: true}, kind: plugins.FailureQuarantine},
		{name: "download cut", faults: channelsim.Faults{CutDownload: true}, kind: plugins.FailureQuarantine},
		{name: "address expired", faults: channelsim.Faults{ExpiredURL: true}, kind: plugins.FailureRefused},
		{name: "no serial", set: func(s plugins.Settings, _ map[string]string) { delete(s, settingSerial) }, kind: plugins.FailureConfig},
		{name: "no key", set: func(_ plugins.Settings, env map[string]string) { delete(env, "MCH_KEY") }, kind: plugins.FailureConfig},
		{name: "garbage key", set: func(_ plugins.Settings, env map[string]string) { env["MCH_KEY"] = "garbage" }, kind: plugins.FailureConfig},
		{name: "another merchant's key", set: func(_ plugins.Settings, env map[string]string) { env["MCH_KEY"] = keys.Of("stranger").Private }, kind: plugins.FailureConfig},
		{name: "another platform's key", set: func(_ plugins.Settings, env map[string]string) { env["PLATFORM_KEY"] = keys.Of("stranger").Public }, kind: plugins.FailureUnavailable},
		{name: "nobody listens", set: func(s plugins.Settings, _ map[string]string) { s[settingBase] = "http://127.0.0.1:1" }, kind: plugins.FailureUnavailable},
		{name: "base is no URL", set: func(s plugins.Settings, _ map[string]string) { s[settingBase] = "ftp://x" }, kind: plugins.FailureConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := *c
			c.settings, c.env = clone(c.settings), clone(c.env)
			if tt.set != nil {
				tt.set(c.settings, c.env)
			}
			c.sim.Break(tt.faults)
			c.clock.set(beijingTime("2026-07-02T10:00:01"))
			if tt.at != "" {
				c.clock.set(beijingTime(tt.at))
			}
			res, data, err := c.fetch(t)
			if plugins.KindOf(err) != tt.kind || (err != nil && tt.kind == "") || res.Status != tt.status {
				t.Fatalf("got %+v, %v", res, err)
			}
			if (tt.status == plugins.FetchReady) != (len(data) > 0 && err == nil) {
				t.Errorf("%d bytes with status %q", len(data), res.Status)
			}
			if err != nil && strings.Contains(err.Error(), "token=") {
				t.Errorf("the download's token is in the error: %v", err)
			}
		})
	}
}

// TestFetchAsksAgainForAnAddress lets the first download address be too old.
func TestFetchAsksAgainForAnAddress(t *testing.T) {
	c := newChannel(t)
	c.sim.Break(channelsim.Faults{ExpiredURL: true})
	before := len(c.sim.Calls())
	if _, _, err := c.fetch(t); plugins.KindOf(err) != plugins.FailureRefused {
		t.Fatalf("got %v", err)
	}
	asked := 0
	for _, call := range c.sim.Calls()[before:] {
		if call.Path == "/v3/bill/tradebill" {
			asked++
		}
	}
	if asked != urlTries {
		t.Errorf("asked for %d addresses", asked)
	}
}

func clone[M ~map[string]string](m M) M {
	out := M{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

// TestFetchKeepsToItsHost answers with addresses elsewhere; the signed request must not go there.
func TestFetchKeepsToItsHost(t *testing.T) {
	visited := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited = true }))
	defer elsewhere.Close()
	c := newChannel(t)
	s := session{base: mustURL(t, c.server.URL)}
	for _, address := range []string{elsewhere.URL + "/file", "https://" + mustURL(t, c.server.URL).Host + "/f", "http://user@" + mustURL(t, c.server.URL).Host + "/f", "//x", "::"} {
		err := testAdapter(t, c.env, c.clock.now).download(t.Context(), &s, ticket{URL: address}, &bytes.Buffer{})
		if plugins.KindOf(err) != plugins.FailureRefused {
			t.Errorf("%s: got %v", address, err)
		}
	}
	if visited {
		t.Error("a request went to another host")
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestFetchThenDecode runs the built binary against the simulated channel, and compares with the channel's own books.
func TestFetchThenDecode(t *testing.T) {
	c := newChannel(t)
	c.clock.set(time.Now()) // the binary signs with the machine's own clock
	c.settings[settingKey], c.settings[settingPlatform] = "WECHAT_TEST_KEY", "WECHAT_TEST_PLATFORM"
	t.Setenv("WECHAT_TEST_KEY", c.env["MCH_KEY"])
	t.Setenv("WECHAT_TEST_PLATFORM", c.env["PLATFORM_KEY"])
	h := startBinary(t, plugins.HostConfig{Env: []string{"WECHAT_TEST_KEY", "WECHAT_TEST_PLATFORM"}})
	var file bytes.Buffer
	res, err := h.Fetch(t.Context(), plugins.FetchRequest{Account: merchant, Kind: kindTrade, Date: day, Settings: c.settings}, &file)
	if err != nil || res.Status != plugins.FetchReady {
		t.Fatalf("got %+v, %v", res, err)
	}
	got := &collected{}
	done, err := h.Decode(t.Context(), plugins.DecodeRequest{
		Kind: kindTrade, Account: merchant, Date: day, File: "bill.csv", SHA256: res.SHA256, Hash: res.Hash,
	}, &file, got)
	if err != nil {
		t.Fatal(err)
	}
	booked := c.sim.Booked()
	if len(got.records) != len(booked) || len(got.rejects) != 0 || done.Records != int64(len(booked)) {
		t.Fatalf("%d records, %d rejects, %d booked", len(got.records), len(got.rejects), len(booked))
	}
	for i, row := range booked {
		compareRow(t, got.records[i], row)
	}
}

func compareRow(t *testing.T, r recon.Record, row channelsim.Row) {
	t.Helper()
	want := recon.Record{
		Channel: "wechat", Account: row.MchID, Key: recon.Key{Kind: recon.KindPayment, ID: row.OutTradeNo}, Order: row.OutTradeNo,
		ChannelTxn: row.TransactionID, Amount: recon.Money{Minor: row.Total, Currency: "CNY"}, Status: recon.StatusSuccess,
	}
	if row.State == channelsim.StateRefund {
		want.Key, want.ChannelTxn = recon.Key{Kind: recon.KindRefund, ID: row.OutRefundNo}, row.RefundID
		want.Amount.Minor, want.Original = row.Refund, row.TransactionID
	}
	if r.Fee == nil || r.Fee.Minor != row.Fee || !r.Time.Equal(row.Time) {
		t.Errorf("fee %v time %v, booked %d %v", r.Fee, r.Time, row.Fee, row.Time)
	}
	r.Fee, r.Time, r.Origin = nil, time.Time{}, recon.Origin{}
	if fmt.Sprint(r) != fmt.Sprint(want) {
		t.Errorf("\n got %+v\nwant %+v", r, want)
	}
}

type collected struct {
	records []recon.Record
	rejects []recon.Reject
}

func (c *collected) Record(r recon.Record) error { c.records = append(c.records, r); return nil }
func (c *collected) Reject(r recon.Reject) error { c.rejects = append(c.rejects, r); return nil }

func startBinary(t *testing.T, cfg plugins.HostConfig) *plugins.Host {
	t.Helper()
	pin, err := plugins.FileSHA256(binary)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Name, cfg.Path, cfg.SHA256 = "wechat", binary, pin
	cfg.Logger, cfg.Metrics = slog.New(slog.NewTextHandler(t.Output(), nil)), plugins.NewMetrics(prometheus.NewRegistry())
	h, err := plugins.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// TestFetchObeysCancellation holds an answer back.
func TestFetchObeysCancellation(t *testing.T) {
	c := newChannel(t)
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)
	c.settings[settingBase] = slow.URL
	h, err := plugins.Embed(t.Context(), testAdapter(t, c.env, c.clock.now), plugins.HostConfig{
		Name: "wechat", Logger: slog.New(slog.DiscardHandler), Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = h.Fetch(ctx, plugins.FetchRequest{Account: merchant, Kind: kindTrade, Date: day, Settings: c.settings}, &bytes.Buffer{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

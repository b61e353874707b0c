package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/channelsim"
	"github.com/seed-3356bd69/touchstone/test/rsakeys"
)

const (
	pid = "2088000000000001"
	day = "2026-07-01"
)

// keys are made once.
var keys rsakeys.Ring

// shop is a merchant at a simulated Alipay with one day of trades.
type shop struct {
	sim      *channelsim.Alipay
	now      time.Time
	env      map[string]string
	settings plugins.Settings
	rows     []channelsim.AlipayRow
}

func at(text string) time.Time {
	when, err := time.Parse(time.RFC3339, text+"+08:00")
	if err != nil {
		panic(err)
	}
	return when
}

func newShop(t *testing.T) *shop {
	t.Helper()
	app, own := keys.Of("application"), keys.Of("alipay")
	s := &shop{now: at("2026-07-02T10:00:00"), env: map[string]string{"APP_KEY": app.Private, "ALIPAY_KEY": own.Public}}
	s.sim = channelsim.NewAlipay(channelsim.AlipayConfig{
		AppID: "2021000000000001", PID: pid, Now: func() time.Time { return s.now }, AppKey: &app.Key.PublicKey, Key: own.Key,
	})
	server := httptest.NewServer(s.sim)
	t.Cleanup(server.Close)
	host, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.settings = plugins.Settings{
		settingBase: server.URL, settingApp: "2021000000000001", settingKey: "APP_KEY", settingAlipay: "ALIPAY_KEY", settingHosts: host.Host,
	}
	for i, fen := range []int64{1, 600, 1999, 12345} {
		s.rows = append(s.rows, channelsim.AlipayRow{
			Trade: fmt.Sprintf("20260701220014000000000000%02d", i), Order: fmt.Sprintf("P%d", i), Goods: `goods, "x"`,
			Created: at(day + "T09:00:00"), Done: at(fmt.Sprintf("%sT%02d:00:03", day, 9+i)), Amount: fen, Fee: -fen * 6 / 1000,
		})
	}
	paid := s.rows[3]
	for i, fen := range []int64{45, 300} {
		back := paid
		back.Refund, back.Amount, back.Fee, back.Done = fmt.Sprintf("R%d", i), -fen, fen*6/1000, paid.Done.Add(time.Hour)
		s.rows = append(s.rows, back)
	}
	s.sim.Book(s.rows...)
	return s
}

func (s *shop) adapter(t *testing.T) *adapter {
	return testAdapter(t, s.env, func() time.Time { return s.now })
}

func (s *shop) fetch(t *testing.T, kind string) (plugins.FetchResult, []byte, error) {
	t.Helper()
	var out bytes.Buffer
	res, err := s.adapter(t).Fetch(t.Context(), plugins.FetchRequest{Account: pid, Kind: kind, Date: day, Settings: s.settings}, &out)
	return res, out.Bytes(), err
}

func TestFetch(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults channelsim.Faults
		set    func(*shop)
		status plugins.FetchStatus
		kind   plugins.FailureKind
	}{
		{name: "ready", status: plugins.FetchReady},
		{name: "empty day", faults: channelsim.Faults{EmptyDay: true}, status: plugins.FetchEmpty},
		{name: "missing before it was promised", faults: channelsim.Faults{EmptyDay: true}, set: func(s *shop) { s.now = at("2026-07-02T09:59:59") }, status: plugins.FetchNotReady},
		{name: "the day is not over", set: func(s *shop) { s.now = at("2026-07-01T23:59:59") }, status: plugins.FetchNotReady},
		{name: "download cut", faults: channelsim.Faults{CutDownload: true}, status: plugins.FetchReady},
		{name: "page instead of a zip", faults: channelsim.Faults{ExpiredURL: true}, kind: plugins.FailureUnavailable},
		{name: "forged answer", faults: channelsim.Faults{WrongSignature: true}, kind: plugins.FailureUnavailable},
		{name: "forged empty day", faults: channelsim.Faults{WrongSignature: true, EmptyDay: true}, kind: plugins.FailureUnavailable},
		{name: "too many calls", faults: channelsim.Faults{RateLimit: true}, kind: plugins.FailureUnavailable},
		{name: "down", faults: channelsim.Faults{Down: true}, kind: plugins.FailureUnavailable},
		{name: "no application", set: func(s *shop) { delete(s.settings, settingApp) }, kind: plugins.FailureConfig},
		{name: "no key", set: func(s *shop) { delete(s.env, "APP_KEY") }, kind: plugins.FailureConfig},
		{name: "another application's key", set: func(s *shop) { s.env["APP_KEY"] = keys.Of("stranger").Private }, kind: plugins.FailureConfig},
		{name: "download elsewhere", set: func(s *shop) { delete(s.settings, settingHosts) }, kind: plugins.FailureRefused},
		{name: "nobody listens", set: func(s *shop) { s.settings[settingBase] = "http://127.0.0.1:1" }, kind: plugins.FailureUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			s.sim.Break(tt.faults)
			if tt.set != nil {
				tt.set(s)
			}
			res, data, err := s.fetch(t, kindTrade)
			if plugins.KindOf(err) != tt.kind || (err != nil && tt.kind == "") || res.Status != tt.status {
				t.Fatalf("got %+v, %v", res, err)
			}
			if (tt.status == plugins.FetchReady) != (len(data) > 0 && err == nil) {
				t.Errorf("%d bytes with status %q", len(data), res.Status)
			}
			if err != nil && strings.Contains(err.Error(), "token=") {
				t.Errorf("the download's token is in the error: %v", err)
			}
			if asked := s.sim.Asked(); tt.faults.ExpiredURL && asked != urlTries {
				t.Errorf("asked for %d addresses", asked)
			}
		})
	}
}

// TestDamageIsFoundWhenDecoding fetches what the channel broke in ways that only the contents show.
func TestDamageIsFoundWhenDecoding(t *testing.T) {
	for _, tt := range []struct {
		faults channelsim.Faults
		want   string
	}{
		{channelsim.Faults{CutDownload: true}, "damaged or cut off"},
		{channelsim.Faults{CutBill: true}, "cut off"},
		{channelsim.Faults{WrongSummary: true}, "details are not the summary"},
	} {
		s := newShop(t)
		s.sim.Break(tt.faults)
		_, data, err := s.fetch(t, kindTrade)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.adapter(t).Decode(t.Context(), plugins.DecodeRequest{Kind: kindTrade, Account: pid, Date: day}, bytes.NewReader(data), &collected{})
		if plugins.KindOf(err) != plugins.FailureQuarantine || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got %v", tt.faults, err)
		}
	}
}

// TestFetchThenDecode runs the built binary against the simulated channel, and compares with the channel's own books.
func TestFetchThenDecode(t *testing.T) {
	s := newShop(t)
	s.now = time.Now()
	for name, value := range s.env {
		t.Setenv(name, value)
	}
	pin, err := plugins.FileSHA256(binary)
	if err != nil {
		t.Fatal(err)
	}
	h, err := plugins.Start(t.Context(), plugins.HostConfig{
		Name: "alipay", Path: binary, SHA256: pin, Env: []string{"APP_KEY", "ALIPAY_KEY"},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for kind, want := range map[string]int{kindTrade: len(s.rows), kindAccount: len(s.rows) + 3} { // three fees are not nothing
		var file bytes.Buffer
		res, err := h.Fetch(t.Context(), plugins.FetchRequest{Account: pid, Kind: kind, Date: day, Settings: s.settings}, &file)
		if err != nil || res.Status != plugins.FetchReady {
			t.Fatalf("got %+v, %v", res, err)
		}
		got := &collected{}
		done, err := h.Decode(t.Context(), plugins.DecodeRequest{Kind: kind, Account: pid, Date: day, File: "bill.zip", SHA256: res.SHA256}, &file, got)
		if err != nil || len(got.records) != want || len(got.rejects) != 0 {
			t.Fatalf("%s: %d records, rejects %v, %v", kind, len(got.records), got.rejects, err)
		}
		if kind == kindTrade {
			for i, row := range s.rows {
				compareRow(t, got.records[i], row)
			}
		}
		t.Logf("%s: %d control totals agree", kind, len(done.Totals))
	}
}

func compareRow(t *testing.T, r recon.Record, row channelsim.AlipayRow) {
	t.Helper()
	want := recon.Record{
		Channel: "alipay", Account: pid, Key: recon.Key{Kind: recon.KindPayment, ID: row.Order}, Order: row.Order, ChannelTxn: row.Trade,
		Amount: recon.Money{Minor: row.Amount, Currency: "CNY"}, Status: recon.StatusSuccess,
	}
	if row.Refund != "" {
		want.Key, want.Original, want.Amount.Minor = recon.Key{Kind: recon.KindRefund, ID: row.Refund}, row.Trade, -row.Amount
	}
	if r.Fee == nil || r.Fee.Minor != -row.Fee || !r.Time.Equal(row.Done) {
		t.Errorf("fee %v time %v, booked %d %v", r.Fee, r.Time, row.Fee, row.Done)
	}
	r.Fee, r.Time, r.Origin = nil, time.Time{}, recon.Origin{}
	if fmt.Sprint(r) != fmt.Sprint(want) {
		t.Errorf("\n got %+v\nwant %+v", r, want)
	}
}

func TestQuery(t *testing.T) {
	s := newShop(t)
	ask := func(kind recon.Kind, id, order string) (plugins.QueryResult, error) {
		return s.adapter(t).Query(t.Context(), plugins.QueryRequest{Account: pid, Kind: kind, ID: id, Order: order, Settings: s.settings})
	}
	if res, err := ask(recon.KindPayment, "P2", "P2"); err != nil || !res.Found || res.Record.Amount.Minor != 1999 || res.Record.Status != recon.StatusSuccess || res.Record.ChannelTxn != s.rows[2].Trade {
		t.Errorf("payment: got %+v, %v", res, err)
	}
	if res, err := ask(recon.KindRefund, "R1", "P3"); err != nil || !res.Found || res.Record.Amount.Minor != 300 || res.Record.Key.ID != "R1" || res.Record.Original != s.rows[3].Trade {
		t.Errorf("refund: got %+v, %v", res, err)
	}
	if res, err := ask(recon.KindPayment, "none", "none"); err != nil || res.Found {
		t.Errorf("unknown payment: got %+v, %v", res, err)
	}
	if res, err := ask(recon.KindRefund, "none", "P3"); err != nil || res.Found {
		t.Errorf("unknown refund: got %+v, %v", res, err)
	}
	s.sim.Break(channelsim.Faults{WrongSignature: true})
	if _, err := ask(recon.KindPayment, "P2", "P2"); plugins.KindOf(err) != plugins.FailureUnavailable {
		t.Errorf("forged: got %v", err)
	}
	if _, err := ask(recon.KindPayment, "none", "none"); plugins.KindOf(err) != plugins.FailureUnavailable {
		t.Errorf("forged, unknown: got %v", err)
	}
}

func TestNotification(t *testing.T) {
	s := newShop(t)
	body, err := s.sim.Notify(s.rows[2])
	if err != nil {
		t.Fatal(err)
	}
	refund, err := s.sim.Notify(s.rows[4])
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, body, account string
		kind                plugins.FailureKind
	}{
		{name: "payment", body: body, account: pid},
		{name: "altered", body: strings.Replace(body, "total_amount=19.99", "total_amount=19.98", 1), kind: plugins.FailureForged},
		{name: "a parameter twice", body: body + "&total_amount=0.01", kind: plugins.FailureForged},
		{name: "no signature", body: strings.Split(body, "&sign=")[0], kind: plugins.FailureForged},
		{name: "another account", body: body, account: "2088999999999999", kind: plugins.FailureForged},
		{name: "refund", body: refund, kind: plugins.FailureUnsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res, err := s.adapter(t).DecodeEvent(t.Context(), plugins.EventRequest{Account: tt.account, Body: []byte(tt.body), Settings: s.settings})
			if plugins.KindOf(err) != tt.kind || (err != nil && tt.kind == "") {
				t.Fatalf("got %v", err)
			}
			if tt.kind == "" && (res.Kind != eventPayment || res.Reply.Body != "success" || res.Record.Amount.Minor != 1999 || !res.Record.Time.Equal(s.rows[2].Done)) {
				t.Errorf("got %+v", res)
			}
		})
	}
}

package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/channelsim"
	"github.com/seed-3356bd69/touchstone/test/rsakeys"
)

const merchantID = "802310048993424"

// keys are made once.
var keys rsakeys.Ring

// shop is a merchant at a simulated UnionPay. Its settlement day began yesterday at 23:00.
type shop struct {
	sim      *channelsim.UnionPay
	now      time.Time
	day      string
	env      map[string]string
	settings plugins.Settings
	rows     []channelsim.UnionPayRow
}

func newShop(t *testing.T, now time.Time) *shop {
	t.Helper()
	own, peer := keys.Of("merchant"), keys.Of("unionpay")
	s := &shop{now: now, env: map[string]string{"KEY": own.Private, "PEER": peer.Public}}
	s.sim = channelsim.NewUnionPay(channelsim.UnionPayConfig{
		MerID: merchantID, CertID: "68759663125", MerchantKey: &own.Key.PublicKey, Key: peer.Key, Now: func() time.Time { return s.now },
	})
	server := httptest.NewServer(s.sim)
	t.Cleanup(server.Close)
	s.settings = plugins.Settings{
		settingFiles: server.URL, settingAPI: server.URL, settingCert: "68759663125", settingKey: "KEY", settingPeer: "PEER",
		settingEmpty: "98", settingWaiting: "97",
	}
	zone := time.FixedZone("CST", 8*3600)
	day := now.In(zone).AddDate(0, 0, -1)
	day = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
	s.day = day.Format(time.DateOnly)
	for i, fen := range []int64{476800, 1, 83800} {
		s.rows = append(s.rows, channelsim.UnionPayRow{
			Type: "01", Trace: fmt.Sprintf("%06d", i+1), Query: fmt.Sprintf("%021d", i+1), Order: fmt.Sprintf("P%d", i), Shop: "测试商店",
			At: day.Add(time.Duration(i*10)*time.Hour - time.Hour), Amount: fen, Fee: fen * 6 / 1000, // the first one at 23:00 the evening before
		})
	}
	s.rows = append(s.rows,
		channelsim.UnionPayRow{Type: "04", Trace: "000009", Query: fmt.Sprintf("%021d", 9), Origin: s.rows[0].Query, Order: "R0", At: day.Add(20 * time.Hour), Amount: 3800, Fee: -22},
		channelsim.UnionPayRow{Dispute: true, Trace: "000010", Origin: s.rows[0].Trace + "x", At: day.Add(21 * time.Hour), Amount: 500})
	s.sim.Book(s.rows...)
	return s
}

func (s *shop) adapter() *adapter { return testAdapter(s.env, func() time.Time { return s.now }) }

func (s *shop) fetch(t *testing.T) (plugins.FetchResult, []byte, error) {
	t.Helper()
	var out bytes.Buffer
	res, err := s.adapter().Fetch(t.Context(), plugins.FetchRequest{Account: merchantID, Kind: kindTrade, Date: s.day, Settings: s.settings}, &out)
	return res, out.Bytes(), err
}

func at(text string) time.Time {
	when, err := time.Parse(time.RFC3339, text+"+08:00")
	if err != nil {
		panic(err)
	}
	return when
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
		{name: "a code nobody declared to be an empty day", faults: channelsim.Faults{EmptyDay: true}, set: func(s *shop) { delete(s.settings, settingEmpty) }, kind: plugins.FailureRefused},
		{name: "not made yet", faults: channelsim.Faults{NotReady: true}, status: plugins.FetchNotReady},
		{name: "the day is not over", set: func(s *shop) { s.now = s.now.AddDate(0, 0, -1) }, status: plugins.FetchNotReady},
		{name: "too many calls", faults: channelsim.Faults{RateLimit: true}, kind: plugins.FailureUnavailable},
		{name: "down", faults: channelsim.Faults{Down: true}, kind: plugins.FailureUnavailable},
		{name: "forged answer", faults: channelsim.Faults{WrongSignature: true}, kind: plugins.FailureUnavailable},
		{name: "another merchant's key", set: func(s *shop) { s.env["KEY"] = keys.Of("stranger").Private }, kind: plugins.FailureConfig},
		{name: "no certificate", set: func(s *shop) { delete(s.settings, settingCert) }, kind: plugins.FailureConfig},
		{name: "nobody listens", set: func(s *shop) { s.settings[settingFiles] = "http://127.0.0.1:1" }, kind: plugins.FailureUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t, at("2026-07-02T09:30:00"))
			s.sim.Break(tt.faults)
			if tt.set != nil {
				tt.set(s)
			}
			res, data, err := s.fetch(t)
			if plugins.KindOf(err) != tt.kind || (err != nil && tt.kind == "") || res.Status != tt.status {
				t.Fatalf("got %+v, %v", res, err)
			}
			if (tt.status == plugins.FetchReady) != (len(data) > 0 && err == nil) {
				t.Errorf("%d bytes with status %q", len(data), res.Status)
			}
		})
	}
}

func TestDamageIsFoundWhenDecoding(t *testing.T) {
	s := newShop(t, at("2026-07-02T09:30:00"))
	s.sim.Break(channelsim.Faults{CutDownload: true})
	_, data, err := s.fetch(t)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := decodeDay(t, kindTrade, s.day, data); plugins.KindOf(err) != plugins.FailureQuarantine {
		t.Errorf("cut zip: got %v", err)
	}
	s.sim.Break(channelsim.Faults{WrongSummary: true})
	if _, data, err = s.fetch(t); err != nil {
		t.Fatal(err)
	}
	got, _, err := decodeDay(t, kindTrade, s.day, data)
	if err != nil || len(got.records) != 0 || len(got.rejects) != 4 || !strings.Contains(got.rejects[0].Reason, "without the fee") {
		t.Errorf("lines that contradict themselves: %d records, %v, %v", len(got.records), got.rejects, err)
	}
}

// TestFetchThenDecode runs the built binary against the simulated channel, and compares with the channel's own books.
func TestFetchThenDecode(t *testing.T) {
	s := newShop(t, time.Now())
	s.now = s.now.AddDate(0, 0, 1) // whatever the hour, the file is there
	for name, value := range s.env {
		t.Setenv(name, value)
	}
	pin, err := plugins.FileSHA256(binary)
	if err != nil {
		t.Fatal(err)
	}
	h, err := plugins.Start(t.Context(), plugins.HostConfig{
		Name: "unionpay", Path: binary, SHA256: pin, Env: []string{"KEY", "PEER"},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var file bytes.Buffer
	res, err := h.Fetch(t.Context(), plugins.FetchRequest{Account: merchantID, Kind: kindTrade, Date: s.day, Settings: s.settings}, &file)
	if err != nil || res.Status != plugins.FetchReady {
		t.Fatalf("got %+v, %v", res, err)
	}
	for kind, rows := range map[string][]channelsim.UnionPayRow{kindTrade: s.rows[:4], kindDisputes: s.rows[4:]} {
		got := &collected{}
		if _, err := h.Decode(t.Context(), plugins.DecodeRequest{Kind: kind, Account: merchantID, Date: s.day, File: "bill.zip", SHA256: res.SHA256}, bytes.NewReader(file.Bytes()), got); err != nil {
			t.Fatal(err)
		}
		if len(got.records) != len(rows) || len(got.rejects) != 0 {
			t.Fatalf("%s: %d records, rejects %v", kind, len(got.records), got.rejects)
		}
		for i, row := range rows {
			compareRow(t, got.records[i], row)
		}
	}
}

func compareRow(t *testing.T, r recon.Record, row channelsim.UnionPayRow) {
	t.Helper()
	if r.Amount.Minor != row.Amount || r.Amount.Currency != "CNY" || r.Fee == nil || r.Fee.Minor != row.Fee || !r.Time.Equal(row.At.Truncate(time.Second)) || r.Account != merchantID {
		t.Errorf("got %+v, booked %+v", r, row)
	}
	if row.Dispute {
		return
	}
	kind := recon.KindPayment
	if row.Type == "04" {
		kind = recon.KindRefund
	}
	if r.Key != (recon.Key{Kind: kind, ID: row.Order}) || r.ChannelTxn != row.Query || r.Original != row.Origin {
		t.Errorf("got %+v, booked %+v", r, row)
	}
}

func TestQuery(t *testing.T) {
	s := newShop(t, at("2026-07-02T09:30:00"))
	ask := func(kind recon.Kind, id string, sent time.Time) (plugins.QueryResult, error) {
		return s.adapter().Query(t.Context(), plugins.QueryRequest{Account: merchantID, Kind: kind, ID: id, Time: sent, Settings: s.settings})
	}
	if res, err := ask(recon.KindPayment, "P2", s.rows[2].At); err != nil || !res.Found || res.Record.Amount.Minor != 83800 || res.Record.Status != recon.StatusSuccess {
		t.Errorf("payment: got %+v, %v", res, err)
	}
	if res, err := ask(recon.KindRefund, "R0", s.rows[3].At); err != nil || !res.Found || res.Record.Original != s.rows[0].Query {
		t.Errorf("refund: got %+v, %v", res, err)
	}
	if res, err := ask(recon.KindPayment, "none", s.rows[2].At); err != nil || res.Found {
		t.Errorf("unknown: got %+v, %v", res, err)
	}
	if _, err := ask(recon.KindRefund, "P2", s.rows[2].At); plugins.KindOf(err) != plugins.FailureUnavailable {
		t.Errorf("a payment asked for as a refund: got %v", err)
	}
	if _, err := ask(recon.KindPayment, "P2", time.Time{}); plugins.KindOf(err) != plugins.FailureConfig {
		t.Errorf("without a time: got %v", err)
	}
}

func TestNotification(t *testing.T) {
	s := newShop(t, at("2026-07-02T09:30:00"))
	body, err := s.sim.Notify(s.rows[3])
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		body string
		kind plugins.FailureKind
	}{
		"refund":  {body: body},
		"altered": {strings.Replace(body, "txnAmt=3800", "txnAmt=3801", 1), plugins.FailureForged},
		"doubled": {body + "&txnAmt=1", plugins.FailureForged},
		"empty":   {"", plugins.FailureForged},
	} {
		res, err := s.adapter().DecodeEvent(t.Context(), plugins.EventRequest{Account: merchantID, Body: []byte(tt.body), Settings: s.settings})
		if plugins.KindOf(err) != tt.kind || (err != nil && tt.kind == "") {
			t.Errorf("%s: got %v", name, err)
		}
		if tt.kind == "" && (res.Kind != eventRefund || res.Record.Amount.Minor != 3800 || res.Record.Key.ID != "R0") {
			t.Errorf("%s: got %+v", name, res)
		}
	}
}

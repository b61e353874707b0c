package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/channelsim"
)

// v2Settings are those of the older interface.
func (c *shop) v2Settings() plugins.Settings {
	s := clone(c.settings)
	s[settingAPI], s[settingAppID], s[settingAPIKey] = apiV2, "wx0000000000000001", "API_KEY"
	return s
}

func (c *shop) fetchKind(t *testing.T, kind string, settings plugins.Settings) (plugins.FetchResult, []byte, error) {
	t.Helper()
	var out bytes.Buffer
	res, err := testAdapter(t, c.env, c.clock.now).Fetch(t.Context(), plugins.FetchRequest{Account: merchant, Kind: kind, Date: day, Settings: settings}, &out)
	return res, out.Bytes(), err
}

func (c *shop) decode(t *testing.T, kind string, res plugins.FetchResult, data []byte) (*collected, plugins.DecodeResult, error) {
	t.Helper()
	got := &collected{}
	done, err := testAdapter(t, c.env, c.clock.now).Decode(t.Context(), plugins.DecodeRequest{Kind: kind, Account: merchant, Date: day, Hash: res.Hash}, bytes.NewReader(data), got)
	return got, done, err
}

// TestEveryBillOfBothInterfaces fetches each bill by v3 and v2, plain and compressed, and compares with the books.
func TestEveryBillOfBothInterfaces(t *testing.T) {
	c := newChannel(t)
	booked := c.sim.Booked()
	payments, refunds := booked[:4], booked[4:]
	fees := 0
	for _, r := range payments {
		if r.Fee > 0 {
			fees++
		}
	}
	for _, tt := range []struct {
		kind string
		want int
	}{
		{kindTrade, len(booked)}, {kindSuccess, len(payments)}, {kindRefund, len(refunds)},
		{kindBasic, len(booked) + fees}, {kindOperation, len(booked) + fees}, {kindFees, len(booked) + fees},
	} {
		for _, api := range []string{"v3", apiV2} {
			for _, gzip := range []string{"", "true"} {
				if api == apiV2 && isFund(tt.kind) {
					continue // needs a client certificate: see TestFundFlowOfV2
				}
				t.Run(tt.kind+" "+api+" "+gzip, func(t *testing.T) {
					settings := clone(c.settings)
					if api == apiV2 {
						settings = c.v2Settings()
					}
					settings[settingGzip] = gzip
					res, data, err := c.fetchKind(t, tt.kind, settings)
					if err != nil || res.Status != plugins.FetchReady || (string(data[:2]) == "\x1f\x8b") != (gzip == "true") {
						t.Fatalf("got %+v, %v", res, err)
					}
					got, done, err := c.decode(t, tt.kind, res, data)
					if err != nil || len(got.records) != tt.want || len(got.rejects) != 0 {
						t.Fatalf("%d records, rejects %v, %v", len(got.records), got.rejects, err)
					}
					if len(done.Totals) < 3 {
						t.Errorf("only %d totals were checked", len(done.Totals))
					}
				})
			}
		}
	}
}

// TestRefundBillHasItsOwnTimes: the first column of a REFUND bill is the payment's time, days earlier.
func TestRefundBillHasItsOwnTimes(t *testing.T) {
	c := newChannel(t)
	res, data, err := c.fetchKind(t, kindRefund, c.settings)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := c.decode(t, kindRefund, res, data)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range c.sim.Booked()[4:] {
		got.records[i].Channel = "wechat" // filled by the host
		compareRow(t, got.records[i], row)
	}
}

// TestBillsAreNotMixedUp decodes each bill as each kind: only its own will do, since they repeat each other's rows.
func TestBillsAreNotMixedUp(t *testing.T) {
	c := newChannel(t)
	for _, is := range []string{kindTrade, kindSuccess, kindRefund, kindBasic} {
		res, data, err := c.fetchKind(t, is, c.settings)
		if err != nil {
			t.Fatal(err)
		}
		for _, as := range []string{kindTrade, kindSuccess, kindRefund, kindBasic} {
			got, _, err := c.decode(t, as, res, data)
			if (err == nil) != (is == as) {
				t.Errorf("a %s bill read as %s: %d records, %v", is, as, len(got.records), err)
			}
		}
	}
}

// TestFundFlowDirectionMustBeThatOfItsKind: a refund that comes in is not what this adapter knows.
func TestFundFlowDirectionMustBeThatOfItsKind(t *testing.T) {
	c := newChannel(t)
	res, data, err := c.fetchKind(t, kindBasic, c.settings)
	if err != nil {
		t.Fatal(err)
	}
	turned := strings.Replace(string(data), "`退款,`退款,`支出,", "`退款,`退款,`收入,", 1)
	if turned == string(data) {
		t.Fatal("the change changes nothing")
	}
	res.Hash = plugins.Hash{}
	got, _, err := c.decode(t, kindBasic, res, []byte(turned))
	if err != nil || len(got.rejects) != 1 || got.rejects[0].Field != fundDirection {
		t.Errorf("rejects %v, %v", got.rejects, err)
	}
}

func TestFetchV2(t *testing.T) {
	c := newChannel(t)
	for _, tt := range []struct {
		name   string
		faults channelsim.Faults
		set    func(plugins.Settings, map[string]string)
		status plugins.FetchStatus
		kind   plugins.FailureKind
	}{
		{name: "ready", status: plugins.FetchReady},
		{name: "signed with HMAC", set: func(s plugins.Settings, _ map[string]string) { s[settingSignType] = signHMAC }, status: plugins.FetchReady},
		{name: "empty day", faults: channelsim.Faults{EmptyDay: true}, status: plugins.FetchEmpty},
		{name: "empty day, compressed", faults: channelsim.Faults{EmptyDay: true}, set: func(s plugins.Settings, _ map[string]string) { s[settingGzip] = "true" }, status: plugins.FetchEmpty},
		{name: "not ready", faults: channelsim.Faults{NotReady: true}, status: plugins.FetchNotReady},
		{name: "down", faults: channelsim.Faults{Down: true}, kind: plugins.FailureUnavailable},
		{name: "wrong key", set: func(_ plugins.Settings, env map[string]string) { env["API_KEY"] = "wrong" }, kind: plugins.FailureConfig},
		{name: "no appid", set: func(s plugins.Settings, _ map[string]string) { delete(s, settingAppID) }, kind: plugins.FailureConfig},
		{name: "signature nobody knows", set: func(s plugins.Settings, _ map[string]string) { s[settingSignType] = "SM3" }, kind: plugins.FailureConfig},
		{name: "compressed bill cut", faults: channelsim.Faults{CutDownload: true}, set: func(s plugins.Settings, _ map[string]string) { s[settingGzip] = "true" }, kind: plugins.FailureQuarantine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := *c
			c.env = clone(c.env)
			settings := c.v2Settings()
			if tt.set != nil {
				tt.set(settings, c.env)
			}
			c.sim.Break(tt.faults)
			res, data, err := c.fetchKind(t, kindTrade, settings)
			if plugins.KindOf(err) != tt.kind || (err != nil && tt.kind == "") || res.Status != tt.status {
				t.Fatalf("got %+v, %v", res, err)
			}
			if (tt.status == plugins.FetchReady) != (len(data) > 0 && err == nil) {
				t.Errorf("%d bytes with status %q", len(data), res.Status)
			}
		})
	}
	t.Run("a plain bill that was cut has no summary", func(t *testing.T) {
		c.sim.Break(channelsim.Faults{CutDownload: true})
		res, data, err := c.fetchKind(t, kindTrade, c.v2Settings())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.decode(t, kindTrade, res, data); plugins.KindOf(err) != plugins.FailureQuarantine {
			t.Errorf("got %v", err)
		}
	})
	t.Run("fund flow needs a certificate", func(t *testing.T) {
		if _, _, err := c.fetchKind(t, kindBasic, c.v2Settings()); plugins.KindOf(err) != plugins.FailureConfig || !strings.Contains(err.Error(), settingCert) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRateLimit(t *testing.T) {
	c := newChannel(t)
	c.sim.Break(channelsim.Faults{RateLimit: true})
	if _, _, err := c.fetchKind(t, kindTrade, c.settings); plugins.KindOf(err) != plugins.FailureUnavailable {
		t.Errorf("got %v", err)
	}
}

func TestQuery(t *testing.T) {
	c := newChannel(t)
	booked := c.sim.Booked()
	for _, api := range []string{"v3", apiV2} {
		settings := c.settings
		if api == apiV2 {
			settings = c.v2Settings()
		}
		ask := func(kind recon.Kind, id string) (plugins.QueryResult, error) {
			return testAdapter(t, c.env, c.clock.now).Query(t.Context(), plugins.QueryRequest{Account: merchant, Kind: kind, ID: id, Settings: settings})
		}
		pay, refund := booked[2], booked[4]
		if res, err := ask(recon.KindPayment, pay.OutTradeNo); err != nil || !res.Found || res.Record.Amount.Minor != pay.Total || res.Record.Status != recon.StatusSuccess ||
			res.Record.ChannelTxn != pay.TransactionID || !res.Record.Time.Equal(pay.Time) || res.Record.Account != merchant {
			t.Errorf("%s payment: got %+v, %v", api, res, err)
		}
		if res, err := ask(recon.KindRefund, refund.OutRefundNo); err != nil || !res.Found || res.Record.Amount.Minor != refund.Refund ||
			res.Record.ChannelTxn != refund.RefundID || res.Record.Original != refund.TransactionID || !res.Record.Time.Equal(refund.Time) {
			t.Errorf("%s refund: got %+v, %v", api, res, err)
		}
		for _, kind := range []recon.Kind{recon.KindPayment, recon.KindRefund} {
			if res, err := ask(kind, "none"); err != nil || res.Found {
				t.Errorf("%s unknown %s: got %+v, %v", api, kind, res, err)
			}
		}
		if _, err := ask(recon.KindSplit, "x"); plugins.KindOf(err) != plugins.FailureUnsupported {
			t.Errorf("%s split: got %v", api, err)
		}
		c.sim.Break(channelsim.Faults{WrongSignature: true})
		if _, err := ask(recon.KindPayment, pay.OutTradeNo); plugins.KindOf(err) != plugins.FailureUnavailable {
			t.Errorf("%s forged: got %v", api, err)
		}
		c.sim.Break(channelsim.Faults{})
	}
}

func TestCallbacks(t *testing.T) {
	c := newChannel(t)
	booked := c.sim.Booked()
	pay, refund := booked[2], booked[4]
	settings := c.v2Settings()
	hear := func(account string, h http.Header, body []byte) (plugins.EventResult, error) {
		return testAdapter(t, c.env, c.clock.now).DecodeEvent(t.Context(), plugins.EventRequest{Account: account, Header: h, Body: body, Received: c.clock.now(), Settings: settings})
	}
	for _, row := range []channelsim.Row{pay, refund} {
		h, body, err := c.sim.Notify(row)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []struct {
			name   string
			header http.Header
			body   []byte
		}{{"v3", h, body}, {"v2", nil, c.sim.NotifyV2(row)}} {
			res, err := hear(merchant, form.header, form.body)
			if err != nil {
				t.Fatalf("%s %s: %v", form.name, row.State, err)
			}
			want := recon.Key{Kind: recon.KindPayment, ID: row.OutTradeNo}
			amount := row.Total
			if row.State == channelsim.StateRefund {
				want, amount = recon.Key{Kind: recon.KindRefund, ID: row.OutRefundNo}, row.Refund
			}
			if res.Record.Key != want || res.Record.Amount.Minor != amount || !res.Record.Time.Equal(row.Time) || res.Record.Status != recon.StatusSuccess || res.Reply.Status == 0 {
				t.Errorf("%s %s: got %+v", form.name, row.State, res)
			}
			if _, err := hear("1900000002", form.header, form.body); plugins.KindOf(err) != plugins.FailureForged {
				t.Errorf("%s %s for another merchant: got %v", form.name, row.State, err)
			}
		}
		if _, err := hear(merchant, h, bytes.Replace(body, []byte("TRANSACTION"), []byte("TRANSACTIOM"), 1)); row.State == channelsim.StateSuccess && plugins.KindOf(err) != plugins.FailureForged {
			t.Errorf("altered: got %v", err)
		}
		h.Del("Wechatpay-Signature")
		if _, err := hear(merchant, h, body); plugins.KindOf(err) != plugins.FailureForged {
			t.Errorf("unsigned: got %v", err)
		}
	}
	altered := bytes.Replace(c.sim.NotifyV2(pay), []byte("<total_fee><![CDATA[1999"), []byte("<total_fee><![CDATA[1"), 1)
	if _, err := hear(merchant, nil, altered); plugins.KindOf(err) != plugins.FailureForged {
		t.Errorf("v2 altered: got %v", err)
	}
	doubled := bytes.Replace(c.sim.NotifyV2(pay), []byte("<xml>"), []byte("<xml><total_fee>1</total_fee>"), 1)
	if _, err := hear(merchant, nil, doubled); plugins.KindOf(err) != plugins.FailureForged {
		t.Errorf("v2 with an element twice: got %v", err)
	}
	c.env["API_KEY"] = strings.Repeat("x", 32)
	h, body, err := c.sim.Notify(pay)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hear(merchant, h, body); plugins.KindOf(err) != plugins.FailureForged {
		t.Errorf("another API key: got %v", err)
	}
	old := c.clock.now()
	c.clock.set(old.Add(maxSkew + 1e9))
	c.env["API_KEY"] = apiKey
	if _, err := hear(merchant, h, body); plugins.KindOf(err) != plugins.FailureForged {
		t.Errorf("a callback of the past: got %v", err)
	}
}

// FuzzDecode: no panic, and every line in exactly one place.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"all.csv", "all.csv.gz", "old.csv", "rejects.csv", "reordered.csv", "success.csv", "refund.csv", "fundflow.csv"} {
		for kind := range 6 {
			f.Add(readFixture(f, name), kind)
		}
	}
	kinds := []string{kindTrade, kindSuccess, kindRefund, kindBasic, kindOperation, kindFees}
	f.Fuzz(func(t *testing.T, text string, kind int) {
		got := &collected{}
		res, err := testAdapter(t, nil, nil).Decode(t.Context(), plugins.DecodeRequest{Kind: kinds[((kind%6)+6)%6]}, strings.NewReader(text), got)
		if res.Records != int64(len(got.records)) || res.Rejects != int64(len(got.rejects)) {
			t.Fatalf("%d records and %d rejects came, the result says %d and %d (%v)", len(got.records), len(got.rejects), res.Records, res.Rejects, err)
		}
		for _, r := range got.records {
			if r.Amount.Minor < 0 || r.Key.ID == "" || r.Origin.Line < 1 {
				t.Fatalf("record outside the contract: %+v", r)
			}
		}
	})
}

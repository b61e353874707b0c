package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/statement"
	"github.com/seed-3356bd69/touchstone/recon"
)

func decodeText(t *testing.T, text string) (*collected, plugins.DecodeResult, error) {
	t.Helper()
	got := &collected{}
	res, err := testAdapter(t, nil, time.Now).Decode(t.Context(), plugins.DecodeRequest{Kind: kindTrade}, strings.NewReader(text), got)
	return got, res, err
}

func readFixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestBrokenBills changes a good bill; whatever is not the whole bill must be quarantined, and said why.
func TestBrokenBills(t *testing.T) {
	good := readFixture(t, "all.csv")
	tests := []struct {
		name, text, want string
		kind             plugins.FailureKind
	}{
		{"empty", "", "empty file", plugins.FailureQuarantine},
		{"error answer of v2", "<xml><return_code>FAIL</return_code></xml>", "instead of a statement", plugins.FailureQuarantine},
		{"error answer of v3", `{"code":"NO_STATEMENT_EXIST"}`, "instead of a statement", plugins.FailureQuarantine},
		{"another file", "a,b,c\n1,2,3\n", "交易时间 is missing", plugins.FailureQuarantine},
		{"a column is missing", strings.Replace(good, "商户订单号,", "", 1), "商户订单号 is missing", plugins.FailureQuarantine},
		{"a column twice", strings.Replace(good, "设备号", "商户号", 1), "occurs twice", plugins.FailureQuarantine},
		{"a REFUND bill", strings.Replace(good, "代金券金额,微信退款单号", "代金券金额,退款申请时间,退款成功时间,微信退款单号", 1), "REFUND", plugins.FailureUnsupported},
		{"fee altered", strings.Replace(good, "`0.54000,", "`0.53000,", 1), "手续费总金额 is 0.58, details are 0.57", plugins.FailureQuarantine},
		{"fee without a point", strings.Replace(good, "`0.54000,", "`054000,", 1), "手续费总金额", plugins.FailureQuarantine},
		{"refund altered", strings.Replace(good, "`9.00,`0.00,`BALANCE", "`9.01,`0.00,`BALANCE", 1), "退款总金额 is 14.01", plugins.FailureQuarantine},
		{"count altered", strings.Replace(good, "\r\n`6,`", "\r\n`7,`", 1), "总交易单数 is 7, details are 6", plugins.FailureQuarantine},
		{"count no whole number", strings.Replace(good, "\r\n`6,`", "\r\n`6.5,`", 1), "总交易单数", plugins.FailureQuarantine},
		{"summary lacks a value", good[:strings.LastIndex(good, ",`")], "7 names and 6 values", plugins.FailureQuarantine},
		{"summary lacks a name", strings.Replace(strings.Replace(good, "手续费总金额,", "", 1), "`0.58000,", "", 1), "手续费总金额 is not stated", plugins.FailureQuarantine},
		{"summary row is cut off", good[:strings.LastIndex(good, "\r\n")], "no summary", plugins.FailureQuarantine},
		{"rows behind the summary", good + "\r\n" + strings.Split(good, "\r\n")[1] + "\r\n", "text after the summary", plugins.FailureQuarantine},
		{"a line too long", strings.Replace(good, "苹果", strings.Repeat("果", statement.MaxLine), 1), "a line longer than 65536 bytes", plugins.FailureQuarantine},
		{"saved again with quotes", strings.ReplaceAll(good, "`", "\""), "7 names and 1 values", plugins.FailureQuarantine},
		{"gzip cut off", readFixture(t, "all.csv.gz")[:300], "damaged or cut off", plugins.FailureQuarantine},
		{"gzip of garbage", "\x1f\x8b garbage", "damaged or cut off", plugins.FailureQuarantine},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.text == good {
				t.Fatal("the change changes nothing")
			}
			_, _, err := decodeText(t, tt.text)
			if plugins.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestEveryCutIsFound cuts a bill at every byte. Its last figure, 15.01, has no zero at the end that could go unnoticed.
func TestEveryCutIsFound(t *testing.T) {
	good := readFixture(t, "all.csv")
	for n := range len(good) {
		if _, _, err := decodeText(t, good[:n]); err == nil {
			t.Errorf("cut at %d of %d was accepted", n, len(good))
		}
	}
}

func TestFreeTextIsFree(t *testing.T) {
	good := readFixture(t, "all.csv")
	for _, goods := range []string{`a,b,,c`, `"`, `""quoted"", 'x'`, "总交易单数", "总交易单数,手续费总金额", "`", "tab\there", "E+5"} {
		got, _, err := decodeText(t, strings.Replace(good, "测试商品", goods, 1))
		if err != nil || len(got.records) != 6 || len(got.rejects) != 0 {
			t.Errorf("%q: %d records, rejects %v, %v", goods, len(got.records), got.rejects, err)
		}
	}
}

func TestReversalWithoutNumbers(t *testing.T) {
	text := strings.Replace(readFixture(t, "all.csv"), "`0.00,`0.00,`0,`0,`0.01,`0.00,`ORIGINAL,`SUCCESS", "`0.00,`0.00,`0,`0,`0.01,`0.00,`,`", 1)
	got, _, err := decodeText(t, text)
	if err != nil {
		t.Fatal(err)
	}
	last := got.records[5]
	want := recon.Key{Kind: recon.KindReversal, ID: "P3"}
	if last.Key != want || last.Amount.Minor != 1 || last.Status != recon.StatusSuccess {
		t.Errorf("got %+v", last)
	}
}

func TestOtherAccountIsRejected(t *testing.T) {
	got := &collected{}
	res, err := testAdapter(t, nil, time.Now).Decode(t.Context(), plugins.DecodeRequest{Kind: kindTrade, Account: "1900000002"},
		strings.NewReader(readFixture(t, "all.csv")), got)
	if err != nil || len(got.records) != 0 || len(got.rejects) != 6 || res.Totals[0].Counted != 6 {
		t.Errorf("%d records, %d rejects, %v", len(got.records), len(got.rejects), err)
	}
}

func TestUnknownHashTypeIsNotIgnored(t *testing.T) {
	_, err := testAdapter(t, nil, time.Now).Decode(t.Context(),
		plugins.DecodeRequest{Kind: kindTrade, Hash: plugins.Hash{Type: "MD5", Value: "00"}}, strings.NewReader(""), &collected{})
	if plugins.KindOf(err) != plugins.FailureUnsupported {
		t.Errorf("got %v", err)
	}
}

// longBill is a bill of many rows that is never in memory as a whole.
func longBill(w io.Writer, rows int) error {
	if _, err := io.WriteString(w, "交易时间,商户号,微信订单号,商户订单号,交易状态,货币种类,微信退款单号,商户退款单号,退款状态,商品名称,手续费,订单金额,申请退款金额\r\n"); err != nil {
		return err
	}
	for i := range rows {
		if _, err := fmt.Fprintf(w, "`2026-07-01 00:00:00,`1900000001,`%028d,`P%d,`SUCCESS,`CNY,`0,`0,`,`%0200d,`0.01000,`1.00,`0.00\r\n", i, i, i); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "总交易单数,订单总金额,申请退款总金额,手续费总金额\r\n`%d,`%d.00,`0.00,`%d.%02d000\r\n", rows, rows, rows/100, rows%100)
	return err
}

// counter takes records and keeps none.
type counter struct{ records, rejects int }

func (c *counter) Record(recon.Record) error { c.records++; return nil }
func (c *counter) Reject(recon.Reject) error { c.rejects++; return nil }

// TestMemoryDoesNotGrowWithTheFile runs the binary with less memory than the bill has bytes.
func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	const rows = 500_000
	digest, size := sha256.New(), &sizer{}
	if err := longBill(io.MultiWriter(digest, size), rows); err != nil {
		t.Fatal(err)
	}
	const memory = 96 << 20
	if size.n < memory*3/2 {
		t.Fatalf("the bill has only %d bytes", size.n)
	}
	h := startBinary(t, plugins.HostConfig{Memory: memory})
	in, out := io.Pipe()
	go func() { out.CloseWithError(longBill(out, rows)) }()
	got := &counter{}
	begin := time.Now()
	res, err := h.Decode(t.Context(), plugins.DecodeRequest{Kind: kindTrade, File: "long.csv", SHA256: hex.EncodeToString(digest.Sum(nil))}, in, got)
	_ = in.CloseWithError(errors.New("decode ended")) // frees the writer after a failure
	if err != nil || got.records != rows || res.Records != rows || got.rejects != 0 {
		t.Fatalf("%d records, %d rejects, %v", got.records, got.rejects, err)
	}
	t.Logf("%d bytes, %d rows in %v", size.n, rows, time.Since(begin))
}

type sizer struct{ n int64 }

func (s *sizer) Write(p []byte) (int, error) { s.n += int64(len(p)); return len(p), nil }

func TestDecodeObeysItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := testAdapter(t, nil, time.Now).Decode(ctx, plugins.DecodeRequest{Kind: kindTrade}, strings.NewReader("x"), &collected{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

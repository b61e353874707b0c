package channelsim

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// rig is a channel at noon of 2026-07-01 in Beijing, behind a real listener.
type rig struct {
	*Sim
	url string

	mu sync.Mutex
	at time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{at: time.Date(2026, 7, 1, 12, 0, 0, 0, beijing())}
	r.Sim = New(Config{MchID: "M1", Now: r.now})
	server := httptest.NewServer(r.Sim)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *rig) now() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.at }

func (r *rig) forward(d time.Duration) { r.mu.Lock(); defer r.mu.Unlock(); r.at = r.at.Add(d) }

func (r *rig) send(t *testing.T, method, path, body string) (int, map[string]any, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(data, &out) // a bill is no JSON
	return res.StatusCode, out, data
}

func payBody(order string, total int) string {
	return fmt.Sprintf(`{"appid":"A","mchid":"M1","description":"tea, \"green\"","out_trade_no":%q,"payer":{"auth_code":"1"},"attach":"x","amount":{"total":%d}}`, order, total)
}

func refundBody(order, refund string, amount, total int) string {
	return fmt.Sprintf(`{"out_trade_no":%q,"out_refund_no":%q,"amount":{"refund":%d,"total":%d,"currency":"CNY"}}`, order, refund, amount, total)
}

const (
	payPath    = "/v3/pay/transactions/codepay"
	refundPath = "/v3/refund/domestic/refunds"
)

func TestPayIsBookedOnceAndCountedAlways(t *testing.T) {
	r := newRig(t)
	_, first, _ := r.send(t, "POST", payPath, payBody("P1", 600))
	status, second, _ := r.send(t, "POST", payPath, payBody("P1", 600))
	if status != http.StatusOK || first["transaction_id"] != second["transaction_id"] || first["trade_state"] != "SUCCESS" {
		t.Fatalf("got %d %v and %v", status, first, second)
	}
	if id := first["transaction_id"].(string); id != "4200000001202607010000000001" {
		t.Errorf("transaction id %s", id)
	}
	status, other, _ := r.send(t, "POST", payPath, payBody("P1", 601))
	if status != http.StatusForbidden || other["code"] != "OUT_TRADE_NO_USED" {
		t.Errorf("another amount got %d %v", status, other)
	}
	if len(r.Booked()) != 1 || len(r.Calls()) != 3 || r.Calls()[2].OutTradeNo != "P1" || r.Calls()[2].Status != http.StatusForbidden {
		t.Errorf("booked %v, calls %v", r.Booked(), r.Calls())
	}
}

func TestRefunds(t *testing.T) {
	r := newRig(t)
	r.send(t, "POST", payPath, payBody("P1", 600))
	tests := []struct {
		name, body string
		status     int
	}{
		{"partial", refundBody("P1", "R1", 200, 600), http.StatusOK},
		{"the same again", refundBody("P1", "R1", 200, 600), http.StatusOK},
		{"same number, other amount", refundBody("P1", "R1", 201, 600), http.StatusBadRequest},
		{"wrong total", refundBody("P1", "R2", 200, 500), http.StatusBadRequest},
		{"more than is left", refundBody("P1", "R2", 401, 600), http.StatusForbidden},
		{"all that is left", refundBody("P1", "R2", 400, 600), http.StatusOK},
		{"nothing is left", refundBody("P1", "R3", 1, 600), http.StatusForbidden},
		{"no such order", refundBody("P9", "R9", 1, 600), http.StatusNotFound},
		{"negative", refundBody("P1", "R4", -1, 600), http.StatusBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if status, body, _ := r.send(t, "POST", refundPath, tt.body); status != tt.status {
				t.Errorf("got %d %v", status, body)
			}
		})
	}
	if n := len(r.Booked()); n != 3 {
		t.Errorf("%d rows are booked", n)
	}
}

func TestBill(t *testing.T) {
	r := newRig(t)
	r.send(t, "POST", payPath, payBody("P1", 600))
	r.send(t, "POST", refundPath, refundBody("P1", "R1", 100, 600))
	r.forward(12 * time.Hour) // midnight: the next day's
	r.send(t, "POST", payPath, payBody("P2", 1))
	if _, err := r.Bill("2026-07-01", time.Date(2026, 7, 2, 9, 59, 59, 0, beijing())); !errors.Is(err, ErrNotReady) {
		t.Errorf("before ten: %v", err)
	}
	ready := time.Date(2026, 7, 2, 10, 0, 0, 0, beijing())
	if _, err := r.Bill("2026-06-30", ready); !errors.Is(err, ErrEmptyDay) {
		t.Errorf("empty day: %v", err)
	}
	bill, err := r.Bill("2026-07-01", ready)
	if err != nil {
		t.Fatal(err)
	}
	want := "\uFEFF" + billHeader + "\r\n" +
		"`2026-07-01 12:00:00,`A,`M1,`0,`,`4200000001202607010000000001,`P1,`oSIM000000000000000000000001,`MICROPAY,`SUCCESS,`OTHERS,`CNY,`6.00,`0.00,`0,`0,`0.00,`0.00,`,`,`tea, \"green\",`x,`0.04000,`0.60%,`6.00,`0.00,`\r\n" +
		"`2026-07-01 12:00:00,`A,`M1,`0,`,`4200000001202607010000000001,`P1,`oSIM000000000000000000000001,`MICROPAY,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50300000012026070100000000002,`R1,`1.00,`0.00,`ORIGINAL,`SUCCESS,`tea, \"green\",`x,`-0.01000,`0.60%,`0.00,`1.00,`\r\n" +
		billSummary + "\r\n`2,`6.00,`1.00,`0.00,`0.03000,`6.00,`1.00\r\n"
	if string(bill) != want {
		t.Errorf("got\n%s\nwant\n%s", bill, want)
	}
	if n := strings.Count(billHeader, ",") + 1; n != 27 {
		t.Errorf("%d columns", n)
	}
}

func TestTamperKeepsTheBooksAndTheSummaryConsistent(t *testing.T) {
	r := newRig(t)
	r.send(t, "POST", payPath, payBody("P1", 600))
	r.Tamper(func(row *Row) { row.Total++ })
	bill, err := r.Bill("2026-07-01", r.now().AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(bill), "`6.01"); n != 4 { // twice in the row, twice in the summary
		t.Errorf("6.01 occurs %d times:\n%s", n, bill)
	}
	if r.Booked()[0].Total != 600 {
		t.Error("the books were altered")
	}
}

func TestDownload(t *testing.T) {
	r := newRig(t)
	r.send(t, "POST", payPath, payBody("P1", 600))
	r.forward(24 * time.Hour)
	_, ticket, _ := r.send(t, "GET", "/v3/bill/tradebill?bill_date=2026-07-01&bill_type=ALL", "")
	address, ok := ticket["download_url"].(string)
	if !ok {
		t.Fatalf("got %v", ticket)
	}
	path := strings.TrimPrefix(address, r.url)
	_, _, data := r.send(t, "GET", path, "")
	sum := sha1.Sum(data)
	bill, err := r.Bill("2026-07-01", r.now())
	if err != nil || !bytes.Equal(data, bill) || ticket["hash_value"] != hex.EncodeToString(sum[:]) {
		t.Errorf("download is not the bill, or not of hash %v: %v", ticket["hash_value"], err)
	}
	r.forward(31 * time.Second)
	if status, _, _ := r.send(t, "GET", path, ""); status != http.StatusBadRequest {
		t.Errorf("an address too old got %d", status)
	}
}

func TestConcurrentPaymentsGetTheirOwnIDs(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() { r.send(t, "POST", payPath, payBody(fmt.Sprintf("P%d", i%20), 100)) })
	}
	wg.Wait()
	ids := map[string]bool{}
	for _, row := range r.Booked() {
		ids[row.TransactionID] = true
	}
	if len(r.Booked()) != 20 || len(ids) != 20 || len(r.Calls()) != 40 {
		t.Errorf("%d booked, %d ids, %d calls", len(r.Booked()), len(ids), len(r.Calls()))
	}
}

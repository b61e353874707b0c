package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/events"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/channelsim"
	"github.com/seed-3356bd69/touchstone/test/loopback"
	"github.com/seed-3356bd69/touchstone/test/rsakeys"
)

const (
	eventsMerchant = "1900000001"
	eventsKey      = "0123456789abcdefghijklmnopqrstuv"
)

// eventsRig is a worker that takes callbacks of a simulated WeChat Pay through the adapter's own process.
type eventsRig struct {
	*dayRig
	sim     *channelsim.Sim
	channel string // URL of the channel
	zone    string // in which it is the early morning of the day behind the bookings'
	day     string
	url     string // of the events
	config  string
}

func newEventsRig(t *testing.T) *eventsRig {
	t.Helper()
	r := &eventsRig{dayRig: newDayRig(t)}
	now := time.Now().UTC()
	r.zone = fmt.Sprintf("Etc/GMT%+d", now.Hour()-6) // the sign is the other way round there
	if now.Hour() > 18 {
		r.zone = fmt.Sprintf("Etc/GMT%+d", now.Hour()-6-24)
	}
	zone, err := time.LoadLocation(r.zone)
	if err != nil {
		t.Fatal(err)
	}
	noon := now.In(zone).AddDate(0, 0, -1)
	r.day = noon.Format(time.DateOnly)
	var keys rsakeys.Ring
	own, platform := keys.Of("merchant"), keys.Of("platform")
	r.sim = channelsim.New(channelsim.Config{
		MchID: eventsMerchant, Now: time.Now, BookedAt: func() time.Time { return noon }, PlatformKey: platform.Key, APIKey: eventsKey,
	})
	server := httptest.NewServer(r.sim)
	t.Cleanup(server.Close)
	r.channel = server.URL
	binary := filepath.Join(r.dir, "adapters", "touchstone-adapter-wechat")
	if out, err := exec.Command("go", "build", "-o", binary, "../../plugins/wechat").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	pin, err := plugins.FileSHA256(binary)
	if err != nil {
		t.Fatal(err)
	}
	ports, err := loopback.FreeAddrs(3)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"mch.pem": own.Private, "platform.pem": platform.Public, "api.key": eventsKey, "queue.pass": "secret"} {
		r.write(name, text)
	}
	r.url = "http://" + ports[1] + "/events/wechat/" + eventsMerchant + "/notify/pay?from=wechat"
	r.config = filepath.Join(r.dir, "recon.yaml")
	r.configure(ports, pin)
	return r
}

// configure writes a configuration whose provisional close has not come yet.
func (r *eventsRig) configure(ports []string, pin string) {
	r.write("recon.yaml", fmt.Sprintf(`role: recon
store: sqlite:%s/state.db
archive: ./archive
listen: %s
queue: {listen: %s, data: ./queue, password_file: queue.pass}
events: {listen: %s, max_body: 8KiB}
adapters:
  folder: adapters
  run: [{name: wechat, sha256: "%s", secrets: {MCH_KEY: mch.pem, PLATFORM_KEY: platform.pem, API_KEY: api.key}}]
channels:
  - name: wechat
    account: "%s"
    zone: %s
    provisional: 22h
    from: 23h
    due: 23h
    callbacks: {queries: 10, rate: 1000}
    adapter: {name: wechat, base_url: "%s", settings: {serial_no: S1, private_key_env: MCH_KEY, platform_key_env: PLATFORM_KEY, api_key_env: API_KEY}}
    books: {path: books, file: "{day}.csv", format: lines.json}
`, r.dir, ports[0], ports[2], ports[1], pin, eventsMerchant, r.zone, r.channel))
}

// book has the channel book payments of 1.00 and gives them.
func (r *eventsRig) book(names ...string) []channelsim.Row {
	r.Helper()
	before := len(r.sim.Booked())
	for _, name := range names {
		body := fmt.Sprintf(`{"appid":"a","mchid":"%s","description":"d","out_trade_no":"%s","payer":{"auth_code":"1"},"amount":{"total":100,"currency":"CNY"}}`, eventsMerchant, name)
		response, err := http.Post(r.channel+"/v3/pay/transactions/codepay", "application/json", strings.NewReader(body))
		if err != nil {
			r.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			r.Fatalf("the channel booked %s with %d", name, response.StatusCode)
		}
	}
	return r.sim.Booked()[before:]
}

// callback sends a callback as the channel made it, changed by a test; 0 = nobody answered.
func (r *eventsRig) callback(url string, row channelsim.Row, change func(http.Header, []byte) []byte) int {
	header, body, err := r.sim.Notify(row)
	if err != nil {
		r.Error(err)
		return 0
	}
	if change != nil {
		body = change(header, body)
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		r.Error(err)
		return 0
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func (r *eventsRig) start() *workerProcess {
	r.Helper()
	w := &workerProcess{process: exec.Command(r.binary, "worker", r.config), log: filepath.Join(r.dir, "worker.log")}
	log, err := os.Create(w.log)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { log.Close() })
	w.process.Stderr, w.process.SysProcAttr = log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.process.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		_ = w.process.Process.Kill() // it may be over
		_ = w.process.Wait()
	})
	w.awaitLog(r.T, "events are taken")
	return w
}

// kept gives what is stored of the day, by order.
func (r *eventsRig) kept() map[string]events.Event {
	r.Helper()
	db, err := store.Open(r.Context(), "sqlite:"+r.dir+"/state.db")
	if err != nil {
		r.Fatal(err)
	}
	defer db.Close()
	all := map[string]events.Event{}
	if err := events.Each(r.Context(), db, "wechat/"+eventsMerchant+"/trade", r.day, func(e *events.Event) error { all[e.Record.Key.ID] = *e; return nil }); err != nil {
		r.Fatal(err)
	}
	return all
}

// TestCallbacksBeforeTheFile has hundreds of callbacks come at once, twice and forged, to a worker that is killed without
// warning while some are on their way. What was answered is there, and the close before the file says how the books stand.
func TestCallbacksBeforeTheFile(t *testing.T) {
	r := newEventsRig(t)
	worker := r.start()
	const n = 500
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("P%04d", i))
	}
	rows := r.book(names...)
	var wait sync.WaitGroup
	statuses := [2 * n]int{}
	for i := range statuses { // each twice at the same time
		wait.Go(func() { statuses[i] = r.callback(r.url, rows[i/2], nil) })
	}
	wait.Wait()
	for i, status := range statuses {
		if status != http.StatusNoContent {
			t.Fatalf("callback of %s: status %d", rows[i/2].OutTradeNo, status)
		}
	}
	if got := r.kept(); len(got) != n || got["P0007"].Record.Amount.Minor != 100 || got["P0007"].Record.ChannelTxn != rows[7].TransactionID || len(got["P0007"].SHA256) != 64 {
		t.Fatalf("%d kept; %+v", len(got), got["P0007"])
	}
	r.refused(rows[0])
	metrics := get(t, "http://"+r.adminAddr()+"/metrics")
	for _, line := range []string{
		fmt.Sprintf(`touchstone_recon_events_total{channel="wechat",outcome="new"} %d`, n), fmt.Sprintf(`touchstone_recon_events_total{channel="wechat",outcome="known"} %d`, n),
		`touchstone_recon_events_total{channel="wechat",outcome="forged"} 2`, `touchstone_recon_events_total{channel="wechat",outcome="refused"} 1`, `touchstone_recon_events_total{channel="none",outcome="refused"} 2`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s in the metrics", line)
		}
	}
	r.killed(worker)
	r.closes(names)
}

func (r *eventsRig) adminAddr() string {
	text, err := os.ReadFile(r.config)
	if err != nil {
		r.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nlisten: ")
	addr, _, _ := strings.Cut(rest, "\n")
	return addr
}

// refused sends what must not be kept.
func (r *eventsRig) refused(row channelsim.Row) {
	r.Helper()
	base := strings.TrimSuffix(r.url, "wechat/"+eventsMerchant+"/notify/pay?from=wechat")
	for name, c := range map[string]struct {
		url    string
		change func(http.Header, []byte) []byte
		want   int
	}{
		"altered": {r.url, func(_ http.Header, b []byte) []byte {
			return bytes.Replace(b, []byte("TRANSACTION"), []byte("TRANSACTIOM"), 1)
		}, http.StatusUnauthorized},
		"unsigned":        {r.url, func(h http.Header, b []byte) []byte { h.Del("Wechatpay-Signature"); return b }, http.StatusUnauthorized},
		"too large":       {r.url, func(_ http.Header, b []byte) []byte { return append(b, make([]byte, 8<<10)...) }, http.StatusRequestEntityTooLarge},
		"other account":   {base + "wechat/1900000002/", nil, http.StatusNotFound},
		"unknown channel": {base + "alipay/" + eventsMerchant + "/", nil, http.StatusNotFound},
	} {
		if got := r.callback(c.url, row, c.change); got != c.want {
			r.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}
}

// killed kills the worker among callbacks. Those that were answered must be there.
func (r *eventsRig) killed(worker *workerProcess) {
	r.Helper()
	var names, answered []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("K%04d", i))
	}
	rows := r.book(names...)
	var wait sync.WaitGroup
	var mu sync.Mutex
	var done atomic.Int64
	for i := range rows {
		wait.Go(func() {
			if r.callback(r.url, rows[i], nil) != http.StatusNoContent {
				return
			}
			mu.Lock()
			answered = append(answered, names[i])
			mu.Unlock()
			if done.Add(1) == 60 {
				worker.signal(r.T, syscall.SIGKILL)
			}
		})
	}
	wait.Wait()
	_ = worker.process.Wait() // it was killed
	got := r.kept()
	for _, name := range answered {
		if _, ok := got[name]; !ok {
			r.Errorf("%s was answered and is lost", name)
		}
	}
	r.Logf("%d of %d callbacks were answered before the kill, %d events are kept", len(answered), len(rows), len(got))
	if len(answered) < 60 || len(answered) == len(rows) {
		r.Errorf("the kill came too early or too late: %d answered", len(answered))
	}
}

// closes has books that lack one order of the channel, differ in one amount, have an order that nobody told of and one that
// the channel never heard of.
func (r *eventsRig) closes(names []string) {
	r.Helper()
	r.book("M1") // its callback never came
	told := len(r.kept())
	var books strings.Builder
	books.WriteString("id,amount,state\nM1,1.00,ok\nN1,1.00,ok\n")
	total := 2
	for name := range r.kept() {
		amount := "1.00"
		switch name {
		case names[0]:
			continue // only the channel knows it
		case names[1]:
			amount = "1.01"
		}
		total++
		fmt.Fprintf(&books, "%s,%s,ok\n", name, amount)
	}
	books.WriteString("# end\n")
	r.write("books/"+r.day+".csv", books.String())
	text, err := os.ReadFile(r.config)
	if err != nil {
		r.Fatal(err)
	}
	r.write("recon.yaml", strings.Replace(string(text), "provisional: 22h", "provisional: 0s", 1))
	r.wants(1, fmt.Sprintf(": books %d, events %d, agreed %d, amount-mismatch 1, only books 1 never-heard, only channel 1, asked 2, known when asked 1", total, told, total-2),
		"recon", "run", "--date", r.day, r.config)
	out, _ := r.touchstone("recon", "status", "--date", r.day, "--json", r.config)
	var lines []batch.Line
	if err := json.Unmarshal([]byte(out), &lines); err != nil || len(lines) != 1 || lines[0].Early == nil || lines[0].Phase != batch.Waiting {
		r.Fatalf("status: %v: %s", err, out)
	}
	sum := lines[0].Early.SHA256
	differences, err := os.ReadFile(filepath.Join(r.dir, "archive", sum[:2], sum))
	if err != nil || bytes.Count(differences, []byte("\n")) != 3 {
		r.Errorf("the differences are %s, %v", differences, err)
	}
	if got := r.kept(); got["M1"].Source != events.Answer || got["M1"].Record.Amount.Minor != 100 {
		r.Errorf("the answer about M1 is kept as %+v", got["M1"])
	}
}

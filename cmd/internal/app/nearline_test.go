package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer/nearline"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/loopback"
)

const nearLineConfig = `role: comparer
data: ./data
listen: %s
bus:
  listen: %s
  users:
    - {name: sidecar, role: sidecar, password_file: bus.pass}
    - {name: comparer, role: comparer, password_file: c.pass}
release: v2
gate: {max_bound: 0.01}
near_line: {size: 1s, lateness: 100ms, patience: 1s, keep: 60}
sides:
  primary:
    dsn_file: primary.dsn
    tables:
      - {name: payments, kind: payment, key: order_id, order: order_id, amount: {column: amount, unit: major, currency: CNY}, status: {column: state, map: {PAID: success}}}
  shadow:
    dsn_file: shadow.dsn
    tables:
      - {name: payments, kind: payment, key: order_id, order: order_id, amount: {column: amount, unit: major, currency: CNY}, status: {column: state, map: {PAID: success}}}
`

// lines is a log that tests can look into.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// comparerRig runs the comparer from its configuration file, with its own bus.
type comparerRig struct {
	t      *testing.T
	folder string
	config *config.Comparer
	log    *lines
	stop   func()
}

func newComparerRig(t *testing.T) *comparerRig {
	t.Helper()
	free, err := loopback.FreeAddrs(2)
	if err != nil {
		t.Fatal(err)
	}
	r := &comparerRig{t: t, folder: t.TempDir(), log: &lines{}}
	for name, text := range map[string]string{
		"comparer.yaml": fmt.Sprintf(nearLineConfig, free[0], free[1]),
		"bus.pass":      "sidecar-password", "c.pass": "comparer-password", "primary.dsn": "u:p@tcp(127.0.0.1:1)/a", "shadow.dsn": "u:p@tcp(127.0.0.1:1)/b",
	} {
		if err := os.WriteFile(filepath.Join(r.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r.config, err = config.LoadComparer(filepath.Join(r.folder, "comparer.yaml")); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *comparerRig) start() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- RunComparer(ctx, r.config, Process{Log: slog.New(slog.NewTextHandler(r.log, nil)), Version: "test"})
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(r.stop)
	r.await("the comparer", func() bool { return r.get("/readyz", nil) == http.StatusOK })
}

func (r *comparerRig) await(what string, ok func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("no %s", what)
		}
	}
}

// get gives an answer's status, and its body as JSON or text.
func (r *comparerRig) get(path string, into any) int {
	res, err := http.Get("http://" + string(r.config.Listen) + path)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if text, ok := into.(*string); ok {
		*text = string(body)
	} else if into != nil && err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		r.t.Error(err)
	}
	return res.StatusCode
}

// sidecar tells a sidecar's events over the bus.
func (r *comparerRig) sidecar() (tell func(shadow.Event), stop func()) {
	p := bus.NewPublisher(bus.PublisherConfig{
		Login: bus.Login{URL: "nats://" + string(r.config.Bus.Listen), User: "sidecar", Password: "sidecar-password"}, Buffer: 1000, Drain: 10 * time.Second,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return p.Publish, func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	}
}

// pay tells of an order that each side booked with an amount of its own.
func pay(tell func(shadow.Event), order, primary, second string) {
	now := time.Now()
	evidence := func(o shadow.Outcome) *shadow.Evidence {
		return &shadow.Evidence{Sample: "s-" + order, Order: order, Creates: true, Verdict: shadow.Verdict{Outcome: o}}
	}
	tell(shadow.Event{ID: order + ":opened", Kind: shadow.EventOpened, Instance: "i", Time: now, Evidence: evidence(shadow.Pending)})
	for side, amount := range map[shadow.Side]string{shadow.Primary: primary, shadow.Shadow: second} {
		row := shadow.Row{Columns: []string{"order_id", "amount", "state"}, Values: []shadow.Value{{Text: order}, {Text: amount}, {Text: "PAID"}}}
		tell(shadow.Event{ID: order + ":" + string(side), Kind: shadow.EventWriteSet, Instance: "i", Time: now, WriteSet: &shadow.WriteSet{
			ID: order + ":" + string(side), Side: side, Order: order, Outcome: shadow.Committed, Sealed: now,
			Statements: []shadow.Statement{{Verb: "insert", Table: "payments", Rows: []shadow.Row{row}, Affected: 1}},
		}})
	}
	tell(shadow.Event{ID: order + ":closed", Kind: shadow.EventClosed, Instance: "i", Time: now, Evidence: evidence(shadow.Match)})
}

// TestMoneyThatDiffersIsAlertedWhileItHappens runs the comparer with its bus: evidence in, windows and an alert out. The
// answers of both releases were the same, and no database is there to be asked.
func TestMoneyThatDiffersIsAlertedWhileItHappens(t *testing.T) {
	r := newComparerRig(t)
	r.start()
	tell, stop := r.sidecar()
	defer stop()
	pay(tell, "P1", "19.99", "19.99")
	reports := func() (all []nearline.Report) {
		if status := r.get("/api/v1/windows", &all); status != http.StatusOK {
			t.Fatal(status)
		}
		return all
	}
	r.await("agreement", func() bool { all := reports(); return len(all) == 1 && all[0].Outcome == nearline.Agree })
	if r.log.has("money differs") {
		t.Error("an alert about equal money")
	}
	pay(tell, "P2", "0.29", "0.28")
	r.await("difference", func() bool {
		all := reports()
		return len(all) == 2 && all[0].Outcome == nearline.Money && all[0].Differences[0].Order() == "P2"
	})
	if !r.log.has("money differs between primary and shadow") || !r.log.has("order=P2") {
		t.Error("nobody was alerted")
	}
	var metrics string
	r.get("/metrics", &metrics)
	for _, want := range []string{
		`touchstone_nearline_windows_total{outcome="money"} 1`, `touchstone_nearline_windows_total{outcome="agree"} 1`,
		`touchstone_window_events_total{fate="in-time",side="shadow"} 2`, "touchstone_window_result_seconds_count 2",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics have no line %s", want)
		}
	}
}

// TestAComparerThatStartsAgainKnowsItsWindows stops the comparer between the two sides of an order.
func TestAComparerThatStartsAgainKnowsItsWindows(t *testing.T) {
	r := newComparerRig(t)
	r.config.NearLine.Patience = 30 * time.Second // the window is open whatever the restart takes
	r.start()
	var halves []shadow.Event
	pay(func(ev shadow.Event) { halves = append(halves, ev) }, "P1", "19.99", "19.99")
	tell, stop := r.sidecar()
	tell(halves[0])
	for _, ev := range halves[1:3] {
		if ev.WriteSet.Side == shadow.Primary {
			tell(ev)
		}
	}
	r.await("the first half", func() bool {
		var metrics string
		r.get("/metrics", &metrics)
		return strings.Contains(metrics, `touchstone_window_events_total{fate="in-time",side="primary"} 1`)
	})
	stop()
	r.stop()
	r.start()
	tell, stop = r.sidecar()
	defer stop()
	for _, ev := range halves { // what was told already is told again
		tell(ev)
	}
	time.Sleep(r.config.NearLine.Size + r.config.NearLine.Lateness)
	pay(tell, "P2", "1.00", "1.00") // both sides are past the window now
	var all []nearline.Report
	r.await("result", func() bool { r.get("/api/v1/windows", &all); return len(all) > 0 })
	if first := all[len(all)-1]; first.Outcome != nearline.Agree || first.Totals[0][0].Count != 1 || first.Totals[0][0].Minor != 1999 {
		t.Errorf("got %+v", first)
	}
}

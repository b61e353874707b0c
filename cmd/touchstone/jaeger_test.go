//go:build jaeger

package main

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/jaeger"
	"github.com/seed-3356bd69/touchstone/test/loopback"
)

// jaegerRun is a built sidecar between two releases, two databases and a channel, and a real Jaeger that it tells.
type jaegerRun struct {
	*faultRun
	jaeger          *jaeger.Server
	http            string
	egress          map[string]string // of each release
	base            map[string]*sql.DB
	stable, channel *httptest.Server
	rival           *httptest.Server
	closed          chan shadow.Evidence
	trouble         chan error
}

func newJaegerRun(t *testing.T) *jaegerRun {
	r := &jaegerRun{faultRun: newFaultRun(t, ""), closed: make(chan shadow.Evidence, 100), trouble: make(chan error, 100), egress: map[string]string{}, base: map[string]*sql.DB{}}
	var err error
	if r.jaeger, err = jaeger.Start(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.jaeger.Stop)
	r.channel = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"state":"paid"}`) }))
	r.stable, r.rival = httptest.NewServer(r.release("stable", "100.00")), httptest.NewServer(r.release("candidate", "10.00"))
	for _, s := range []*httptest.Server{r.channel, r.stable, r.rival} {
		t.Cleanup(s.Close)
	}
	r.mu.Lock()
	r.also = r.told
	r.mu.Unlock()
	return r
}

// told takes what the sidecar tells of closed samples.
func (r *jaegerRun) told(e shadow.Event) {
	if e.Kind == shadow.EventClosed {
		r.closed <- *e.Evidence
	}
}

// release books an order and pays it at the channel; the candidate's is the wrong amount.
func (r *jaegerRun) release(name, amount string) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		order := q.Header.Get("X-Order-Id")
		if _, err := r.base[name].ExecContext(q.Context(), "/* gray='v2' */ INSERT INTO orders (order_no, amount, state) VALUES ('"+order+"', 100, 'paid')"); err != nil {
			r.trouble <- fmt.Errorf("%s: %w", name, err)
		}
		req, err := http.NewRequestWithContext(q.Context(), http.MethodPost, "http://"+r.egress[name]+"/pay", strings.NewReader(`{"order":"`+order+`","amount":"`+amount+`"}`))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set(shadow.HeaderTag, q.Header.Get(shadow.HeaderTag))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			r.trouble <- fmt.Errorf("%s: %w", name, err)
			return
		}
		res.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"order_id":"%s"}`, order)
	}
}

// run starts the sidecar with an exporter.
func (r *jaegerRun) run(telemetry string) {
	r.t.Helper()
	addrs, err := loopback.FreeAddrs(6)
	if err != nil {
		r.t.Fatal(err)
	}
	bus := regexp.MustCompile(`nats://[^"]+`).FindString(string(must(os.ReadFile(filepath.Join(r.dir, "sidecar.yaml")))))
	r.http, r.admin, r.egress["stable"], r.egress["candidate"] = addrs[0], addrs[1], addrs[2], addrs[3]
	r.write(map[string]string{"sidecar.yaml": fmt.Sprintf(`role: sidecar
instance: traced
cutover: service
release: v2
tag: {key_file: tag.key, salt_file: salt.key, percent: 100%%}
admin: {listen: "%s"}
bus: {url: "%s", user: sidecar, password_file: bus.pass}
telemetry: {%s}
http:
  listen: "%s"
  stable: %s
  candidate: %s
  routes:
    - {name: pay, method: POST, path: /payments, creates: true, key: {header: X-Order-Id}}
egress:
  channel: %s
  primary: {listen: "%s"}
  shadow: {listen: "%s"}
  operations:
    - {name: charge, method: POST, path: /pay, class: money}
mysql:
  primary: {listen: "%s", upstream: "%s"}
  divert: {listen: "%s", upstream: "%s", schema: pay}
  prove: {primary_dsn_file: primary.dsn, shadow_dsn_file: shadow.dsn}
  tables:
    - {name: orders, order: order_no, key: [order_no]}
`, r.admin, bus, telemetry, r.http, r.stable.URL, r.rival.URL, r.channel.URL, addrs[2], addrs[3], addrs[4], r.primary.Addr, addrs[5], r.shadow.Addr)})
	for name, addr := range map[string]string{"stable": addrs[4], "candidate": addrs[5]} {
		cfg := mysql.NewConfig()
		cfg.User, cfg.Net, cfg.Addr, cfg.DBName, cfg.Logger = "root", "tcp", addr, "pay", &mysql.NopLogger{}
		r.base[name] = r.openAs(cfg)
	}
	r.start()
}

// pay sends a request of which the caller decided that it is traced, and gives its evidence.
func (r *jaegerRun) pay(order, traceID string) shadow.Evidence {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.http+"/payments", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-Order-Id", order)
	req.Header.Set("Traceparent", "00-"+traceID+"-00f067aa0ba902b7-01")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("answer %d %s, %v", res.StatusCode, text, err)
	}
	for {
		select {
		case e := <-r.closed:
			if e.Order == order {
				return e
			}
		case err := <-r.trouble:
			r.t.Fatal(err)
		case <-time.After(20 * time.Second):
			r.t.Fatalf("no verdict of %s: %s", order, r.stderr)
		}
	}
}

// TestARealJaegerShowsAMismatch asks Jaeger for what the evidence line says, by either way to it.
func TestARealJaegerShowsAMismatch(t *testing.T) {
	r := newJaegerRun(t)
	for name, telemetry := range map[string]string{"agent": `jaeger_agent: "` + r.jaeger.Agent + `"`, "otlp": "otlp_endpoint: " + r.jaeger.OTLP} {
		id := map[string]string{"agent": "4bf92f3577b34da6a3ce929d0e0e4736", "otlp": "0af7651916cd43dd8448eb211c80319c"}[name]
		r.run(telemetry)
		e := r.pay("P-"+name, id)
		if e.TraceID != id || e.Verdict.Outcome != shadow.Mismatched {
			t.Fatalf("%s: evidence %+v", name, e)
		}
		r.end()
		r.shows(t, name, e)
	}
}

// end ends the sidecar in order: it sends what it has.
func (r *jaegerRun) end() {
	r.t.Helper()
	if err := r.process.Process.Signal(os.Interrupt); err != nil {
		r.t.Fatal(err)
	}
	if err := r.process.Wait(); err != nil {
		r.t.Fatalf("the sidecar ended with %v", err)
	}
}

// shows holds the trace that Jaeger has to the evidence.
func (r *jaegerRun) shows(t *testing.T, name string, e shadow.Evidence) {
	t.Helper()
	want := []string{
		"pay < 00f067aa0ba902b7: pay stable",
		"insert orders < pay: pay stable",
		"call charge < pay: pay stable",
		"mirror pay < pay: pay candidate",
		"insert orders < mirror pay: pay candidate",
		"call charge < mirror pay: pay candidate, mismatch in call charge amount, error",
		"verdict pay < mirror pay: recon candidate, mismatch, mismatch in call charge amount, error",
	}
	slices.Sort(want)
	var got []string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		trace, err := r.jaeger.Trace(e.TraceID)
		if err != nil {
			t.Fatal(err)
		}
		if got = described(trace); slices.Equal(got, want) {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: jaeger shows\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// described says of each span what it is, below which, and what its tags tell.
func described(trace jaeger.Trace) (out []string) {
	names := map[string]string{}
	for _, s := range trace.Spans {
		names[s.SpanID] = s.Operation
	}
	for _, s := range trace.Spans {
		parent := s.Parent()
		if name, ok := names[parent]; ok {
			parent = name
		}
		text := fmt.Sprintf("%s < %s: %s %s", s.Operation, parent, s.Tag("channel"), s.Tag("channel.origin"))
		if status := s.Tag("recon.status"); status != "" {
			text += ", " + status
		}
		if s.Tag("recon.mismatch") == "true" {
			text += ", mismatch in " + s.Tag("recon.field")
		}
		if s.Tag("error") == "true" {
			text += ", error"
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
)

func TestLogFormats(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(&out, FormatJSON, slog.LevelInfo)
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("quiet")
	log.Info("ready", KeyRole, "sidecar")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["msg"] != "ready" || line[KeyRole] != "sidecar" {
		t.Errorf("%s: %v", out.String(), err)
	}
	out.Reset()
	if log, err = NewLogger(&out, FormatText, slog.LevelWarn); err != nil {
		t.Fatal(err)
	}
	log.Warn("slow", KeyCount, 3)
	if !strings.Contains(out.String(), "level=WARN msg=slow count=3") {
		t.Errorf("got %s", out.String())
	}
	if _, err := NewLogger(&out, "xml", slog.LevelInfo); err == nil {
		t.Error("format xml was accepted")
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestAdminEndpoints(t *testing.T) {
	var bus error
	health := &Health{}
	health.Add("listener", func(context.Context) error { return nil })
	health.Add("bus", func(context.Context) error { return bus })
	health.Tell("spare", func(context.Context) error { return errors.New("away") })
	server := httptest.NewServer(AdminMux(NewRegistry("1.2.3"), health))
	defer server.Close()
	for _, c := range []struct {
		path string
		bus  error
		code int
		body string
	}{
		{"/healthz", errors.New("away"), 200, "ok\n"},
		{"/readyz", nil, 200, "ok listener\nok bus\nwithout spare: away\n"},
		{"/readyz", errors.New("away"), 503, "ok listener\nfailed bus: away\nwithout spare: away\n"},
	} {
		bus = c.bus
		if code, body := get(t, server.URL+c.path); code != c.code || body != c.body {
			t.Errorf("%s: %d %q", c.path, code, body)
		}
	}
	code, body := get(t, server.URL+"/metrics")
	for _, want := range []string{`touchstone_build_info{go="go1.`, `version="1.2.3"} 1`, "go_goroutines", "process_open_fds"} {
		if code != 200 || !strings.Contains(body, want) {
			t.Errorf("no %s in metrics (%d)", want, code)
		}
	}
}

func TestAHangingCheckIsNotReady(t *testing.T) {
	health := &Health{}
	health.Add("stuck", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if ready, lines := health.Report(ctx); ready || !strings.HasPrefix(lines, "failed stuck: ") {
		t.Errorf("ready %v, %s", ready, lines)
	}
}

// collector is an OTLP endpoint that keeps what it gets.
func collector(t *testing.T, status int) (*url.URL, chan string) {
	t.Helper()
	got := make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(body)
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u, got
}

func tracing(t *testing.T, endpoint *url.URL, share uint32) (*Tracing, *prometheus.Registry) {
	t.Helper()
	r := prometheus.NewRegistry()
	tr, err := NewTracing(t.Context(), TracingConfig{Endpoint: endpoint, PerMillion: share, Service: "touchstone-sidecar", Version: "1", Instance: "pod-1", Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	return tr, r
}

func TestSpansReachTheCollector(t *testing.T) {
	endpoint, got := collector(t, http.StatusOK)
	tr, _ := tracing(t, endpoint, 1_000_000)
	_, span := tr.Provider.Tracer("test").Start(t.Context(), "mirror pay")
	span.End()
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := <-got
	for _, want := range []string{"/v1/traces ", "mirror pay", "touchstone-sidecar", "pod-1"} {
		if !strings.Contains(sent, want) {
			t.Errorf("no %q in %q", want, sent)
		}
	}
}

func TestUnsampledSpansStayHere(t *testing.T) {
	endpoint, got := collector(t, http.StatusOK)
	tr, _ := tracing(t, endpoint, 0)
	_, span := tr.Provider.Tracer("test").Start(t.Context(), "mirror pay")
	span.End()
	if err := tr.Shutdown(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("%v, %d exports", err, len(got))
	}
}

func TestAFailingCollectorIsOnlyCounted(t *testing.T) {
	endpoint, _ := collector(t, http.StatusInternalServerError)
	tr, r := tracing(t, endpoint, 1_000_000)
	_, span := tr.Provider.Tracer("test").Start(t.Context(), "x")
	span.End()
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if n := count(t, r, "touchstone_trace_export_failures_total"); n != 1 {
		t.Errorf("%v failures", n)
	}
}

// count reads a counter.
func count(t *testing.T, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

func TestPropagationWorksWithoutAnEndpoint(t *testing.T) {
	tr, _ := tracing(t, nil, 0)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	in := propagation.MapCarrier{"traceparent": parent, "baggage": "gray=v2"}
	ctx := tr.Propagator.Extract(t.Context(), in)
	ctx, span := tr.Provider.Tracer("test").Start(ctx, "forward")
	defer span.End()
	out := propagation.MapCarrier{}
	tr.Propagator.Inject(ctx, out)
	if got := out["traceparent"]; got[:36] != parent[:36] || got[52:] != parent[52:] || out["baggage"] != "gray=v2" {
		t.Errorf("got %v", out)
	}
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/comparer/response"
	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// otlpEndpoint is an OTLP endpoint that keeps what it is sent.
type otlpEndpoint struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

func (c *otlpEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.Copy(&c.sent, r.Body)
	w.WriteHeader(http.StatusOK)
}

// closings waits for the end of samples.
type closings chan shadow.Event

func (c closings) Publish(ev shadow.Event) {
	if ev.Kind == shadow.EventClosed {
		c <- ev
	}
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSpansOfBothRunsReachTheCollector(t *testing.T) {
	spans := &otlpEndpoint{}
	otlp := httptest.NewServer(spans)
	defer otlp.Close()
	parents := make(chan string, 2)
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { parents <- r.Header.Get("Traceparent") }))
	defer service.Close()
	tracing, err := telemetry.NewTracing(t.Context(), telemetry.TracingConfig{
		Endpoint: parse(t, otlp.URL), PerMillion: shadow.PerMillion, Service: "sidecar", Version: "test", Instance: "a", Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := shadow.NewSigner([]byte("0123456789abcdef"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	compared, errs := response.New(response.Config{})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	closed := make(closings, 1)
	sidecar := proxy.New(proxy.Config{
		Instance: "a", Upstream: parse(t, service.URL), Candidate: parse(t, service.URL), Salt: []byte("0123456789abcdef"),
		Slice:  proxy.Slice{Release: "v2", Epoch: 1, PerMillion: shadow.PerMillion},
		Routes: []proxy.Route{{Name: "pay", Path: "/payments", Creates: true, Mirror: true, Key: proxy.KeyRule{Source: proxy.Source{Header: "X-Order-Id"}}}},
	}, proxy.Deps{
		Signer: signer, Publisher: closed, Comparer: compared, Registry: prometheus.NewRegistry(), Tracer: tracing.Provider,
		Propagator: tracing.Propagator, Log: slog.New(slog.DiscardHandler), Now: time.Now, NewSample: proxy.NewSampleID,
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sidecar.Run(ctx) }()
	front := httptest.NewServer(sidecar)
	defer front.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/payments", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Order-Id", "P1")
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	req.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	ev := <-closed
	if ev.Evidence.TraceID != trace || ev.Evidence.Verdict.Outcome != shadow.Match {
		t.Errorf("evidence %+v, want trace %s", ev.Evidence, trace)
	}
	for range 2 {
		if parent := <-parents; len(parent) < 36 || parent[3:35] != trace {
			t.Errorf("a release was called with traceparent %q", parent)
		}
	}
	stop() // a span ends after the event of its sample
	if err := errors.Join(<-ended, tracing.Shutdown(t.Context())); err != nil {
		t.Fatal(err)
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	for _, name := range []string{"pay", "mirror pay", "verdict pay", "channel.origin", "recon.status"} {
		if !bytes.Contains(spans.sent.Bytes(), []byte(name)) {
			t.Errorf("no span %q among %d bytes", name, spans.sent.Len())
		}
	}
}

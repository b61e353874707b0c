package telemetry

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// stuck takes nothing until it is let go.
type stuck struct {
	letGo chan struct{}
	taken atomic.Int64
}

func (s *stuck) ExportSpans(_ context.Context, spans []sdk.ReadOnlySpan) error {
	<-s.letGo
	s.taken.Add(int64(len(spans)))
	return nil
}

func (*stuck) Shutdown(context.Context) error { return nil }

func TestEverySpanIsSentOrCountedAsLost(t *testing.T) {
	const bound, spans = 1000, 5000
	lost := prometheus.NewCounter(prometheus.CounterOpts{Name: "lost"})
	r := prometheus.NewRegistry()
	r.MustRegister(lost)
	exporter := &stuck{letGo: make(chan struct{})}
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(newSpanQueue(exporter, bound, lost)))
	start := time.Now()
	for range spans {
		_, span := provider.Tracer("test").Start(t.Context(), "pay")
		span.End()
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("spans waited: %s", took)
	}
	if got := count(t, r, "lost"); got != spans-bound {
		t.Errorf("%v spans are lost, want %d", got, spans-bound)
	}
	close(exporter.letGo)
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := exporter.taken.Load() + int64(count(t, r, "lost")); got != spans {
		t.Errorf("%d spans were sent or lost, want %d", got, spans)
	}
}

func TestABatchThatACollectorRefusesIsLost(t *testing.T) {
	away := httptest.NewServer(http.NotFoundHandler())
	defer away.Close()
	to, err := url.Parse(away.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := prometheus.NewRegistry()
	tracing, err := NewTracing(t.Context(), TracingConfig{Endpoint: to, PerMillion: perMillion, Service: "s", Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	for range 7 {
		_, span := tracing.Provider.Tracer("test").Start(t.Context(), "pay")
		span.End()
	}
	if err := tracing.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lost, failures := count(t, r, "touchstone_trace_lost_spans_total"), count(t, r, "touchstone_trace_export_failures_total"); lost != 7 || failures != 1 {
		t.Errorf("%v spans lost in %v batches, want 7 in 1", lost, failures)
	}
}

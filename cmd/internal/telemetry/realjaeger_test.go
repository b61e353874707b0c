//go:build jaeger

package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/test/jaeger"
)

// startJaeger starts a real one, and tracing that sends to its agent's port.
func startJaeger(t *testing.T) (*jaeger.Server, *Tracing, *prometheus.Registry) {
	t.Helper()
	server, err := jaeger.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	t.Setenv("JAEGER_REPORTER_FLUSH_INTERVAL", "50ms")
	r := prometheus.NewRegistry()
	tracing, err := NewTracing(t.Context(), TracingConfig{Agent: server.Agent, PerMillion: perMillion, Service: "touchstone-sidecar", Version: "1", Instance: "pod-1", Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	return server, tracing, r
}

// spansOf waits until Jaeger has that many spans of a trace.
func spansOf(t *testing.T, server *jaeger.Server, id string, want int) jaeger.Trace {
	t.Helper()
	var got jaeger.Trace
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if got, err = server.Trace(id); err != nil {
			t.Fatal(err)
		}
		if len(got.Spans) >= want {
			return got
		}
	}
	t.Fatalf("jaeger has %d spans of %s, want %d", len(got.Spans), id, want)
	return got
}

func TestLongSpansAllReachARealJaeger(t *testing.T) {
	server, tracing, r := startJaeger(t)
	tracer := tracing.Provider.Tracer("test")
	ctx, root := tracer.Start(t.Context(), "pay", trace.WithSpanKind(trace.SpanKindServer))
	const n, length = 900, 5000 // some 70 packets at once
	for i := range n {
		_, span := tracer.Start(ctx, fmt.Sprint("statement ", i), trace.WithAttributes(attribute.String("text", strings.Repeat("x", length))))
		span.End()
	}
	root.End()
	if err := tracing.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := spansOf(t, server, root.SpanContext().TraceID().String(), n+1)
	for _, s := range got.Spans {
		if s.Operation != "pay" && (s.Parent() != root.SpanContext().SpanID().String() || len(s.Tag("text")) != length) {
			t.Fatalf("span %s: parent %s, text of %d", s.Operation, s.Parent(), len(s.Tag("text")))
		}
	}
	if lost := count(t, r, "touchstone_trace_lost_spans_total"); lost != 0 || len(got.Spans) != n+1 {
		t.Errorf("%d spans came, %v are said to be lost", len(got.Spans), lost)
	}
}

func TestJaegerGoneAndBack(t *testing.T) {
	server, tracing, r := startJaeger(t)
	tracer := tracing.Provider.Tracer("test")
	lost := func() float64 { return count(t, r, "touchstone_trace_lost_spans_total") }
	tell := func(name string) string {
		start := time.Now()
		_, span := tracer.Start(t.Context(), name)
		span.End()
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("a span took its caller %s", took)
		}
		time.Sleep(100 * time.Millisecond) // a batch of its own
		return span.SpanContext().TraceID().String()
	}
	spansOf(t, server, tell("before"), 1)
	server.Stop()
	const away = 10
	for i := range away {
		tell(fmt.Sprint("away ", i))
	}
	if got := lost(); got != away-1 { // of the last packet, the next write will tell
		t.Errorf("%v spans are counted as lost, want %d", got, away-1)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	spansOf(t, server, tell("back"), 1)
	if got := lost(); got != away {
		t.Errorf("%v spans are counted as lost, want %d", got, away)
	}
	if err := tracing.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

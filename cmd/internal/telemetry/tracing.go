package telemetry

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// TracingConfig says what a process tells about itself, and to whom.
type TracingConfig struct {
	Endpoint   *url.URL // OTLP over HTTP; nil = spans go nowhere, trace context is still passed on
	PerMillion uint32   // share of new traces that are sampled; a caller's decision is kept
	Service    string
	Version    string
	Instance   string
	Registerer prometheus.Registerer
}

// Tracing is the tracer provider and propagator of a process, handed to whoever makes spans.
type Tracing struct {
	Provider   trace.TracerProvider
	Propagator propagation.TextMapPropagator
	sdk        *sdk.TracerProvider // nil without an endpoint
}

const (
	spanQueue     = 4096 // spans beyond it are dropped, never waited for
	spanBatch     = 512
	exportTimeout = 5 * time.Second
	perMillion    = 1_000_000
)

// NewTracing sets tracing up; an endpoint that is away costs spans and nothing else.
func NewTracing(ctx context.Context, cfg TracingConfig) (*Tracing, error) {
	t := &Tracing{Provider: noop.NewTracerProvider(), Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})}
	failures := prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_trace_export_failures_total", Help: "Batches of spans that could not be delivered."})
	cfg.Registerer.MustRegister(failures)
	if cfg.Endpoint == nil {
		return t, nil
	}
	to := *cfg.Endpoint
	if to.Path == "" || to.Path == "/" {
		to.Path = "/v1/traces"
	}
	otlp, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to.String()), otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
	if err != nil {
		return nil, fmt.Errorf("set up trace exporter: %w", err)
	}
	t.sdk = sdk.NewTracerProvider(
		sdk.WithBatcher(counted{otlp, failures}, sdk.WithMaxQueueSize(spanQueue), sdk.WithMaxExportBatchSize(spanBatch), sdk.WithExportTimeout(exportTimeout)),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(float64(cfg.PerMillion)/perMillion))),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version),
			attribute.String("service.instance.id", cfg.Instance))),
	)
	t.Provider = t.sdk
	return t, nil
}

// Shutdown sends what is queued, until ctx ends.
func (t *Tracing) Shutdown(ctx context.Context) error {
	if t.sdk == nil {
		return nil
	}
	if err := t.sdk.Shutdown(ctx); err != nil {
		return fmt.Errorf("flush spans: %w", err)
	}
	return nil
}

// counted turns a failed delivery into a count: the SDK's own way would be a process-wide error handler.
type counted struct {
	sdk.SpanExporter
	failures prometheus.Counter
}

func (c counted) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := c.SpanExporter.ExportSpans(ctx, spans); err != nil {
		c.failures.Inc()
	}
	return nil
}

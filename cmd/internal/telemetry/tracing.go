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
)

// TracingConfig says what a process tells about itself, and to whom.
type TracingConfig struct {
	Endpoint   *url.URL // OTLP over HTTP
	Agent      string   // host:port of a Jaeger agent; neither = spans go nowhere, trace context is still passed on
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
	sdk        *sdk.TracerProvider // nil = spans go nowhere
}

const (
	otlpQueue     = 4096 // spans beyond it are dropped, never waited for
	spanBatch     = 512
	exportTimeout = 5 * time.Second
	perMillion    = 1_000_000
)

// NewTracing sets tracing up; an endpoint that is away costs spans and nothing else.
func NewTracing(ctx context.Context, cfg TracingConfig) (*Tracing, error) {
	t := &Tracing{Propagator: newPropagator()}
	failures := prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_trace_export_failures_total", Help: "Batches of spans that could not be delivered."})
	cfg.Registerer.MustRegister(failures)
	lost := prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_trace_lost_spans_total", Help: "Spans that found no room in the queue, or that nobody took."})
	cfg.Registerer.MustRegister(lost)
	switch {
	case cfg.Endpoint != nil:
		return t, t.otlp(ctx, cfg, failures, lost)
	case cfg.Agent != "":
		return t, t.agent(cfg, failures, lost)
	}
	t.Provider = idsOnly{}
	return t, nil
}

// agent sends spans to a Jaeger agent.
func (t *Tracing) agent(cfg TracingConfig, failures, lost prometheus.Counter) error {
	settings, err := ReadAgentSettings(cfg.Agent, cfg.Service)
	if err != nil {
		return err
	}
	settings.Tags["service.version"], settings.Tags["service.instance.id"] = cfg.Version, cfg.Instance
	exporter, err := newAgentExporter(settings, lost)
	if err != nil {
		return err
	}
	var options []sdk.BatchSpanProcessorOption
	if settings.Flush > 0 {
		options = append(options, sdk.WithBatchTimeout(settings.Flush))
	}
	queue := newSpanQueue(counted{exporter, failures, nil}, settings.Queue, lost, options...)
	t.sdk = sdk.NewTracerProvider(sdk.WithSpanProcessor(queue), sampler(cfg))
	t.Provider = t.sdk
	return nil
}

func sampler(cfg TracingConfig) sdk.TracerProviderOption {
	return sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(float64(cfg.PerMillion) / perMillion)))
}

// otlp sends spans to a collector.
func (t *Tracing) otlp(ctx context.Context, cfg TracingConfig, failures, lost prometheus.Counter) error {
	to := *cfg.Endpoint
	if to.Path == "" || to.Path == "/" {
		to.Path = "/v1/traces"
	}
	otlp, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to.String()), otlptracehttp.WithTimeout(exportTimeout),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}))
	if err != nil {
		return fmt.Errorf("set up trace exporter: %w", err)
	}
	t.sdk = sdk.NewTracerProvider(
		sdk.WithSpanProcessor(newSpanQueue(counted{otlp, failures, lost}, otlpQueue, lost)),
		sampler(cfg),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version),
			attribute.String("service.instance.id", cfg.Instance))),
	)
	t.Provider = t.sdk
	return nil
}

// Exports tells whether anybody is sent the spans.
func (t *Tracing) Exports() bool { return t.sdk != nil }

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
	lost     prometheus.Counter // the spans of failed batches; nil = the exporter counts them itself
}

func (c counted) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := c.SpanExporter.ExportSpans(ctx, spans); err != nil {
		c.failures.Inc()
		if c.lost != nil {
			c.lost.Add(float64(len(spans)))
		}
	}
	return nil
}

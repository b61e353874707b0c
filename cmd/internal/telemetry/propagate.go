package telemetry

import (
	"context"

	"go.opentelemetry.io/contrib/propagators/jaeger"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// newPropagator passes W3C trace context and baggage on. A request that came with jaeger-client's uber-trace-id and no
// traceparent goes on in both forms; its uberctx- fields are header fields that nobody touches.
func newPropagator() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, uber{}, propagation.Baggage{})
}

type uber struct{ inner jaeger.Jaeger }

type uberKey struct{}

const headerUber = "uber-trace-id"

// Extract reads the trace of jaeger-client where there is no other.
func (u uber) Extract(ctx context.Context, c propagation.TextMapCarrier) context.Context {
	if c.Get(headerUber) == "" {
		return ctx
	}
	ctx = context.WithValue(ctx, uberKey{}, true)
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return u.inner.Extract(ctx, c)
}

// Inject writes it where the request came with it.
func (u uber) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	if came, _ := ctx.Value(uberKey{}).(bool); came {
		u.inner.Inject(ctx, c)
	}
}

// Fields names the header field.
func (uber) Fields() []string { return []string{headerUber} }

package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
)

// idsOnly gives requests a trace and spans that nobody collects: others may look at them. A caller's trace, and its
// decision whether to sample it, are kept. It does what the SDK does without an exporter, at a fifth of the price.
type idsOnly struct{ embedded.TracerProvider }

// Tracer gives the one tracer there is.
func (idsOnly) Tracer(string, ...trace.TracerOption) trace.Tracer { return idTracer{} }

type idTracer struct{ embedded.Tracer }

// Start gives a span with an id of its own. New roots (WithNewRoot) are not made: no part of this process asks for one.
func (idTracer) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanContextFromContext(ctx)
	next := trace.SpanContextConfig{TraceID: parent.TraceID(), TraceFlags: parent.TraceFlags(), TraceState: parent.TraceState()}
	if !parent.IsValid() {
		next = trace.SpanContextConfig{}
		binary.BigEndian.PutUint64(next.TraceID[:8], rand.Uint64())
		binary.BigEndian.PutUint64(next.TraceID[8:], rand.Uint64()|1)
	}
	binary.BigEndian.PutUint64(next.SpanID[:], rand.Uint64()|1)
	ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(next))
	return ctx, trace.SpanFromContext(ctx)
}

package proxy

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// The spans of a sampled request. Statements are added by who sees the databases.
//
//	pay                  channel=pay    channel.origin=stable
//	 ├─ call refund      channel=pay    channel.origin=stable
//	 ├─ mirror pay       channel=pay    channel.origin=candidate
//	 │   └─ call refund  channel=pay    channel.origin=candidate, recon.* where the guard found something
//	 └─ verdict pay      channel=recon  channel.origin=candidate, recon.status, recon.field, recon.mismatch
//
// The verdict stands below the shadow run where there was one. Fields are named, values never: a trace is read by more
// people than evidence is.
const (
	attrChannel  = "channel"
	attrOrigin   = "channel.origin"
	attrStatus   = "recon.status"
	attrCause    = "recon.cause"
	attrField    = "recon.field"
	attrMismatch = "recon.mismatch"
	attrKind     = "recon.kind"

	channelPay   = "pay"
	channelRecon = "recon"

	tracedMismatches = 16 // of a verdict, each an event of its span
)

// SpanOrigin names whose doing a span shows: attributes of the request's own flow, of one side.
func SpanOrigin(side shadow.Side) []attribute.KeyValue { return spanOf(channelPay, side) }

func spanOf(channel string, side shadow.Side) []attribute.KeyValue {
	origin := "stable"
	if side == shadow.Shadow {
		origin = "candidate"
	}
	return []attribute.KeyValue{attribute.String(attrChannel, channel), attribute.String(attrOrigin, origin)}
}

// began says whose span it is, and tells who adds statements to it.
func (s *Sidecar) began(r *run, span trace.Span, side shadow.Side) {
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(SpanOrigin(side)...)
	if s.deps.Began != nil {
		s.deps.Began(r.order, side, span.SpanContext())
	}
}

// trace adds the spans of a closed sample that are known only now: its calls and its verdict.
func (s *Sidecar) trace(r *run, v shadow.Verdict) {
	if !r.trace.IsSampled() {
		return
	}
	request := trace.ContextWithSpanContext(context.Background(), r.trace)
	shadowed := request
	if r.mirrored.IsValid() {
		shadowed = trace.ContextWithSpanContext(context.Background(), r.mirrored)
	}
	for _, call := range r.calls {
		if call.Exchange.Side == shadow.Shadow {
			s.traceCall(shadowed, call)
		} else {
			s.traceCall(request, call)
		}
	}
	_, span := s.tracer.Start(shadowed, "verdict "+r.route.Name, trace.WithAttributes(spanOf(channelRecon, shadow.Shadow)...))
	span.SetAttributes(attribute.String(attrStatus, string(v.Outcome)))
	if v.Cause != "" {
		span.SetAttributes(attribute.String(attrCause, v.Cause))
	}
	mark(span, v.Mismatches)
	span.End()
}

func (s *Sidecar) traceCall(parent context.Context, call shadow.Call) {
	x := call.Exchange
	_, span := s.tracer.Start(parent, "call "+call.Operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(x.Start),
		trace.WithAttributes(SpanOrigin(x.Side)...),
		trace.WithAttributes(attribute.String("http.request.method", x.Method), attribute.Int("http.response.status_code", x.Status),
			attribute.String("touchstone.call", string(call.Fate)), attribute.Int("touchstone.ordinal", call.Ordinal)))
	mark(span, call.Mismatches)
	span.End(trace.WithTimestamp(x.Start.Add(x.Duration)))
}

// mark makes a span one of a mismatch, if there is one: by its first field, and with an event for each.
func mark(span trace.Span, found []shadow.Mismatch) {
	if len(found) == 0 {
		return
	}
	span.SetAttributes(attribute.Bool(attrMismatch, true), attribute.String(attrField, fieldOf(found[0])))
	span.SetStatus(codes.Error, "mismatch")
	for _, m := range found[:min(len(found), tracedMismatches)] {
		span.AddEvent(attrMismatch, trace.WithAttributes(attribute.String(attrField, fieldOf(m)), attribute.String(attrKind, string(m.Kind))))
	}
}

// fieldOf names a field with its place, so that it is found by a search: "call refund amount.total".
func fieldOf(m shadow.Mismatch) string {
	name := string(m.Place) + " " + m.Name
	if path := m.Path(); path != "" {
		name += " " + path
	}
	return name
}

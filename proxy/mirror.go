package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/proxy/framing"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// candidateIdle is short: a connection that the candidate closed while it was idle looks like a reset in the middle.
const candidateIdle = 2 * time.Second

// work runs jobs until the queue is closed and empty.
func (s *Sidecar) work(ctx context.Context) {
	for {
		j, ok := s.queue.pop()
		if !ok {
			return
		}
		if !s.safely(whereMirror, func() { s.perform(ctx, j) }) {
			s.close(j.run, inconclusive(shadow.CauseInternal), nil)
		}
		s.queue.done(j)
	}
}

func (s *Sidecar) perform(ctx context.Context, j *job) {
	switch {
	case s.taints.covers(j.run.member, j.run.seq):
		s.close(j.run, inconclusive(shadow.CauseTainted), nil)
	case j.behind && s.deps.Now().Sub(j.pushed) > s.config.Limits.OrderWait:
		s.close(j.run, inconclusive(shadow.CauseOrder), nil)
	default:
		s.shadowRun(ctx, j.run)
	}
}

// shadowRun sends the request to the candidate and closes the sample with what came of it.
func (s *Sidecar) shadowRun(ctx context.Context, r *run) {
	parent := trace.ContextWithSpanContext(ctx, r.trace)
	spanned, span := s.tracer.Start(parent, "mirror "+r.route.Name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithLinks(trace.Link{SpanContext: r.trace}))
	defer span.End()
	limited, cancel := context.WithTimeout(spanned, s.config.Limits.ShadowTimeout)
	defer cancel()
	x := s.send(limited, r)
	s.metrics.mirror.Observe(x.Duration.Seconds())
	r.shadowed = &x
	if ctx.Err() != nil && x.Failure != shadow.FailNone {
		s.close(r, dropped(shadow.ReasonShutdown), nil)
		return
	}
	primary, shadowed := s.take(r)
	v, bindings := s.judge(shadow.Pair{
		Tag: r.tag, Order: r.order, Route: r.route.Name, Primary: r.primary, Shadow: x,
		PrimaryCalls: primary, ShadowCalls: shadowed, Amount: r.route.Amount.read(r.primary.Request),
	})
	s.close(r, v, bindings)
}

// send makes the mirrored request and reads the answer, without ever failing.
func (s *Sidecar) send(ctx context.Context, r *run) shadow.Exchange {
	start := s.deps.Now()
	tag := r.tag
	tag.Side, tag.Time = shadow.Shadow, start
	header := r.header.Clone()
	s.stamp(ctx, header, tag, r.uber)
	header.Del("Expect")
	x := shadow.Exchange{
		Side: shadow.Shadow, Method: r.primary.Method, URI: r.primary.URI,
		RequestHeader: shadow.Header(header), Request: r.primary.Request, Start: start,
	}
	r.answer = capture.NewBuffer(s.config.Limits.MaxBody, s.budget)
	var err error
	if isGRPC(header) {
		err = s.sendGRPC(ctx, r, &x)
	} else {
		err = s.sendPlain(ctx, r, &x)
	}
	x.Response, _ = r.answer.Snapshot()
	x.Duration = s.deps.Now().Sub(start)
	x.Failure = shadowFailure(ctx, err)
	return x
}

func shadowFailure(ctx context.Context, err error) shadow.Failure {
	switch {
	case err == nil:
		return shadow.FailNone
	case errors.Is(err, upstream.ErrDial):
		return shadow.FailUnreachable
	case ctx.Err() != nil:
		return shadow.FailTimeout
	}
	return shadow.FailReset
}

// sendPlain sends the request as bytes: method, target, host, header and body are the stable release's.
func (s *Sidecar) sendPlain(ctx context.Context, r *run, x *shadow.Exchange) error {
	var head framing.Head
	seen := func(h *framing.Head) { x.Status, x.ResponseHeader = h.Status, withoutHop(h.Header()) }
	return s.shadowed.Exchange(ctx, message(r, http.Header(x.RequestHeader)), &head, seen, r.answer.Keep)
}

// message writes a request. A body whose length was not told before it came goes in one chunk.
func message(r *run, header http.Header) []byte {
	body := r.primary.Request.Bytes
	out := make([]byte, 0, 1024+len(body))
	out = fmt.Appendf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.primary.Method, r.primary.URI, r.host)
	for name, values := range header {
		if name == "Content-Length" || name == "Transfer-Encoding" {
			continue
		}
		for _, v := range values {
			out = append(append(append(append(out, name...), ": "...), v...), "\r\n"...)
		}
	}
	switch {
	case r.length < 0 && len(body) > 0:
		out = fmt.Appendf(out, "Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(body))
		return append(append(out, body...), "\r\n0\r\n\r\n"...)
	case r.length < 0:
		return append(out, "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"...)
	case r.length > 0 || r.header.Get("Content-Length") != "":
		out = fmt.Appendf(out, "Content-Length: %d\r\n", r.length)
	}
	return append(append(out, "\r\n"...), body...)
}

// sendGRPC sends the request over HTTP/2.
func (s *Sidecar) sendGRPC(ctx context.Context, r *run, x *shadow.Exchange) error {
	target := baseURL(s.shadowed.Target())
	target.Path = r.primary.URI // of gRPC: "/package.Service/Method"
	req := (&http.Request{
		Method: r.primary.Method, URL: target, Host: r.host, Header: http.Header(x.RequestHeader),
		Body: io.NopCloser(bytes.NewReader(r.primary.Request.Bytes)), ContentLength: r.length,
	}).WithContext(ctx)
	res, err := s.candidate.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("mirror a gRPC call: %w", err)
	}
	x.Status, x.ResponseHeader = res.StatusCode, shadow.Header(res.Header)
	body := r.answer.Body(res.Body)
	_, err = io.Copy(io.Discard, body)
	body.Close()
	addTrailer(x.ResponseHeader, res.Trailer)
	return err
}

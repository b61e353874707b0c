package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// candidateIdle is short: a connection that the candidate closed while it was idle looks like a reset in the middle.
const candidateIdle = 2 * time.Second

// errDial marks a failure before anything was sent.
var errDial = errors.New("dial candidate")

func candidateTransport(limits Limits) *http.Transport {
	dialer := &net.Dialer{Timeout: limits.DialTimeout}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errDial, err)
			}
			return conn, nil
		},
		DisableCompression:     true,
		MaxIdleConnsPerHost:    limits.Workers,
		MaxConnsPerHost:        limits.Workers,
		IdleConnTimeout:        candidateIdle,
		MaxResponseHeaderBytes: int64(limits.MaxHeader),
	}
}

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
	req := s.mirrored(ctx, r)
	x := shadow.Exchange{
		Side: shadow.Shadow, Method: r.primary.Method, URI: r.primary.URI,
		RequestHeader: shadow.Header(req.Header), Request: r.primary.Request, Start: start,
	}
	res, err := s.candidate.RoundTrip(req)
	if err == nil {
		x.Status, x.ResponseHeader = res.StatusCode, shadow.Header(res.Header)
		r.answer = capture.NewBuffer(s.config.Limits.MaxBody, s.budget)
		body := r.answer.Body(res.Body)
		_, err = io.Copy(io.Discard, body)
		body.Close()
		x.Response, _ = r.answer.Snapshot()
	}
	x.Duration = s.deps.Now().Sub(start)
	x.Failure = shadowFailure(ctx, err)
	return x
}

func shadowFailure(ctx context.Context, err error) shadow.Failure {
	switch {
	case err == nil:
		return shadow.FailNone
	case errors.Is(err, errDial):
		return shadow.FailUnreachable
	case ctx.Err() != nil:
		return shadow.FailTimeout
	}
	return shadow.FailReset
}

// mirrored is the same request for the candidate: method, target, host, headers and body, with a fresh tag of the shadow side.
func (s *Sidecar) mirrored(ctx context.Context, r *run) *http.Request {
	body := r.primary.Request.Bytes
	target := *r.url
	req := &http.Request{
		Method: r.primary.Method, URL: &target, Header: r.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	(&httputil.ProxyRequest{Out: req}).SetURL(s.config.Candidate)
	req.Host = r.host
	req.Header.Del("Expect")
	if r.length != 0 {
		req.ContentLength = r.length
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	tag := r.tag
	tag.Side, tag.Time = shadow.Shadow, s.deps.Now()
	s.deps.Propagator.Inject(ctx, propagation.HeaderCarrier(req.Header))
	req.Header.Set(shadow.HeaderTag, s.deps.Signer.Sign(tag))
	addBaggage(req.Header, tag.Release)
	return req.WithContext(ctx)
}

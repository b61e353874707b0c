package proxy

import (
	"context"
	"errors"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const readSlack = 100 * time.Millisecond

var errTotalTimeout = errors.New("the exchange took longer than its total timeout")

// passage is one request on its way to the stable release and back, sampled or not.
type passage struct {
	w         http.ResponseWriter
	start     time.Time
	route     *Route // nil = no route names it
	tagged    string
	tagHeader string // signed tag for the stable release; "" = untagged
	deadline  *time.Timer
	run       *run // nil = not sampled

	answered bool           // the stable release gave a head
	failure  shadow.Failure // of an exchange without one
}

type passageKey struct{}

func passageOf(ctx context.Context) *passage {
	p, _ := ctx.Value(passageKey{}).(*passage)
	return p
}

func (p *passage) label() string {
	if p.route == nil {
		return routeOther
	}
	return p.route.Name
}

// ServeHTTP forwards one request to the stable release, and settles its sample when the answer has ended.
func (s *Sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := &passage{w: w, start: s.deps.Now(), route: s.routeOf(r), tagged: taggedNo}
	slice := *s.slice.Load()
	forced := s.strip(r, slice)
	parent := s.deps.Propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	spanned, span := s.tracer.Start(parent, p.label(), trace.WithSpanKind(trace.SpanKindServer))
	ctx, cancel := context.WithCancelCause(context.WithValue(spanned, passageKey{}, p))
	p.deadline = time.AfterFunc(s.config.Limits.TotalTimeout, func() { cancel(errTotalTimeout) })
	s.boundUpload(w, r)
	s.safely(whereAdmit, func() { s.admit(p, r, forced, slice, span.SpanContext()) })
	defer func() {
		s.finish(ctx, p, span)
		cancel(nil)
	}()
	forwarded := r.WithContext(ctx)
	if p.run != nil && r.ContentLength != 0 {
		forwarded.Body = p.run.request.Body(r.Body)
	}
	s.stable.ServeHTTP(w, forwarded)
}

// boundUpload ends the wait for the rest of an upload. net/http holds an early answer back until the request was read,
// and looks at no context meanwhile. (EnableFullDuplex would not wait, but with a body that nobody read net/http then
// panics over concurrent reads of the connection.) The next request and an upgrade begin without the deadline.
func (s *Sidecar) boundUpload(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// The total timeout comes first, so that it is told apart from a client that is gone. A writer without
		// deadlines has nothing to wait for.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.config.Limits.TotalTimeout + readSlack))
	}
}

// forwarder is the proxy to the stable release. It never retries a request that the stable release may have seen.
func (s *Sidecar) forwarder() http.Handler {
	limits := s.config.Limits
	dialer := &net.Dialer{Timeout: limits.DialTimeout, KeepAlive: 15 * time.Second}
	return &httputil.ReverseProxy{
		Rewrite:        s.rewrite,
		ModifyResponse: s.answered,
		ErrorHandler:   s.failed,
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0), // aborted copies are counted, not logged
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			DisableCompression:     true, // bytes go through as they are
			MaxIdleConnsPerHost:    256,
			IdleConnTimeout:        limits.UpstreamIdle,
			ResponseHeaderTimeout:  limits.HeaderTimeout,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: int64(limits.MaxHeader),
		},
	}
}

func (s *Sidecar) rewrite(pr *httputil.ProxyRequest) {
	pr.SetURL(s.config.Upstream)
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery
	pr.Out.Host = pr.In.Host
	keepForwarded(pr)
	p := passageOf(pr.In.Context())
	s.safely(whereForward, func() {
		s.deps.Propagator.Inject(pr.In.Context(), propagation.HeaderCarrier(pr.Out.Header))
		pr.Out.Header.Del(shadow.HeaderTag)
		if p.tagHeader != "" {
			pr.Out.Header.Set(shadow.HeaderTag, p.tagHeader)
			addBaggage(pr.Out.Header, p.run.tag.Release)
		}
		if p.run != nil {
			p.run.header = pr.Out.Header.Clone()
		}
	})
}

// keepForwarded passes on what earlier proxies said and adds this hop.
func keepForwarded(pr *httputil.ProxyRequest) {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v := pr.In.Header[name]; v != nil {
			pr.Out.Header[name] = append([]string(nil), v...)
		}
	}
	if host, _, err := net.SplitHostPort(pr.In.RemoteAddr); err == nil {
		if prior := pr.Out.Header.Get("X-Forwarded-For"); prior != "" {
			host = prior + ", " + host
		}
		pr.Out.Header.Set("X-Forwarded-For", host)
	}
}

// answered sees the head of the stable answer, before it goes to the client.
func (s *Sidecar) answered(res *http.Response) error {
	p := passageOf(res.Request.Context())
	p.answered = true
	res.Header.Del(shadow.HeaderTag)
	asSent(p.w.Header(), res.Header)
	stream := res.StatusCode == http.StatusSwitchingProtocols || isEventStream(res.Header)
	if stream {
		p.deadline.Stop()
		_ = http.NewResponseController(p.w).SetReadDeadline(time.Time{})
	}
	if p.run == nil {
		return nil
	}
	s.safely(whereForward, func() { s.watch(p, res, stream) })
	return nil
}

// asSent keeps net/http from adding what the stable release did not send.
func asSent(out, answer http.Header) {
	for _, name := range []string{"Content-Type", "Date"} {
		if _, ok := answer[name]; !ok {
			out[name] = nil
		}
	}
}

// watch copies the answer of a sampled request. A stream may never end: its sample is closed when it begins.
func (s *Sidecar) watch(p *passage, res *http.Response, stream bool) {
	p.run.primary.Status = res.StatusCode
	p.run.primary.ResponseHeader = shadow.Header(res.Header.Clone())
	if !stream {
		res.Body = p.run.response.Body(res.Body)
		return
	}
	if p.run.excluded == "" {
		p.run.excluded = shadow.RuleNotRepeatable
	}
	s.settle(p, shadow.FailNone)
}

func isEventStream(h http.Header) bool {
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return media == "text/event-stream"
}

// failed answers for a stable release that gave no answer.
func (s *Sidecar) failed(w http.ResponseWriter, r *http.Request, err error) {
	p := passageOf(r.Context())
	p.failure = failureOf(r.Context(), err)
	status := http.StatusBadGateway
	if p.failure == shadow.FailTimeout {
		status = http.StatusGatewayTimeout
	}
	w.WriteHeader(status)
}

func failureOf(ctx context.Context, err error) shadow.Failure {
	var dial *net.OpError
	var slow net.Error
	switch {
	case errors.Is(context.Cause(ctx), errTotalTimeout):
		return shadow.FailTimeout
	case ctx.Err() != nil:
		return shadow.FailClientGone
	case errors.As(err, &dial) && dial.Op == "dial":
		return shadow.FailUnreachable
	case errors.As(err, &slow) && slow.Timeout():
		return shadow.FailTimeout
	}
	return shadow.FailReset
}

// ended tells how the exchange of a sampled request ended.
func (p *passage) ended(ctx context.Context) shadow.Failure {
	if !p.answered {
		if p.failure == shadow.FailNone {
			return shadow.FailReset
		}
		return p.failure
	}
	switch _, end := p.run.response.Snapshot(); end {
	case capture.Complete:
		return shadow.FailNone
	case capture.Broken:
		return failureOf(ctx, io.ErrUnexpectedEOF)
	}
	return shadow.FailClientGone
}

// finish runs when the handler ends, also when it panics.
func (s *Sidecar) finish(ctx context.Context, p *passage, span trace.Span) {
	p.deadline.Stop()
	s.metrics.requests.WithLabelValues(p.label(), p.tagged).Inc()
	s.metrics.seconds.WithLabelValues(p.label()).Observe(s.deps.Now().Sub(p.start).Seconds())
	if p.run != nil {
		span.SetAttributes(attribute.String("touchstone.sample", p.run.tag.Sample))
		if !s.safely(whereSettle, func() { s.settle(p, p.ended(ctx)) }) {
			s.close(p.run, inconclusive(shadow.CauseInternal), nil)
			s.leave(p.run)
		}
	}
	span.End()
}

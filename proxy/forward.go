package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const readSlack = 100 * time.Millisecond

var errTotalTimeout = errors.New("the exchange took longer than its total timeout")

// crossing is a passage through net/http.
type crossing struct {
	*passage
	w        http.ResponseWriter
	deadline *time.Timer
	answered bool           // the stable release gave a head
	failure  shadow.Failure // of an exchange without one
}

type crossingKey struct{}

func crossingOf(ctx context.Context) *crossing {
	c, _ := ctx.Value(crossingKey{}).(*crossing)
	return c
}

// ServeHTTP forwards one request that is not plain to the stable release, and settles its sample when the answer has
// ended.
func (s *Sidecar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.config.Copies {
		s.receive(w, r)
		return
	}
	in := fromLibrary(r)
	ahead := s.readAhead(in, r)
	c := &crossing{passage: &passage{}, w: w}
	s.begin(c.passage, r.Context(), in)
	ctx, cancel := context.WithCancelCause(context.WithValue(c.ctx, crossingKey{}, c))
	c.deadline = time.AfterFunc(s.config.Limits.TotalTimeout, func() { cancel(errTotalTimeout) })
	s.boundUpload(w, r)
	defer func() {
		c.deadline.Stop()
		s.finish(c.passage, func() shadow.Failure { return c.ended(ctx) })
		cancel(nil)
	}()
	forwarded := r.WithContext(ctx)
	if ahead != nil {
		forwarded.Body = ahead
	}
	if c.run != nil && r.ContentLength != 0 {
		forwarded.Body = c.run.request.Body(forwarded.Body)
	}
	if c.notice != nil {
		c.notice.keeps(r.Header)
		if r.ContentLength != 0 {
			forwarded.Body = c.notice.body.Body(forwarded.Body)
		}
	}
	s.stable.ServeHTTP(w, forwarded)
}

// readAhead reads a body in which the order number stands, and gives the body anew. One that is too long has no key.
func (s *Sidecar) readAhead(in *inbound, r *http.Request) io.ReadCloser {
	route := s.routeOf(in)
	if route == nil || r.ContentLength == 0 || !route.Key.inBody() {
		return nil
	}
	limit := s.config.Limits.MaxBody
	start, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failing{err}
	} else if int64(len(start)) <= limit {
		in.body = start
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(start), rest), r.Body}
}

type failing struct{ err error }

// Read fails as the body did.
func (b failing) Read([]byte) (int, error) { return 0, b.err }

// boundUpload ends the wait for the rest of an upload. net/http holds an early answer back until the request was read,
// and looks at no context meanwhile. (EnableFullDuplex would not wait, but with a body that nobody read net/http then
// panics over concurrent reads of the connection.) The next request and an upgrade begin without the deadline.
func (s *Sidecar) boundUpload(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 && r.ProtoMajor == 1 {
		// The total timeout comes first, so that it is told apart from a client that is gone. A writer without
		// deadlines has nothing to wait for.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.config.Limits.TotalTimeout + readSlack))
	}
}

// forwarder is the proxy to the stable release. It never retries a request that the stable release may have seen.
//
// Answers are flushed as they come. For gRPC that is left to ReverseProxy, which does it for bodies of unknown length: an
// error without a body is one frame, header and trailer at once, and a flush beside its end would tear it in two.
func (s *Sidecar) forwarder() http.Handler {
	plain := &httputil.ReverseProxy{
		Rewrite:        s.rewrite,
		ModifyResponse: s.answered,
		ErrorHandler:   s.failed,
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0), // aborted copies are counted, not logged
		Transport:      s.ways(),
	}
	rpc := *plain
	rpc.FlushInterval = 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isGRPC(r.Header) {
			rpc.ServeHTTP(w, r)
			return
		}
		plain.ServeHTTP(w, r)
	})
}

// transports speaks HTTP/1.1 to a service, and HTTP/2 where the request is gRPC.
type transports struct{ plain, grpc *http.Transport }

func newTransports(pool *upstream.Pool, limits Limits) transports {
	make := func(set func(*http.Protocols)) *http.Transport {
		protocols := &http.Protocols{}
		set(protocols)
		return &http.Transport{
			DialContext: pool.DialContext, DialTLSContext: pool.DialContext, Protocols: protocols,
			DisableCompression:     true, // bytes go through as they are
			MaxIdleConnsPerHost:    256,
			IdleConnTimeout:        limits.UpstreamIdle,
			ResponseHeaderTimeout:  limits.HeaderTimeout,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: int64(limits.MaxHeader),
		}
	}
	return transports{
		plain: make(func(p *http.Protocols) { p.SetHTTP1(true) }),
		grpc:  make(func(p *http.Protocols) { p.SetHTTP2(true); p.SetUnencryptedHTTP2(true) }),
	}
}

// RoundTrip sends a request in the protocol it needs.
func (t transports) RoundTrip(r *http.Request) (*http.Response, error) {
	if isGRPC(r.Header) {
		return t.grpc.RoundTrip(r)
	}
	return t.plain.RoundTrip(r)
}

// CloseIdleConnections closes what is not in use.
func (t transports) CloseIdleConnections() {
	t.plain.CloseIdleConnections()
	t.grpc.CloseIdleConnections()
}

func isGRPC(h http.Header) bool {
	return isGRPCType(h.Get("Content-Type"))
}

func isGRPCType(contentType string) bool {
	return strings.HasPrefix(contentType, "application/grpc") && !strings.HasPrefix(contentType, "application/grpc-web")
}

func (s *Sidecar) rewrite(pr *httputil.ProxyRequest) {
	c := crossingOf(pr.In.Context())
	target := s.service.Target()
	if c.serves != nil {
		target = c.serves.Target()
	}
	pr.SetURL(baseURL(target))
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery
	pr.Out.Host = pr.In.Host
	keepForwarded(pr)
	if isGRPC(pr.In.Header) {
		pr.Out.Header.Set("Te", "trailers") // a hop field that gRPC insists on
	}
	if isH2C(pr.Out.Header) { // would let HTTP/2 pass unseen behind an upgrade
		pr.Out.Header.Del("Upgrade")
		pr.Out.Header.Del("Connection")
		pr.Out.Header.Del("Http2-Settings")
	}
	s.safely(whereForward, func() {
		for name := range pr.Out.Header {
			if isTag(name) {
				delete(pr.Out.Header, name)
			}
		}
		c.carried.over(pr.Out.Header)
		if c.run != nil {
			c.run.came(pr.Out.Header.Clone())
		}
	})
}

// baseURL is the service's for net/http, which dials through the pool whatever the host.
func baseURL(t upstream.Target) *url.URL { return &url.URL{Scheme: t.Scheme(), Host: t.Host} }

// keepForwarded passes on what earlier proxies said and adds this hop.
func keepForwarded(pr *httputil.ProxyRequest) {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v := pr.In.Header[name]; v != nil {
			pr.Out.Header[name] = slices.Clone(v)
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
	c := crossingOf(res.Request.Context())
	c.answered = true
	res.Header.Del(shadow.HeaderTag)
	asSent(c.w.Header(), res.Header)
	stream := res.StatusCode == http.StatusSwitchingProtocols || isEventStream(res.Header.Get("Content-Type"))
	if stream || isGRPC(res.Header) {
		c.deadline.Stop()
	}
	if stream {
		_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	}
	if c.run == nil {
		return nil
	}
	s.safely(whereForward, func() { s.watch(c, res, stream) })
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
func (s *Sidecar) watch(c *crossing, res *http.Response, stream bool) {
	c.run.primary.Status = res.StatusCode
	c.run.primary.ResponseHeader = shadow.Header(res.Header.Clone())
	if stream {
		s.endless(c.run, c.passage)
		return
	}
	body := c.run.response.Body(res.Body)
	if isGRPC(res.Header) {
		body = &trailed{ReadCloser: body, res: res, header: c.run.primary.ResponseHeader}
	}
	res.Body = body
}

// endless closes the sample of an answer that may never end.
func (s *Sidecar) endless(r *run, p *passage) {
	if r.excluded == "" {
		r.excluded = shadow.RuleNotRepeatable
	}
	s.settle(p, s.deps.Now(), shadow.FailNone)
}

// trailed adds gRPC's status, which comes behind the body, to the header that is compared.
type trailed struct {
	io.ReadCloser
	res    *http.Response
	header shadow.Header
}

// Read reads from the body.
func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		addTrailer(t.header, t.res.Trailer)
	}
	return n, err
}

func addTrailer(h shadow.Header, trailer http.Header) {
	for _, name := range []string{"Grpc-Status", "Grpc-Message"} {
		if v := trailer[name]; v != nil {
			h[name] = slices.Clone(v)
		}
	}
}

const eventStream = "text/event-stream"

func isEventStream(contentType string) bool {
	if len(contentType) < len(eventStream) || !strings.EqualFold(contentType[:len(eventStream)], eventStream) {
		return false
	}
	media, _, _ := mime.ParseMediaType(contentType)
	return media == eventStream
}

// failed answers for a stable release that gave no answer.
func (s *Sidecar) failed(w http.ResponseWriter, r *http.Request, err error) {
	c := crossingOf(r.Context())
	c.failure = failureOf(r.Context(), err)
	status := http.StatusBadGateway
	if c.failure == shadow.FailTimeout {
		status = http.StatusGatewayTimeout
	}
	w.WriteHeader(status)
}

func failureOf(ctx context.Context, err error) shadow.Failure {
	var slow net.Error
	switch {
	case errors.Is(context.Cause(ctx), errTotalTimeout):
		return shadow.FailTimeout
	case ctx.Err() != nil:
		return shadow.FailClientGone
	case errors.Is(err, upstream.ErrDial):
		return shadow.FailUnreachable
	case errors.As(err, &slow) && slow.Timeout():
		return shadow.FailTimeout
	}
	return shadow.FailReset
}

// ended tells how the exchange of a sampled request ended.
func (c *crossing) ended(ctx context.Context) shadow.Failure {
	if !c.answered {
		if c.failure == shadow.FailNone {
			return shadow.FailReset
		}
		return c.failure
	}
	switch _, end := c.run.response.Snapshot(); end {
	case capture.Complete:
		return shadow.FailNone
	case capture.Broken:
		return failureOf(ctx, io.ErrUnexpectedEOF)
	}
	return shadow.FailClientGone
}

package egress

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// primarySide forwards the stable release's calls to the channel and records the tagged ones.
type primarySide struct {
	config  Config
	signer  *shadow.Signer
	now     func() time.Time
	calls   calls
	metrics *metrics
	proxy   *httputil.ReverseProxy
}

// outgoing is one call on its way to the channel.
type outgoing struct {
	rec      *recording // nil = not recorded
	body     io.Reader  // of a recorded request that has one
	exchange shadow.Exchange
	answered bool
	header   http.Header // of the writer
}

type outgoingKey struct{}

func outgoingOf(ctx context.Context) *outgoing {
	o, _ := ctx.Value(outgoingKey{}).(*outgoing)
	return o
}

func newPrimarySide(config Config, deps Deps, c calls, m *metrics) *primarySide {
	p := &primarySide{config: config, signer: deps.Signer, now: deps.Now, calls: c, metrics: m}
	p.proxy = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		ModifyResponse: p.answered,
		ErrorHandler:   p.failed,
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0), // aborted copies are recorded, not logged
		Transport: channelOnly{metrics: m, inner: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: config.Limits.Timeout}).DialContext,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     30 * time.Second,
		}},
	}
	return p
}

// ServeHTTP refuses what carries any shadow tag, genuine or not, and forwards everything else.
func (p *primarySide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tags := r.Header.Values(shadow.HeaderTag)
	if slices.ContainsFunc(tags, namesShadow) {
		p.metrics.calls.WithLabelValues(string(shadow.Primary), string(shadow.CallRefused)).Inc()
		p.metrics.refused.WithLabelValues(reasonShadowOnPrimary).Inc()
		refuse(w, http.StatusForbidden, reasonShadowOnPrimary)
		return
	}
	out := &outgoing{header: w.Header(), exchange: shadow.Exchange{
		Side: shadow.Primary, Method: r.Method, URI: r.URL.RequestURI(), Start: p.now(),
		RequestHeader: withoutTag(r.Header),
	}}
	out.rec = p.recording(tags, r)
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), outgoingKey{}, out), p.config.Limits.Timeout)
	defer func() { p.finish(ctx, out, r); cancel() }()
	forwarded := r.WithContext(ctx)
	if out.rec != nil && r.ContentLength != 0 {
		forwarded.Body = out.rec.request.Body(r.Body)
		out.body = forwarded.Body
	}
	p.proxy.ServeHTTP(w, forwarded)
}

// namesShadow also holds for a tag that is forged, expired or cut: nothing that calls itself shadow is forwarded.
func namesShadow(tag string) bool { return strings.Contains(tag, "side="+string(shadow.Shadow)) }

// recording starts to record a call with one genuine tag of the primary side; nil = untagged, or no room.
func (p *primarySide) recording(tags []string, r *http.Request) *recording {
	if len(tags) != 1 {
		return nil
	}
	tag, err := p.signer.Verify(tags[0], p.now())
	if err != nil || tag.Side != shadow.Primary {
		return nil
	}
	return p.calls.begin(tag.Sample, p.config.operation(r))
}

func (p *primarySide) rewrite(pr *httputil.ProxyRequest) {
	pr.SetURL(p.config.Channel)
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v := pr.In.Header[name]; v != nil {
			pr.Out.Header[name] = v
		}
	}
	pr.Out.Header.Del(shadow.HeaderTag)
	for _, name := range []string{"Baggage", "Tracestate", "Uberctx-Gray"} { // who is gray is nobody's business outside
		pr.Out.Header.Del(name)
	}
}

func (p *primarySide) answered(res *http.Response) error {
	out := outgoingOf(res.Request.Context())
	out.answered = true
	asSent(out.header, res.Header)
	if out.rec != nil && res.StatusCode != http.StatusSwitchingProtocols {
		out.exchange.Status = res.StatusCode
		out.exchange.ResponseHeader = shadow.Header(res.Header.Clone())
		res.Body = out.rec.response.Body(res.Body)
	}
	return nil
}

// asSent keeps net/http from adding what the channel did not send.
func asSent(out, answer http.Header) {
	for _, name := range []string{"Content-Type", "Date"} {
		if _, ok := answer[name]; !ok {
			out[name] = nil
		}
	}
}

func (p *primarySide) failed(w http.ResponseWriter, r *http.Request, err error) {
	out := outgoingOf(r.Context())
	out.exchange.Failure = failureOf(r.Context(), err)
	status := http.StatusBadGateway
	if out.exchange.Failure == shadow.FailTimeout {
		status = http.StatusGatewayTimeout
	}
	if out.exchange.Failure == shadow.FailUnreachable && out.body != nil {
		// Nobody read the request: it is read here, so that the candidate's can be held against it.
		_, _ = io.CopyN(io.Discard, out.body, p.config.Limits.MaxBody+1)
	}
	w.WriteHeader(status)
}

func failureOf(ctx context.Context, err error) shadow.Failure {
	var dial *net.OpError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return shadow.FailTimeout
	case ctx.Err() != nil:
		return shadow.FailClientGone
	case errors.As(err, &dial) && dial.Op == "dial":
		return shadow.FailUnreachable
	}
	return shadow.FailReset
}

// finish makes the recording final, also when the copy of the answer was aborted.
func (p *primarySide) finish(ctx context.Context, out *outgoing, r *http.Request) {
	fate := string(shadow.CallForwarded)
	if out.rec == nil {
		fate = fateUntagged
	}
	p.metrics.calls.WithLabelValues(string(shadow.Primary), fate).Inc()
	if out.rec == nil {
		return
	}
	x := &out.exchange
	var requestEnd, responseEnd capture.End
	x.Request, requestEnd = out.rec.request.Snapshot()
	x.Response, responseEnd = out.rec.response.Snapshot()
	if r.ContentLength != 0 && requestEnd != capture.Complete && x.Request.Size != r.ContentLength {
		x.Request.Truncated = true // the channel answered without reading it all
	}
	if x.Failure == shadow.FailNone && (!out.answered || responseEnd != capture.Complete) {
		x.Failure = failureOf(ctx, io.ErrUnexpectedEOF)
	}
	x.Duration = p.now().Sub(x.Start)
	p.calls.end(out.rec, *x)
}

func withoutTag(h http.Header) shadow.Header {
	out := h.Clone()
	out.Del(shadow.HeaderTag)
	return shadow.Header(out)
}

// channelOnly is the last check before the wire, independent of the handlers: only a call that the primary side let
// pass, and that carries no tag, leaves.
type channelOnly struct {
	metrics *metrics
	inner   http.RoundTripper
}

var errUnsafe = errors.New("not a call of the primary side")

// RoundTrip sends the request to the channel.
func (c channelOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	out := outgoingOf(r.Context())
	if out == nil || out.exchange.Side != shadow.Primary || len(r.Header.Values(shadow.HeaderTag)) > 0 {
		c.metrics.refused.WithLabelValues(reasonUnsafe).Inc()
		return nil, errUnsafe
	}
	return c.inner.RoundTrip(r)
}

package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// candidateIdle is short: a connection that the candidate closed while it was idle looks like a reset in the middle.
const candidateIdle = 2 * time.Second

// work runs jobs until the queue is closed and empty.
func (s *Sidecar) work(ctx context.Context) {
	for worker := make(chan struct{}, 1); ; {
		j, ok := s.queue.pop(worker)
		if !ok {
			return
		}
		whole := s.safely(whereMirror, func() { s.perform(ctx, j) })
		if !whole {
			s.close(j.run, inconclusive(shadow.CauseInternal), nil)
		}
		s.queue.done(j)
		if whole {
			s.recycle(j.run)
		}
	}
}

func (s *Sidecar) perform(ctx context.Context, j *job) {
	switch slice := s.slice.Load(); {
	case slice.Halted || j.run.tag.Epoch < slice.Epoch:
		s.close(j.run, dropped(shadow.ReasonRollback), nil)
	case s.taints.covers(j.run.member, j.run.seq):
		s.close(j.run, inconclusive(shadow.CauseTainted), nil)
	case j.behind && s.deps.Now().Sub(j.pushed) > s.config.Limits.OrderWait:
		s.close(j.run, inconclusive(shadow.CauseOrder), nil)
	case j.run.route.Callback:
		s.callback(ctx, j)
	default:
		s.shadowRun(ctx, j.run)
	}
}

const callbackLook = 10 * time.Millisecond

// callback gives the candidate its copy of a channel's notice, signed and encrypted as it is, once it owns the order. The
// run that creates it may be at another sidecar; here the queue keeps the order.
func (s *Sidecar) callback(ctx context.Context, j *job) {
	limited, cancel := context.WithTimeout(ctx, s.config.Limits.OrderWait)
	defer cancel()
	for {
		switch s.deps.Members.Creation(j.run.member) {
		case CreationDone:
			s.shadowRun(ctx, j.run)
			return
		case CreationFailed:
			s.close(j.run, inconclusive(shadow.CauseTainted), nil)
			return
		}
		if !wait(limited, callbackLook) {
			s.close(j.run, inconclusive(shadow.CauseOrder), nil)
			return
		}
	}
}

// shadowRun sends the request to the candidate and closes the sample with what came of it.
func (s *Sidecar) shadowRun(ctx context.Context, r *run) {
	judged, ok := r.route.lengths.allow()
	if !ok {
		s.close(r, dropped(shadow.ReasonBodyTooLarge), nil)
		return
	}
	var v shadow.Verdict
	defer func() { judged(v) }() // also of a panic
	v, bindings := s.compared(ctx, r)
	s.close(r, v, bindings)
}

// compared runs the request on the candidate and gives the verdict.
func (s *Sidecar) compared(ctx context.Context, r *run) (shadow.Verdict, []shadow.Binding) {
	spanned, span := s.tracer.Start(trace.ContextWithSpan(ctx, r.span), r.route.mirrored, s.asClient...) // no link to its parent: Jaeger takes the parent away then
	defer span.End()
	r.mirrored = span.SpanContext()
	s.began(r, span, shadow.Shadow)
	s.send(ctx, spanned, r)
	r.ran = true
	s.metrics.mirror.Observe(r.shadowed.Duration.Seconds())
	if ctx.Err() != nil && r.shadowed.Failure != shadow.FailNone {
		return dropped(shadow.ReasonShutdown), nil
	}
	primary, shadowed, err := s.fetch(ctx, r)
	if err != nil {
		return inconclusive(shadow.CauseGuard), nil
	}
	return s.judge(&shadow.Pair{
		Tag: r.tag, Order: r.order, Route: r.route.Name, Primary: r.primary, Shadow: r.shadowed,
		PrimaryCalls: primary, ShadowCalls: shadowed, Amount: r.amount,
	})
}

// send makes the mirrored request and reads the answer, without ever failing. It is cut by ctx, and traced by spanned.
func (s *Sidecar) send(ctx, spanned context.Context, r *run) {
	x := &r.shadowed
	x.Side, x.Method, x.URI, x.Request, x.Start = shadow.Shadow, r.primary.Method, r.primary.URI, r.primary.Request, s.deps.Now()
	tag := r.tag
	tag.Side, tag.Time = shadow.Shadow, x.Start
	r.stamped = s.stamp(spanned, r.stamped, r.carried.value(headerBaggage), r.carried.value(headerState), tag, r)
	r.answer.Init(s.config.Limits.MaxBody, s.budget)
	err := s.ask(ctx, spanned, r)
	x.Response, _ = r.answer.Snapshot()
	x.Duration = s.deps.Now().Sub(x.Start)
	x.Failure = shadowFailure(ctx, err)
}

func (s *Sidecar) ask(ctx, spanned context.Context, r *run) error {
	if !r.grpc {
		return s.sendPlain(ctx, r)
	}
	limited, cancel := context.WithTimeout(spanned, s.config.Limits.ShadowTimeout)
	defer cancel()
	return s.sendGRPC(limited, r)
}

func shadowFailure(ctx context.Context, err error) shadow.Failure {
	switch {
	case err == nil:
		return shadow.FailNone
	case errors.Is(err, upstream.ErrDial):
		return shadow.FailUnreachable
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return shadow.FailTimeout
	}
	return shadow.FailReset
}

// sendPlain sends the request as bytes: method, target, host, header and body are the stable release's.
func (s *Sidecar) sendPlain(ctx context.Context, r *run) error {
	limit := s.config.Limits.MaxBody
	seen := func(h *framing.Head) bool {
		r.shadowed.Status, r.shadowed.ResponseHeader = h.Status, s.answerHeader(h)
		if h.Length > limit && r.primary.Method != http.MethodHead {
			r.answer.Miss(h.Length) // it could not be compared: it is not fetched either
			return false
		}
		return true
	}
	m, ok := s.messages.Get().(*message)
	if !ok {
		m = &message{}
	}
	m.bytes = r.message(m.bytes[:0])
	err := s.shadowed.Exchange(ctx, time.Now().Add(s.config.Limits.ShadowTimeout), m.bytes, &m.answer, seen, r.answer.KeepUpTo)
	if cap(m.bytes) <= keptMessage {
		s.messages.Put(m)
	}
	return err
}

// message is the room of one mirrored request, which is used again.
type message struct {
	bytes  []byte
	answer framing.Head
}

const keptMessage = 64 << 10 // bytes of a written request whose room is used again

// message writes a request behind out. A body whose length was not told before it came goes in one chunk.
func (r *run) message(out []byte) []byte {
	body := r.primary.Request.Bytes
	out = append(append(append(append(out, r.primary.Method...), ' '), r.primary.URI...), " HTTP/1.1\r\nHost: "...)
	out = append(append(out, r.host...), "\r\n"...)
	out = append(out, r.lines...)
	for name, values := range r.header {
		if !r.stamped.has(name) && name != "Content-Length" && name != "Transfer-Encoding" && name != "Expect" {
			out = appendFields(out, name, values)
		}
	}
	out = r.stamped.lines(out)
	switch {
	case r.length < 0 && len(body) > 0:
		out = fmt.Appendf(out, "Transfer-Encoding: chunked\r\n\r\n%x\r\n", len(body))
		return append(append(out, body...), "\r\n0\r\n\r\n"...)
	case r.length < 0:
		return append(out, "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"...)
	case r.length > 0 || r.told:
		out = append(strconv.AppendInt(append(out, "Content-Length: "...), r.length, 10), "\r\n"...)
	}
	return append(append(out, "\r\n"...), body...)
}

func appendFields(out []byte, name string, values []string) []byte {
	for _, v := range values {
		out = append(append(append(append(out, name...), ": "...), v...), "\r\n"...)
	}
	return out
}

// shadowHeader is the header of the mirrored request.
func (r *run) shadowHeader() http.Header {
	out := r.primaryHeader()
	r.stamped.over(out)
	out.Del("Expect")
	return out
}

// sendGRPC sends the request over HTTP/2.
func (s *Sidecar) sendGRPC(ctx context.Context, r *run) error {
	target := baseURL(s.shadowed.Target())
	target.Path = r.primary.URI // of gRPC: "/package.Service/Method"
	req := (&http.Request{
		Method: r.primary.Method, URL: target, Host: r.host, Header: r.shadowHeader(),
		Body: io.NopCloser(bytes.NewReader(r.primary.Request.Bytes)), ContentLength: r.length,
	}).WithContext(ctx)
	res, err := s.candidate.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("mirror a gRPC call: %w", err)
	}
	r.shadowed.Status, r.shadowed.ResponseHeader = res.StatusCode, shadow.Header(res.Header)
	body := r.answer.Body(res.Body)
	_, err = io.Copy(io.Discard, body)
	body.Close()
	addTrailer(r.shadowed.ResponseHeader, res.Trailer)
	return err
}

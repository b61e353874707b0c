package proxy

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/proxy/framing"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// run is one sampled request on its way through the sidecar. It is closed exactly once, whatever happens to it.
type run struct {
	tag      shadow.Tag // of the primary side
	order    string
	member   string // what the order is remembered by: another release or epoch knows nothing of it
	route    *Route
	excluded string     // rule, when it will not be mirrored
	unsure   bool       // whether its order was born gray is asked before it is mirrored
	served   bool       // by the candidate: it has no shadow run
	span     trace.Span // of the request
	trace    trace.SpanContext
	traceID  string
	mirrored trace.SpanContext // of its shadow run

	request, response capture.Buffer
	host              string
	lines             []byte      // of the header as the stable release got it, but for what carried replaces and Content-Length; or
	header            http.Header // all of it, where net/http passed it on
	told              bool        // it came with a Content-Length
	gray              string      // its release as a member of W3C lists
	carried           fields      // the tag and trace of the stable release
	stamped           fields      // what the candidate gets instead
	grpc              bool
	uber              bool  // it came with a trace in jaeger-client's form
	length            int64 // Content-Length; -1 = chunked

	seq      uint64       // order of arrival
	place    *job         // in the queue; nil = it gets no shadow run
	amount   *recon.Money // of the request, where the route says where it is
	primary  shadow.Exchange
	shadowed shadow.Exchange
	ran      bool           // it was sent to the candidate
	answer   capture.Buffer // of the shadow run
	calls    []shadow.Call  // of both sides, once taken
	taken    bool
	closed   atomic.Bool
}

// open publishes the start of a sample.
func (s *Sidecar) open(r *run) {
	s.publish(r, shadow.EventOpened, &shadow.Evidence{
		Sample: r.tag.Sample, Release: r.tag.Release, Order: r.order, Route: r.route.Name,
		Creates: r.route.Creates, Verdict: shadow.Verdict{Outcome: shadow.Pending}, TraceID: r.traceID,
	})
	s.opened.Add(1) // after the event: a tally never tells more than was published
}

// close publishes the verdict of a sample; only the first call for a sample counts.
func (s *Sidecar) close(r *run, v shadow.Verdict, bindings []shadow.Binding) {
	if !r.closed.CompareAndSwap(false, true) {
		return
	}
	if v.Taints() {
		s.taints.add(r.member, r.seq)
	}
	if s.callbacks && r.route.Creates {
		s.deps.Members.Created(r.member, creation(v))
	}
	s.metrics.closed(v)
	evidence := s.line(r, v, bindings)
	if !s.safely(whereSettle, func() { s.attach(r, evidence) }) {
		evidence.Primary, evidence.Shadow, evidence.Calls = nil, nil, nil
	}
	s.safely(whereTrace, func() { s.trace(r, evidence.Verdict) })
	s.publish(r, shadow.EventClosed, evidence)
	s.closed.Add(1)
	r.release()
}

// creation tells from the verdict of the request that creates an order whether the candidate has it.
func creation(v shadow.Verdict) Creation {
	if v.Taints() || v.Outcome == shadow.Excluded && v.Cause != shadow.RuleUnpaired {
		return CreationFailed
	}
	return CreationDone
}

func (s *Sidecar) publish(r *run, kind shadow.EventKind, evidence *shadow.Evidence) {
	s.safely(wherePublish, func() {
		s.deps.Publisher.Publish(shadow.Event{
			ID: r.tag.Sample + ":" + string(kind), Kind: kind, Instance: s.config.Instance, Time: s.deps.Now(), Evidence: evidence,
		})
	})
}

// take gets the calls of both runs for the evidence, once, and without waiting.
func (s *Sidecar) take(r *run) {
	if !r.taken && r.excluded != shadow.RuleNotBornGray && !r.served { // which went untagged: nobody knows its calls
		r.taken = true
		primary, shadowed := s.deps.Calls.Take(r.tag.Sample)
		r.calls = append(primary, shadowed...)
	}
}

// fetch gets the calls of both runs for the verdict.
func (s *Sidecar) fetch(ctx context.Context, r *run) (primary, shadowed []shadow.Call, err error) {
	r.taken = true
	primary, shadowed, err = s.deps.Calls.Fetch(ctx, r.tag.Sample)
	r.calls = append(append(r.calls, primary...), shadowed...)
	return primary, shadowed, err
}

func (r *run) release() {
	for _, b := range []*capture.Buffer{&r.request, &r.response, &r.answer} {
		b.Release()
	}
}

// recycle gives a run, and what it was kept in, to other samples. The run is closed, its place is done with, and it was
// this goroutine's to the end. What travels as evidence was copied; a transport of net/http may still hold the body of a
// call.
func (s *Sidecar) recycle(r *run) {
	if r.grpc || r.header != nil {
		return
	}
	for _, b := range [...]*capture.Buffer{&r.request, &r.response, &r.answer} {
		b.Recycle()
	}
	for _, h := range [...]shadow.Header{r.primary.ResponseHeader, r.shadowed.ResponseHeader} {
		if h != nil && len(h) <= keptFields {
			clear(h)
			s.headers.Put(h)
		}
	}
	*r = run{lines: r.lines[:0], carried: r.carried[:0], stamped: r.stamped[:0]}
	s.runs.Put(r)
}

const keptFields = 32 // of a header whose map is used again

// emptyRun gives a run of which nothing is set.
func (s *Sidecar) emptyRun() *run {
	if r, ok := s.runs.Get().(*run); ok {
		return r
	}
	return &run{carried: make(fields, 0, carriedMost), stamped: make(fields, 0, carriedMost)}
}

// emptyHeader gives a map for the header of an answer.
func (s *Sidecar) emptyHeader() shadow.Header {
	if h, ok := s.headers.Get().(shadow.Header); ok {
		return h
	}
	return make(shadow.Header, 8)
}

// answerHeader copies the fields of an answer that are compared.
func (s *Sidecar) answerHeader(h *framing.Head) shadow.Header {
	return h.HeaderInto(s.emptyHeader(), isHopOrTag)
}

// isHopOrTag tells whether a field of an answer is for this hop only, or none that a service may give.
func isHopOrTag(f framing.Field) bool {
	switch len(f.Name) {
	case len("Connection"):
		return f.Is("Connection") || f.Is("Keep-Alive")
	case len("Proxy-Connection"):
		return f.Is("Proxy-Connection")
	case len("Transfer-Encoding"):
		return f.Is("Transfer-Encoding")
	case len(shadow.HeaderTag):
		return f.Is(shadow.HeaderTag)
	}
	return false
}

// came takes over the header as net/http passed it on.
func (r *run) came(h http.Header) {
	r.header, r.told, r.grpc = h, h.Get("Content-Length") != "", isGRPC(h)
}

// primaryHeader makes the header as the stable release got it.
func (r *run) primaryHeader() http.Header {
	if r.header != nil {
		return r.header.Clone()
	}
	out := http.Header{}
	for line := range strings.Lines(string(r.lines)) {
		name, value, _ := strings.Cut(line, ":")
		out.Add(name, strings.Trim(value, " \t\r\n"))
	}
	if r.told {
		out.Set("Content-Length", strconv.FormatInt(r.length, 10))
	}
	r.carried.over(out)
	return out
}

func traceID(sc trace.SpanContext) string {
	if !sc.HasTraceID() {
		return ""
	}
	return sc.TraceID().String()
}

func inconclusive(cause string) shadow.Verdict {
	return shadow.Verdict{Outcome: shadow.Inconclusive, Cause: cause}
}

func dropped(reason string) shadow.Verdict {
	return shadow.Verdict{Outcome: shadow.Dropped, Cause: reason}
}

func excluded(rule string) shadow.Verdict {
	return shadow.Verdict{Outcome: shadow.Excluded, Cause: rule}
}

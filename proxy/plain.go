package proxy

import (
	"context"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
	"github.com/seed-3356bd69/touchstone/proxy/front"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// bytesPassage is a passage of plain bytes. It is used again after its end.
type bytesPassage struct {
	passage
	in      inbound
	sidecar *Sidecar
	request *front.Request
	head    bool // the stable release gave one
}

// Plain decides about a plain request.
func (s *Sidecar) Plain(r *front.Request) front.Passage {
	b, ok := s.passages.Get().(*bytesPassage)
	if !ok {
		b = &bytesPassage{}
	}
	b.sidecar, b.request, b.in = s, r, fromPlain(r)
	s.begin(&b.passage, context.Background(), &b.in)
	if b.run != nil {
		s.safely(whereForward, b.copyRequest)
	}
	if b.notice != nil {
		s.safely(whereNotice, func() {
			b.notice.keeps(r.Header())
			b.notice.body.Keep(r.Body)
		})
	}
	return b
}

// copyRequest keeps the request as the stable release gets it.
func (b *bytesPassage) copyRequest() {
	r := b.run
	for i := range b.request.Fields {
		f := &b.request.Fields[i]
		switch {
		case f.Is("Connection"), f.Is("Keep-Alive"), f.Is("Proxy-Connection"), f.Is("Host"), !b.Passes(*f):
		case f.Is("Content-Length"):
			r.told = true
		default:
			r.lines = append(r.lines, f.Line...)
		}
	}
	r.grpc = isGRPCType(string(b.request.Value("Content-Type")))
	r.request.Keep(b.request.Body)
}

// Passes holds back the tags of others, and what is replaced.
func (b *bytesPassage) Passes(f framing.Field) bool {
	if isTag(string(f.Name)) {
		return false
	}
	for i := range b.carried {
		if f.Is(b.carried[i].name) {
			return false
		}
	}
	return true
}

// Fields adds the tag and its trace.
func (b *bytesPassage) Fields(dst []byte) []byte { return b.carried.lines(dst) }

// Answer copies the head of a sampled answer.
func (b *bytesPassage) Answer(h *framing.Head) (endless bool) {
	endless = isEventStream(string(h.Value("Content-Type")))
	if b.run == nil {
		return endless
	}
	b.sidecar.safely(whereForward, func() {
		b.head = true
		b.run.primary.Status = h.Status
		b.run.primary.ResponseHeader = b.sidecar.answerHeader(h)
		if endless {
			b.sidecar.endless(b.run, &b.passage)
		}
	})
	return endless
}

// Piece copies a part of a sampled answer.
func (b *bytesPassage) Piece(p []byte) {
	if b.run != nil {
		b.run.response.Keep(p)
	}
}

// Service is the candidate's where it serves the request.
func (b *bytesPassage) Service() *upstream.Pool { return b.serves }

// End settles the sample.
func (b *bytesPassage) End(failure shadow.Failure) {
	s := b.sidecar
	s.finish(&b.passage, func() shadow.Failure { return failure })
	*b = bytesPassage{}
	s.passages.Put(b)
}

var _ front.Handler = (*Sidecar)(nil)

package proxy

import (
	"context"
	"net/http"
	"strings"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
	"github.com/seed-3356bd69/touchstone/proxy/front"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// bytesPassage is a passage of plain bytes.
type bytesPassage struct {
	*passage
	sidecar *Sidecar
	request *front.Request
	head    bool // the stable release gave one
}

// Plain decides about a plain request.
func (s *Sidecar) Plain(r *front.Request) front.Passage {
	b := &bytesPassage{passage: s.begin(context.Background(), fromPlain(r)), sidecar: s, request: r}
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
	header := http.Header(b.request.Header())
	for name := range header {
		switch name {
		case "Connection", "Keep-Alive", "Proxy-Connection", "Host":
			delete(header, name)
		default:
			if isTag(name) {
				delete(header, name)
			}
		}
	}
	for name, values := range b.carried {
		delete(header, name)
		if len(values) > 0 {
			header[name] = values
		}
	}
	b.run.header = header
	b.run.request.Keep(b.request.Body)
}

// Passes holds back the tags of others, and what is replaced.
func (b *bytesPassage) Passes(f framing.Field) bool {
	if isTag(string(f.Name)) {
		return false
	}
	for name := range b.carried {
		if f.Is(name) {
			return false
		}
	}
	return true
}

// Fields adds the tag and its trace.
func (b *bytesPassage) Fields(dst []byte) []byte {
	for name, values := range b.carried {
		if len(values) > 0 {
			dst = append(append(dst, name...), ": "...)
			dst = append(append(dst, strings.Join(values, ",")...), "\r\n"...)
		}
	}
	return dst
}

// Answer copies the head of a sampled answer.
func (b *bytesPassage) Answer(h *framing.Head) (endless bool) {
	endless = isEventStream(string(h.Value("Content-Type")))
	if b.run == nil {
		return endless
	}
	b.sidecar.safely(whereForward, func() {
		b.head = true
		b.run.primary.Status = h.Status
		b.run.primary.ResponseHeader = withoutHop(h.Header())
		if endless {
			b.sidecar.endless(b.run, b.passage)
		}
	})
	return endless
}

func withoutHop(h map[string][]string) shadow.Header {
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", shadow.HeaderTag} {
		delete(h, name)
	}
	return h
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
	b.sidecar.finish(b.passage, func() shadow.Failure { return failure })
}

var _ front.Handler = (*Sidecar)(nil)

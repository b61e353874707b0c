package proxy

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const (
	memberGray       = "gray" // of W3C baggage and tracestate
	headerBaggage    = "Baggage"
	headerState      = "Tracestate"
	headerParent     = "Traceparent"
	headerUber       = "Uber-Trace-Id" // of jaeger-client
	headerUberMember = "Uberctx-Gray"
)

// carriedFields are the header fields that belong to the tag and its trace.
func carriedFields() []string {
	return []string{shadow.HeaderTag, headerBaggage, headerState, headerParent, headerUber, headerUberMember}
}

// isTag tells whether a field could reach a service as the tag: many frameworks take "_" for "-".
func isTag(name string) bool {
	return len(name) == len(shadow.HeaderTag) && strings.EqualFold(strings.ReplaceAll(name, "_", "-"), shadow.HeaderTag)
}

// carried gives the fields that replace those of the request: nil = none has to be replaced. What comes from outside
// loses its word on who is gray.
func carried(in *inbound) http.Header {
	var out http.Header
	for _, name := range []string{headerBaggage, headerState} {
		values := in.values(name)
		if !slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, memberGray) }) {
			continue
		}
		if out == nil {
			out = http.Header{}
		}
		out[name] = nil
		if kept := without(values); kept != "" {
			out[name] = []string{kept}
		}
	}
	if in.value(headerUberMember) != "" {
		if out == nil {
			out = http.Header{}
		}
		out[headerUberMember] = nil
	}
	return out
}

// without joins the members of a list and leaves the gray one out.
func without(values []string) string {
	var kept []string
	for _, value := range values {
		for member := range strings.SplitSeq(value, ",") {
			member = strings.TrimSpace(member)
			if name, _, _ := strings.Cut(member, "="); strings.TrimSpace(name) != memberGray && member != "" {
				kept = append(kept, member)
			}
		}
	}
	return strings.Join(kept, ",")
}

// carry gives the fields of a tagged request: the tag, its release in the forms that travel by themselves, and the trace.
func (s *Sidecar) carry(ctx context.Context, in *inbound, tag shadow.Tag, uber bool) http.Header {
	out := http.Header{}
	for _, name := range []string{headerBaggage, headerState} {
		out[name] = nil
		if kept := without(in.values(name)); kept != "" {
			out[name] = []string{kept}
		}
	}
	s.stamp(ctx, out, tag, uber)
	return out
}

// stamp sets the fields of one side's run over those that are there.
func (s *Sidecar) stamp(ctx context.Context, h http.Header, tag shadow.Tag, uber bool) {
	s.deps.Propagator.Inject(ctx, propagation.HeaderCarrier(h))
	h[shadow.HeaderTag] = []string{s.deps.Signer.Sign(tag)}
	member := memberGray + "=" + tag.Release
	h[headerBaggage] = []string{joined(without(h[headerBaggage]), member)}
	h[headerState] = []string{joined(member, without(h[headerState]))} // the last to write stands first
	if uber {
		h[headerUberMember] = []string{tag.Release}
	}
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "," + b
}

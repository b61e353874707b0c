package proxy

import (
	"context"
	"strings"

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
func carried(in *inbound) fields {
	var out fields
	for _, name := range []string{headerBaggage, headerState} {
		if in.mentions(name, memberGray) {
			out = append(out, field{name, without(in.values(name)...)})
		}
	}
	if in.value(headerUberMember) != "" {
		out = append(out, field{headerUberMember, ""})
	}
	return out
}

// without joins the members of a list and leaves the gray one out.
func without(values ...string) string {
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return ""
	}
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
func (s *Sidecar) carry(ctx context.Context, in *inbound, r *run) fields {
	return s.stamp(ctx, r.carried, strings.Join(in.values(headerBaggage), ","), strings.Join(in.values(headerState), ","), r.tag, r)
}

// stamp adds the fields of one side's run; baggage and state are those that came, and keep what others put there.
func (s *Sidecar) stamp(ctx context.Context, f fields, baggage, state string, tag shadow.Tag, r *run) fields {
	f = append(f, field{headerBaggage, baggage}, field{headerState, state})
	s.deps.Propagator.Inject(ctx, &f)
	if v := f.value(headerBaggage); v != r.gray {
		f.Set(headerBaggage, joined(without(v), r.gray))
	}
	if v := f.value(headerState); v != r.gray {
		f.Set(headerState, joined(r.gray, without(v))) // the last to write stands first
	}
	f = append(f, field{shadow.HeaderTag, s.deps.Signer.Sign(tag)})
	if r.uber {
		f.Set(headerUberMember, tag.Release)
	}
	return f
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "," + b
}

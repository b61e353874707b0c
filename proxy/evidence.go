package proxy

import (
	"bytes"
	"hash/fnv"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// secretHeaders never travel in evidence.
func secretHeaders() []string {
	return []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", shadow.HeaderTag}
}

// line is the small evidence of a closed sample, without bodies.
func (s *Sidecar) line(r *run, v shadow.Verdict, bindings []shadow.Binding) *shadow.Evidence {
	v.Mismatches = s.masked(v.Mismatches)
	e := &shadow.Evidence{
		Sample: r.tag.Sample, Release: r.tag.Release, Order: r.order, Route: r.route.Name, Creates: r.route.Creates,
		Verdict: v, Bindings: bindings, TraceID: r.traceID,
	}
	if r.ran {
		began := r.shadowed.Start
		e.Ran = &began
	}
	return e
}

// attach adds the amount and, where there is something to see, the exchanges and calls.
func (s *Sidecar) attach(r *run, e *shadow.Evidence) {
	e.Amount = r.amount
	s.take(r)
	for _, call := range r.calls { // whether its bodies travel or not: the gate weighs calls by operation
		if call.Exchange.Side == shadow.Primary && !slices.Contains(e.Operations, call.Operation) {
			e.Operations = append(e.Operations, call.Operation)
		}
	}
	if !worthBodies(e.Verdict) && !s.bodiesAnyway(r.tag.Sample) {
		return
	}
	if r.primary.Method != "" && !s.config.Copies {
		r.primary.RequestHeader = shadow.Header(r.primaryHeader())
		e.Primary = s.presentable(r.primary)
	}
	if r.ran {
		r.shadowed.RequestHeader = shadow.Header(r.shadowHeader())
		e.Shadow = s.presentable(r.shadowed)
	}
	for _, call := range r.calls {
		call.Exchange = *s.presentable(call.Exchange)
		call.Mismatches = s.masked(call.Mismatches)
		e.Calls = append(e.Calls, call)
	}
}

// worthBodies tells whether there is something to see. What came of a sample that was dropped, left out or tainted does
// not depend on its bodies, and there can be many at once.
func worthBodies(v shadow.Verdict) bool {
	return v.Outcome == shadow.Mismatched || v.Outcome == shadow.Inconclusive && v.Cause != shadow.CauseTainted
}

// bodiesAnyway chooses by the sample's id, so that the choice is the same wherever it is made.
func (s *Sidecar) bodiesAnyway(sample string) bool {
	h := fnv.New32a()
	h.Write([]byte(sample))
	return h.Sum32()%shadow.PerMillion < s.config.BodySample
}

// presentable is an exchange without secrets, with bodies of bounded size, owned by nobody else.
func (s *Sidecar) presentable(x shadow.Exchange) *shadow.Exchange {
	x.URI = s.masker.Text(x.URI)
	x.RequestHeader, x.ResponseHeader = s.withoutSecrets(x.RequestHeader), s.withoutSecrets(x.ResponseHeader)
	x.Request, x.Response = s.clip(x.Request), s.clip(x.Response)
	return &x
}

func (s *Sidecar) clip(b shadow.Body) shadow.Body {
	b.Bytes = bytes.Clone(s.masker.Bytes(b.Bytes)) // first: a cut number would not be known any more
	if limit := s.config.Limits.EvidenceBody; int64(len(b.Bytes)) > limit {
		b.Bytes, b.Truncated = b.Bytes[:limit], true
	}
	return b
}

func (s *Sidecar) withoutSecrets(h shadow.Header) shadow.Header {
	out := shadow.Header{}
	secrets := secretHeaders()
	for name, values := range h {
		if slices.Contains(secrets, name) {
			continue
		}
		for _, v := range values {
			out[name] = append(out[name], s.masker.Text(v))
		}
	}
	return out
}

// masked is a verdict that may be stored.
func (s *Sidecar) masked(list []shadow.Mismatch) []shadow.Mismatch {
	var out []shadow.Mismatch
	for _, m := range list {
		m.Expected, m.Actual = s.masker.Text(m.Expected), s.masker.Text(m.Actual)
		out = append(out, m)
	}
	return out
}

func (a AmountRule) parse(text string) (recon.Money, error) {
	currency := a.Currency
	if currency == "" {
		currency = "CNY"
	}
	return a.Unit.Parse(text, currency)
}

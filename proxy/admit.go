package proxy

import (
	"net/http"
	"net/netip"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// routeOf finds the first route that matches; nil = none.
func (s *Sidecar) routeOf(r *http.Request) *Route {
	for i := range s.config.Routes {
		if s.config.Routes[i].matches(r) {
			return &s.config.Routes[i]
		}
	}
	return nil
}

// strip takes every tag off a request that comes from outside. It tells whether a trusted gateway asks for gray: with
// the plain release name, or with a signed tag of the primary side, which is not used again but replaced by a new one.
func (s *Sidecar) strip(r *http.Request, slice Slice) (forced bool) {
	values := r.Header.Values(shadow.HeaderTag)
	if len(values) == 1 && s.trusted(r.RemoteAddr) {
		tag, err := s.deps.Signer.Verify(values[0], s.deps.Now())
		forced = values[0] == slice.Release || (err == nil && tag.Release == slice.Release && tag.Side == shadow.Primary)
	}
	r.Header.Del(shadow.HeaderTag)
	stripBaggage(r.Header)
	return forced
}

func (s *Sidecar) trusted(remote string) bool {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.config.Trusted, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap()) })
}

// admission is what was decided about one request.
type admission int

const (
	pass     admission = iota // not in the slice
	unkeyed                   // a route of the policy, but no order key
	gray                      // in the slice, and born gray
	lateborn                  // in the slice, but the order existed before it could be gray
)

// decide tells whether the request belongs to the slice. An order is in or out from its creation on; a member stays
// one when the threshold falls, so that its later requests are compared as well.
func (s *Sidecar) decide(order string, route *Route, forced bool, slice Slice) admission {
	switch {
	case slice.Halted || route == nil:
		return pass
	case order == "":
		return unkeyed
	}
	chosen := forced || shadow.BornGray(s.config.Salt, order, slice.PerMillion)
	if route.Creates && chosen {
		s.deps.Members.Add(slice.member(order))
		return gray
	}
	if s.deps.Members.Has(slice.member(order)) {
		return gray
	}
	if chosen {
		return lateborn
	}
	return pass
}

// admit decides about a request and opens its sample; the passage stays untagged when anything here fails.
func (s *Sidecar) admit(p *passage, r *http.Request, forced bool, slice Slice, span trace.SpanContext) {
	if p.route == nil {
		return
	}
	order := p.route.Key.of(*p.route, r)
	decision := s.decide(order, p.route, forced, slice)
	if decision == unkeyed {
		p.tagged = noKey
	}
	if decision != gray && decision != lateborn {
		return
	}
	id, err := s.deps.NewSample()
	if err != nil {
		return
	}
	sampled := s.newRun(p.route, r, order, span)
	sampled.tag = shadow.Tag{Release: slice.Release, Sample: id, Side: shadow.Primary, Time: s.deps.Now(), Epoch: slice.Epoch}
	sampled.member = slice.member(order)
	sampled.excluded = s.rule(decision, p.route, r)
	sampled.seq = s.sequence.Add(1)
	if decision == gray {
		p.tagHeader = s.deps.Signer.Sign(sampled.tag)
		p.tagged = taggedYes
	}
	p.run = sampled
	if s.config.Candidate != nil && sampled.excluded == "" {
		sampled.place = s.queue.reserve(order)
	}
	s.open(sampled)
}

func (s *Sidecar) newRun(route *Route, r *http.Request, order string, span trace.SpanContext) *run {
	limits := s.config.Limits
	target := *r.URL
	return &run{
		order: order, route: route, trace: span,
		request:  capture.NewBuffer(limits.MaxBody, s.budget),
		response: capture.NewBuffer(limits.MaxBody, s.budget),
		url:      &target, host: r.Host, length: r.ContentLength,
		primary: shadow.Exchange{Side: shadow.Primary, Method: r.Method, URI: r.URL.RequestURI()},
	}
}

// rule names why a sampled request is not mirrored; "" = it is. In a database cutover nothing is mirrored anyway.
func (s *Sidecar) rule(decision admission, route *Route, r *http.Request) string {
	switch {
	case decision == lateborn:
		return shadow.RuleNotBornGray
	case r.Header.Get("Upgrade") != "":
		return shadow.RuleNotRepeatable
	case s.config.Candidate != nil && !route.Mirror:
		return shadow.RuleRoute
	}
	return ""
}

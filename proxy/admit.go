package proxy

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// begin decides about a request, opens its sample, and says with which fields it goes on. It never fails: whatever breaks
// on the way leaves the request untagged.
func (s *Sidecar) begin(p *passage, ctx context.Context, in *inbound) {
	*p = passage{start: s.deps.Now(), ctx: ctx, tagged: taggedNo}
	s.safely(whereAdmit, func() {
		p.route = s.routeOf(in)
		p.notice = s.noticeOf(p.route, in)
		p.carried = carried(in)
		s.admit(p, in)
	})
}

// routeOf finds the first route that matches; nil = none.
func (s *Sidecar) routeOf(in *inbound) *Route {
	for i := range s.config.Routes {
		if s.config.Routes[i].matches(in) {
			return &s.config.Routes[i]
		}
	}
	return nil
}

// forced tells whether a trusted gateway asks for gray: with the plain release name, or with a signed tag of the primary
// side, which is not used again but replaced by a new one. A copy's stamp asks for nothing, since all copies have it.
func (s *Sidecar) forced(in *inbound, slice *Slice) bool {
	if s.config.Copies || len(s.config.Trusted) == 0 || !within(s.config.Trusted, in.remote) {
		return false
	}
	values := in.values(shadow.HeaderTag)
	if len(values) != 1 {
		return false
	}
	tag, err := s.deps.Signer.Verify(values[0], s.deps.Now())
	return values[0] == slice.Release || (err == nil && tag.Release == slice.Release && tag.Side == shadow.Primary)
}

// within tells whether the peer's address is in one of the networks.
func within(networks []netip.Prefix, remote string) bool {
	if len(networks) == 0 {
		return false
	}
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(from.Addr().Unmap()) })
}

// admission is what was decided about one request.
type admission int

const (
	pass      admission = iota // not in the slice
	unkeyed                    // a route of the policy, but no order key
	gray                       // in the slice, and born gray
	lateborn                   // in the slice, but the order existed before it could be gray
	unsure                     // one of the two: another sidecar may just have found it gray
	servedNow                  // born gray, and the candidate answers its clients now
)

// decide tells whether the request belongs to the slice. An order is in or out from its creation on; a member stays
// one when the threshold falls, so that its later requests are compared as well.
//
// An order that the candidate serves is proved by nothing: it is not born gray, and a member that the candidate begins to
// serve is told, since its shadow runs end here. So is one that may be a member elsewhere, or was one before a restart.
func (s *Sidecar) decide(in *inbound, key business, member string, route *Route, slice *Slice, served bool) admission {
	switch {
	case slice.Halted:
		return pass
	case key.order == "":
		return unkeyed
	}
	if served {
		switch {
		case s.deps.Members.Has(member):
			return servedNow
		case !route.Creates && s.draw.BornGray(key.name(), s.share(in, key, slice)):
			return lateborn
		}
		return pass
	}
	if !route.Creates && s.deps.Members.Has(member) {
		return gray
	}
	chosen := s.forced(in, slice) || s.draw.BornGray(key.name(), s.share(in, key, slice))
	switch {
	case route.Creates && chosen:
		s.deps.Members.Add(member, key.order)
		return gray
	case route.Creates && s.deps.Members.Has(member):
		return gray
	case chosen && s.config.Limits.MemberWait > 0 && s.config.Candidate != nil:
		return unsure
	case chosen:
		return lateborn
	}
	return pass
}

// share gives the part of the orders that are born gray among those like this one: of the first rule that fits, and
// otherwise of the slice.
func (s *Sidecar) share(in *inbound, key business, slice *Slice) uint32 {
	for _, r := range s.config.Rules {
		if r.fits(in, key) {
			return r.PerMillion
		}
	}
	return slice.PerMillion
}

// admit decides about a request of a route and opens its sample.
func (s *Sidecar) admit(p *passage, in *inbound) {
	slice := s.slice.Load()
	var key business
	if p.route != nil {
		key = p.route.Key.of(p.route, in)
	}
	if p.serves = s.servedBy(key, slice); p.serves != nil {
		p.tagged = taggedServed
	}
	if p.route == nil {
		return
	}
	member := ""
	if key.order != "" {
		member = slice.member(key)
	}
	decision := s.decide(in, key, member, p.route, slice, p.serves != nil)
	if decision == unkeyed && p.serves == nil {
		p.tagged = noKey
	}
	if decision == pass || decision == unkeyed {
		return
	}
	id, err := s.deps.NewSample()
	if err != nil {
		return
	}
	parent := s.deps.Propagator.Extract(p.ctx, carrier{in})
	if p.ctx, p.span = s.tracer.Start(parent, p.route.Name, s.asServer...); p.span.IsRecording() {
		p.span.SetAttributes(attribute.String("touchstone.sample", id))
	}
	sampled := s.newRun(p.route, in, key.order, p.span)
	sampled.tag = shadow.Tag{Release: slice.Release, Sample: id, Side: shadow.Primary, Time: p.start, Epoch: slice.tagged()}
	sampled.gray, sampled.member = slice.gray, member
	sampled.excluded = s.rule(decision, p.route, in)
	sampled.seq = s.sequence.Add(1)
	sampled.uber = in.value(headerUber) != ""
	sampled.unsure = decision == unsure
	sampled.served = decision == servedNow
	if decision != lateborn && decision != servedNow {
		p.carried = s.carry(p.ctx, in, sampled)
		p.tagged = taggedYes
	}
	sampled.carried = p.carried
	p.run = sampled
	s.began(sampled, p.span, shadow.Primary)
	if s.config.Candidate != nil && sampled.excluded == "" && !sampled.served {
		sampled.place = s.queue.reserve(key.name())
	}
	s.open(sampled)
	if sampled.place != nil {
		s.safely(whereAdmit, func() { s.deps.Calls.Open(id) })
	}
}

func (s *Sidecar) newRun(route *Route, in *inbound, order string, span trace.Span) *run {
	r := s.emptyRun()
	r.order, r.route, r.host, r.length = order, route, in.host(), in.length
	r.span, r.trace = span, span.SpanContext()
	r.traceID = traceID(r.trace)
	r.primary.Side, r.primary.Method, r.primary.URI = shadow.Primary, in.method, in.uri
	r.request.Init(s.config.Limits.MaxBody, s.budget)
	r.response.Init(s.config.Limits.MaxBody, s.budget)
	return r
}

// rule names why a sampled request is not mirrored; "" = it is. In a database cutover nothing is mirrored anyway.
func (s *Sidecar) rule(decision admission, route *Route, in *inbound) string {
	switch {
	case decision == lateborn:
		return shadow.RuleNotBornGray
	case in.upgrade:
		return shadow.RuleNotRepeatable
	case s.config.Candidate != nil && !route.Mirror:
		return shadow.RuleRoute
	}
	return ""
}

// finish runs when an exchange ends, also when its handler panics.
func (s *Sidecar) finish(p *passage, failure func() shadow.Failure) {
	now := s.deps.Now()
	s.metrics.passed(p.route, p.tagged, now.Sub(p.start))
	if p.run != nil && !s.safely(whereSettle, func() { s.settle(p, now, failure()) }) {
		s.close(p.run, inconclusive(shadow.CauseInternal), nil)
		s.leave(p.run)
	}
	if p.span != nil {
		p.span.End()
	}
	s.safely(whereNotice, func() { s.notices.offer(p.notice) })
}

// passage is one request on its way to the stable release and back, sampled or not.
type passage struct {
	start   time.Time
	ctx     context.Context // with the span of a sampled request
	span    trace.Span      // nil = not sampled
	route   *Route          // nil = no route names it
	tagged  string
	carried fields  // that replace those of the request; nil = none
	run     *run    // nil = not sampled
	notice  *notice // copy of a callback; nil = nobody wants it

	serves *upstream.Pool // the candidate, where it answers; nil = the stable release does
}

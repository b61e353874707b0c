package proxy

import (
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// settle decides what becomes of a sample when the stable exchange has ended: a bucket now, or its shadow run in the
// place that was kept for it.
func (s *Sidecar) settle(p *passage, now time.Time, failure shadow.Failure) {
	r := p.run
	if r.closed.Load() {
		return
	}
	requestEnd := s.recordPrimary(p, now, failure)
	if v, done := s.withoutShadow(r, requestEnd); done {
		s.close(r, v, nil)
		s.leave(r)
		return
	}
	if r.unsure && !s.deps.Members.Has(r.member) {
		s.awaitMembership(r)
		return
	}
	s.enqueue(r, now)
}

// awaitMembership holds a run in its place until its order is known to be gray, or for as long as word of that takes.
func (s *Sidecar) awaitMembership(r *run) {
	s.unsure.Add(1)
	time.AfterFunc(s.config.Limits.MemberWait, func() {
		defer s.unsure.Done()
		if s.deps.Members.Has(r.member) {
			s.enqueue(r, s.deps.Now())
			return
		}
		s.close(r, excluded(shadow.RuleNotBornGray), nil)
		s.leave(r)
	})
}

func (s *Sidecar) enqueue(r *run, now time.Time) {
	switch s.queue.fill(r.place, r, now) {
	case pushFull:
		s.close(r, dropped(shadow.ReasonQueueFull), nil)
		s.leave(r)
	case pushClosed:
		s.close(r, dropped(shadow.ReasonShutdown), nil)
		s.leave(r)
	}
}

// leave gives up the place of a sample that got no shadow run, after its verdict is known: what comes next in the order
// must see a taint, and must not be held up.
func (s *Sidecar) leave(r *run) {
	if r.place != nil {
		s.queue.leave(r.place)
	}
}

func (s *Sidecar) recordPrimary(p *passage, now time.Time, failure shadow.Failure) (requestEnd capture.End) {
	r := p.run
	r.primary.Request, requestEnd = r.request.Snapshot()
	if r.length == 0 || r.primary.Request.Size == r.length {
		requestEnd = capture.Complete
	}
	r.primary.Response, _ = r.response.Snapshot()
	r.amount = r.route.Amount.read(r.primary.Request)
	r.primary.Start, r.primary.Duration, r.primary.Failure = p.start, now.Sub(p.start), failure
	return requestEnd
}

// withoutShadow gives the verdict of a sample that gets no shadow run. A tainted order gets none: its answers could
// not be compared, and the candidate's state of it is wrong already.
func (s *Sidecar) withoutShadow(r *run, requestEnd capture.End) (shadow.Verdict, bool) {
	switch {
	case r.served:
		return inconclusive(shadow.CauseServed), true
	case r.excluded != "":
		return excluded(r.excluded), true
	case r.primary.Failure == shadow.FailClientGone:
		return inconclusive(shadow.CauseClientGone), true
	case r.primary.Failure != shadow.FailNone:
		return inconclusive(shadow.CauseStableFailed), true
	case s.config.Candidate == nil:
		return shadow.Verdict{Outcome: shadow.Match}, true
	case r.primary.Request.Truncated:
		return dropped(shadow.ReasonBodyTooLarge), true
	case requestEnd != capture.Complete:
		return inconclusive(shadow.CauseTruncated), true // the stable release answered without reading it all
	case s.taints.covers(r.member, r.seq):
		return inconclusive(shadow.CauseTainted), true
	}
	return shadow.Verdict{}, false
}

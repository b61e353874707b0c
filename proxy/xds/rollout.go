package xds

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// rollout is a directive as all kinds of subscribers are given it.
type rollout struct {
	Directive
	snapshots map[Kind]snapshot
	since     time.Time
	took      time.Duration // until it was settled; 0 = it is not yet
	change    change
}

// change is what a directive does to the one before it: a label of metrics.
type change string

const (
	promotion change = "promotion"
	reduction change = "reduction" // asks for no more than before
	rollback  change = "rollback"
	returning change = "return" // to the last acknowledged one, after a promotion was refused
)

func changes() []change { return []change{promotion, reduction, rollback, returning} }

func kindOf(before, next Directive) change {
	switch {
	case next.RolledBack:
		return rollback
	case next.Gray <= before.Gray && next.Serve <= before.Serve && !before.RolledBack:
		return reduction
	case next.idle():
		return reduction
	}
	return promotion
}

// mayPublish holds what the policies of one rollout obey, whoever publishes them.
func (s *Server) mayPublish(p shadow.Policy) error {
	if err := p.Check(); err != nil {
		return err
	}
	now := s.inForce.Policy
	switch {
	case p == now:
		return nil
	case p.Service != s.config.Service || p.Stable != s.config.Stable || p.Candidate != s.config.Candidate:
		return fmt.Errorf("%w: it is of %s, %s to %s", ErrForeign, s.config.Service, s.config.Stable, s.config.Candidate)
	case p.Epoch <= max(now.Epoch, s.refusedEpoch()):
		return fmt.Errorf("%w: epoch %d", ErrStale, max(now.Epoch, s.refusedEpoch()))
	case p.Serve > 0 && s.config.Routing != nil && len(s.config.Routing.Candidate) == 0:
		return fmt.Errorf("%w; try: routing.candidate", ErrNoCapacity)
	case kindOf(s.inForce.Directive, Directive{Policy: p}) != promotion:
		return nil
	case len(s.waiting) > 0 || s.good != s.inForce:
		return fmt.Errorf("%w: waiting for %s", ErrUnsettled, strings.Join(s.laggards(), ", "))
	}
	return nil
}

func (s *Server) refusedEpoch() uint64 {
	if s.refused == nil {
		return 0
	}
	return s.refused.Epoch
}

const namesShown = 5

func (s *Server) laggards() []string {
	var names []string
	for _, d := range s.subscribers() {
		if d.State != Acked {
			names = append(names, fmt.Sprintf("%s (%s)", d.Name, d.State))
		}
	}
	if more := len(names) - namesShown; more > 0 {
		names = append(slices.Clone(names[:namesShown]), fmt.Sprintf("%d more", more))
	}
	return names
}

// prepare makes the snapshots of every kind there is.
func (s *Server) prepare(d Directive) (*rollout, error) {
	out := &rollout{Directive: d, snapshots: map[Kind]snapshot{}}
	for _, n := range s.config.Subscribers {
		if out.snapshots[n.Kind] != nil {
			continue
		}
		made, err := newSnapshot(s.config, n.Kind, d)
		if err != nil {
			return nil, err
		}
		out.snapshots[n.Kind] = made
	}
	return out, nil
}

// enforce keeps the rollout, and gives it to every subscriber. What cannot be kept is in force all the same. A rollback is
// kept by Publish, when nothing waits for the disk any more.
func (s *Server) enforce(next *rollout, what change) {
	next.since, next.took, next.change = s.deps.Now(), 0, what
	s.inForce = next
	s.metrics.published.WithLabelValues(string(what)).Inc()
	s.metrics.epoch.Set(float64(next.Epoch))
	if what != rollback {
		s.write(s.toKeep())
	}
	clear(s.waiting)
	for name, m := range s.members {
		s.waiting[name] = true
		for st := range m.streams {
			st.offer()
		}
	}
	s.look()
	s.deps.Log.Info("policy published", keyEpoch, next.Epoch, keyChange, string(what))
}

// look settles what can be settled.
func (s *Server) look() {
	for name := range s.waiting {
		s.review(s.members[name])
	}
	s.conclude()
}

// review holds one member against what is in force.
func (s *Server) review(m *member) {
	switch s.describe(m).State {
	case Acked:
		m.acked = s.inForce.Epoch
		m.serves = s.inForce.Serve > 0
		delete(s.waiting, m.Name)
	case Fenced:
		delete(s.waiting, m.Name)
	default:
		s.waiting[m.Name] = true
	}
}

// conclude marks the end of a change, once, and tells those who wait. A rollback that was settled by fences becomes what
// later ones return to when the last subscriber is back and has acknowledged it.
func (s *Server) conclude() {
	now := s.inForce
	if len(s.waiting) == 0 && now.took == 0 {
		now.took = max(s.deps.Now().Sub(now.since), 1) // a clock that went back has nothing to say about it
		s.metrics.settled.WithLabelValues(string(now.change)).Observe(now.took.Seconds())
		s.deps.Log.Info("policy settled", keyEpoch, now.Epoch, keyChange, string(now.change), keyTook, now.took)
	}
	if len(s.waiting) == 0 && s.good != now && s.allAcked() {
		s.good = now
		s.keepSoon()
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) allAcked() bool {
	for _, m := range s.members {
		if s.describe(m).State != Acked {
			return false
		}
	}
	return true
}

// refuse answers a NACK of what is in force. A promotion goes back to what all have acknowledged before, once: that is in
// force then, and nothing comes before it. A rollback stays.
func (s *Server) refuse(m *member) {
	now := s.inForce
	s.metrics.nacks.WithLabelValues(string(now.change)).Inc()
	s.deps.Log.Error("policy refused", keyEpoch, now.Epoch, keyChange, string(now.change), keySubscriber, m.Name, keyReason, m.reason)
	if now.change != promotion || s.good == nil {
		s.wakeFencing()
		return
	}
	back, err := s.back()
	if err != nil { // it was made before, and from the same configuration
		s.deps.Log.Error("cannot return to the last acknowledged policy", keyEpoch, s.good.Epoch, keyReason, err)
		return
	}
	s.refused = &RefusedError{Epoch: now.Epoch, Subscriber: m.Name, Reason: m.reason}
	s.enforce(back, returning)
}

// back is the last acknowledged policy, behind the rollbacks since.
func (s *Server) back() (*rollout, error) {
	if s.good == nil {
		return nil, errNothingGood
	}
	d := s.good.Directive
	d.Fence = max(d.Fence, s.fence)
	return s.prepare(d)
}

var errNothingGood = errors.New("no policy was acknowledged by all")

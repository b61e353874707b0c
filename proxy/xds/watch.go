package xds

import (
	"context"
	"time"
)

const (
	watchEvery = 250 * time.Millisecond
	fenceBound = 5 * time.Second // for all guards together
	fenceRetry = 2 * time.Second
)

// watch fences after rollbacks, and notices silence.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.fencing:
			next = time.Time{}
		case <-tick.C:
		}
		if epoch := s.unfenced(); epoch > 0 && !time.Now().Before(next) {
			next = time.Now().Add(fenceRetry)
			s.fenceOff(ctx, epoch)
		}
		s.mu.Lock()
		s.look()
		s.count()
		s.mu.Unlock()
	}
}

// unfenced gives the rollback that the guards have not confirmed; 0 = none.
func (s *Server) unfenced() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deps.Guard == nil || s.fenced >= s.fence {
		return 0
	}
	return s.fence
}

// fenceOff tells the guards of a rollback. They are told at once and not only when somebody is gone: who is gone is known late.
func (s *Server) fenceOff(ctx context.Context, epoch uint64) {
	ctx, cancel := context.WithTimeout(ctx, fenceBound)
	defer cancel()
	if err := s.deps.Guard.Fence(ctx, epoch); err != nil {
		s.metrics.unfenced.Inc()
		s.deps.Log.Error("guards have not confirmed the rollback", keyEpoch, epoch, keyReason, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fenced = max(s.fenced, epoch)
	s.metrics.fenced.Set(float64(s.fenced))
}

func (s *Server) wakeFencing() {
	select {
	case s.fencing <- struct{}{}:
	default:
	}
}

// count shows the subscribers by state.
func (s *Server) count() {
	n := map[State]int{}
	for _, m := range s.members {
		n[s.describe(m).State]++
	}
	for _, state := range States() {
		s.metrics.subscribers.WithLabelValues(string(state)).Set(float64(n[state]))
	}
}

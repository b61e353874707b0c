package xds

import (
	"context"
	"sync"
)

// disk keeps one state after the other, and none in the place of a newer one. It is safe for concurrent use.
type disk struct {
	file string
	save func(file string, what any) error

	mu   sync.Mutex
	turn uint64 // of what is kept
}

func (d *disk) keep(k kept, turn uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if turn < d.turn {
		return nil
	}
	if err := d.save(d.file, k); err != nil {
		return err
	}
	d.turn = turn
	return nil
}

// toKeep is what is in force, and its turn.
func (s *Server) toKeep() (kept, uint64) {
	k := kept{InForce: s.inForce.Directive, Fence: s.fence, Promote: s.inForce.change == promotion, Refused: s.refused}
	if s.good != nil {
		k.Good = &s.good.Directive
	}
	s.turn++
	return k, s.turn
}

func (s *Server) latest() (kept, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.toKeep()
}

// write keeps it. Only a change that must be kept before it is made holds the lock meanwhile.
func (s *Server) write(k kept, turn uint64) {
	if err := s.disk.keep(k, turn); err != nil {
		s.metrics.unkept.Inc()
		s.deps.Log.Error("the policy is in force and cannot be kept", keyEpoch, k.InForce.Epoch, keyReason, err)
	}
}

// keepSoon has it kept by keeps.
func (s *Server) keepSoon() {
	select {
	case s.unsaved <- struct{}{}:
	default:
	}
}

// keeps keeps what nobody waits for, until ctx ends and nothing of it is left.
func (s *Server) keeps(ctx context.Context) {
	for {
		select {
		case <-s.unsaved:
			s.write(s.latest())
		case <-ctx.Done():
			select {
			case <-s.unsaved:
				s.write(s.latest())
			default:
			}
			return
		}
	}
}

package dualwrite

import (
	"errors"
	"sync"

	"github.com/seed-3356bd69/touchstone/shadow"
)

var (
	errQueueClosed = errors.New("applier is shutting down")
	errQueueFull   = errors.New("queue is full")
)

// waiting is a write set on its way. Of one in the journal only the number is kept where many wait.
type waiting struct {
	seq       uint64
	id, order string // of one whose content is not kept
	ws        *shadow.WriteSet
}

// shard is the queue of one worker, first in, first out.
type shard struct {
	mu     sync.Mutex
	ready  *sync.Cond
	items  []waiting
	held   int // whose content is in memory
	bound  int
	closed bool
}

func newShard(bound int) *shard {
	s := &shard{bound: bound}
	s.ready = sync.NewCond(&s.mu)
	return s
}

// push takes one write set. Beyond the bound only what stands in the journal is taken, without its content.
func (s *shard) push(w waiting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errQueueClosed
	case s.held >= s.bound && w.seq == 0:
		return errQueueFull
	case s.held >= s.bound && w.ws != nil:
		w.id, w.order, w.ws = w.ws.ID, w.ws.Order, nil
	}
	if w.ws != nil {
		s.held++
	}
	s.items = append(s.items, w)
	s.ready.Signal()
	return nil
}

// pop waits for a write set; false means that the queue is closed and empty.
func (s *shard) pop() (waiting, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.items) == 0 && !s.closed {
		s.ready.Wait()
	}
	if len(s.items) == 0 {
		return waiting{}, false
	}
	w := s.items[0]
	s.items[0] = waiting{}
	if s.items = s.items[1:]; len(s.items) == 0 {
		s.items = nil // gives back what a long queue took
	}
	if w.ws != nil {
		s.held--
	}
	return w, true
}

func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.ready.Broadcast()
}

func (s *shard) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items)
}

package dualwrite

import (
	"context"
	"errors"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/seed-3356bd69/touchstone/shadow"
)

var (
	errQueueClosed = errors.New("applier is shutting down")
	errQueueFull   = errors.New("queue is full")
)

// waiting is a write set on its way. Of one in the journal only the number is kept where many wait.
type waiting struct {
	seq       uint64 // in the journal; 0 = not there
	id, order string // of one whose content is not kept
	ws        *shadow.WriteSet
	done      func()        // of one that comes back until this was called; nil = it does not
	ended     chan struct{} // closed at its end; nil = nobody waits

	keys   []uint64 // of the order and of the rows it writes
	before int      // write sets before it that touch one of these
	behind []*waiting
}

// kept tells whether a set that is given up now comes back later.
func (w *waiting) kept() bool { return w.seq != 0 || w.done != nil }

// schedule holds write sets until nothing before them touches the same order or row; what touches nothing in common goes
// in parallel.
type schedule struct {
	mu     sync.Mutex
	work   *sync.Cond // something is ready, or all is over
	room   *sync.Cond // something ended
	seed   maphash.Seed
	last   map[uint64]*waiting // who writes the key last
	ready  []*waiting
	total  int
	held   int // whose content is in memory
	bound  int
	closed bool
}

func newSchedule(bound int) *schedule {
	s := &schedule{bound: bound, seed: maphash.MakeSeed(), last: map[uint64]*waiting{}}
	s.work, s.room = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	return s
}

// push takes one write set. Beyond the bound only what stands in the journal is taken, without its content.
func (s *schedule) push(w *waiting) error {
	w.keys = s.keys(w.ws)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errQueueClosed
	case s.held >= s.bound && w.seq == 0:
		return errQueueFull
	case s.held >= s.bound:
		w.id, w.order, w.ws = w.ws.ID, w.ws.Order, nil
	}
	s.take(w)
	return nil
}

// pushWhenRoom is push for who can wait.
func (s *schedule) pushWhenRoom(ctx context.Context, w *waiting) error {
	w.keys = s.keys(w.ws)
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.room.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.held >= s.bound && !s.closed && ctx.Err() == nil {
		s.room.Wait()
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if s.closed {
		return errQueueClosed
	}
	s.take(w)
	return nil
}

func (s *schedule) take(w *waiting) {
	if w.ws != nil {
		s.held++
	}
	s.total++
	for _, k := range w.keys {
		if before := s.last[k]; before != nil && before != w {
			before.behind = append(before.behind, w)
			w.before++
		}
		s.last[k] = w
	}
	if w.before == 0 {
		s.ready = append(s.ready, w)
		s.work.Signal()
	}
}

// pop waits for a write set that may go; false means that the schedule is closed and empty. finish must follow.
func (s *schedule) pop() (*waiting, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.ready) == 0 && (!s.closed || s.total > 0) {
		s.work.Wait()
	}
	if len(s.ready) == 0 {
		return nil, false
	}
	w := s.ready[0]
	s.ready[0] = nil
	if s.ready = s.ready[1:]; len(s.ready) == 0 {
		s.ready = nil // gives back what a long queue took
	}
	return w, true
}

// finish ends a write set: what waited for it alone may go.
func (s *schedule) finish(w *waiting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if w.ws != nil {
		s.held--
	}
	for _, k := range w.keys {
		if s.last[k] == w {
			delete(s.last, k)
		}
	}
	for _, next := range w.behind {
		if next.before--; next.before == 0 {
			s.ready = append(s.ready, next)
			s.work.Signal()
		}
	}
	w.behind = nil
	if w.ended != nil {
		close(w.ended)
	}
	s.room.Broadcast()
	if s.closed && s.total == 0 {
		s.work.Broadcast()
	}
}

func (s *schedule) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.work.Broadcast()
	s.room.Broadcast()
}

func (s *schedule) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// keys gives what a write set must not overtake: its order, and each row that the row log names. Two keys that fall
// together cost some parallelism and nothing else.
func (s *schedule) keys(ws *shadow.WriteSet) []uint64 {
	keys := []uint64{maphash.String(s.seed, "order\x00"+ws.Order)}
	for _, st := range ws.Statements {
		if len(st.Key) == 0 {
			continue
		}
		for _, rows := range [][]shadow.Row{st.Before, st.Rows} {
			for _, row := range rows {
				keys = append(keys, s.rowKey(st, row))
			}
		}
	}
	return keys
}

func (s *schedule) rowKey(st shadow.Statement, row shadow.Row) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	_, _ = h.WriteString("row\x00" + strings.ToLower(st.Table)) // never fails
	for _, name := range st.Key {
		if at := column(row.Columns, name); at >= 0 {
			_, _ = h.WriteString("\x00" + strings.ToLower(strings.TrimRight(row.Values[at].Text, " "))) // as most collations compare
		}
	}
	return h.Sum64()
}

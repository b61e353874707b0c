package proxy

import (
	"sync"
	"time"
)

// queue is the one bounded queue between the stable answer and the shadow run: first in, first out for each order,
// and orders beside each other.
//
//	push ──► lane of its order [a1 a2 a3] ──► ready lanes ──pop──► worker ──done──► next of the lane
type queue struct {
	mu     sync.Mutex
	wake   *sync.Cond
	limit  int
	length int // waiting, not running
	lanes  map[string]*lane
	ready  []*lane // lanes whose first job may run
	closed bool
	onSize func(int)
}

type lane struct {
	order string
	jobs  []*job
	busy  bool // its last popped job has not ended
}

// job is one sample that waits for its shadow run.
type job struct {
	run    *run
	pushed time.Time
	behind bool // another job of its order had not ended when it came
}

func newQueue(limit int, onSize func(int)) *queue {
	q := &queue{limit: limit, lanes: map[string]*lane{}, onSize: onSize}
	q.wake = sync.NewCond(&q.mu)
	return q
}

type pushResult int

const (
	pushed pushResult = iota
	pushFull
	pushClosed
)

// push never blocks.
func (q *queue) push(order string, j *job) pushResult {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return pushClosed
	case q.length >= q.limit:
		return pushFull
	}
	l := q.lanes[order]
	if l == nil {
		l = &lane{order: order}
		q.lanes[order] = l
	}
	j.behind = l.busy || len(l.jobs) > 0
	l.jobs = append(l.jobs, j)
	if !j.behind {
		q.ready = append(q.ready, l)
	}
	q.resize(1)
	q.wake.Signal()
	return pushed
}

// pop waits for a job that may run; false = the queue is closed and nothing waits any more.
// The caller must call done with the job's lane when its run has ended.
func (q *queue) pop() (*job, *lane, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 {
		if q.closed && q.length == 0 {
			return nil, nil, false
		}
		q.wake.Wait()
	}
	l := q.ready[0]
	q.ready = q.ready[1:]
	j := l.jobs[0]
	l.jobs, l.busy = l.jobs[1:], true
	q.resize(-1)
	return j, l, true
}

// done lets the next job of the lane run.
func (q *queue) done(l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.busy = false
	if len(l.jobs) > 0 {
		q.ready = append(q.ready, l)
	} else {
		delete(q.lanes, l.order)
	}
	q.wake.Broadcast()
}

// close lets nothing in any more; what waits can still be popped.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake.Broadcast()
}

// drop takes out everything that waits.
func (q *queue) drop() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []*job
	for _, l := range q.lanes {
		out = append(out, l.jobs...)
		l.jobs = nil
		if !l.busy {
			delete(q.lanes, l.order)
		}
	}
	q.ready = nil
	q.resize(-q.length)
	q.wake.Broadcast()
	return out
}

func (q *queue) resize(by int) {
	q.length += by
	q.onSize(q.length)
}

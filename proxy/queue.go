package proxy

import (
	"slices"
	"sync"
	"time"
)

// queue is the one bounded queue between the stable answer and the shadow run: first come, first run for each order,
// and orders beside each other. A sample's place in its order is kept from its arrival on: a client that has its answer
// may send the next request of the order before the first one is settled here.
//
//	reserve ──► lane of its order [a1 a2 a3] ──settled: fill──► ready lanes ──pop──► worker ──done──► next of the lane
//	                                └── gets no shadow run: leave
type queue struct {
	mu     sync.Mutex
	idle   []chan struct{} // workers that wait, the one that worked last at the end: its stack is still in the cache
	limit  int
	length int // filled places, not running
	lanes  map[string]*lane
	ready  []*lane // lanes whose first job may run
	closed bool
	onSize func(int)
}

type lane struct {
	order string
	jobs  []*job
	busy  bool // its last popped job has not ended
	ready bool // stands among the ready lanes
}

// job is the place of one sample in its order, and from fill on its shadow run to come.
type job struct {
	run    *run // nil = its stable answer has not ended
	lane   *lane
	pushed time.Time
	behind bool // another job of its order had not ended when it came
}

func newQueue(limit int, onSize func(int)) *queue {
	return &queue{limit: limit, lanes: map[string]*lane{}, onSize: onSize}
}

type pushResult int

const (
	pushed pushResult = iota
	pushFull
	pushClosed
)

// reserve takes the next place of an order. The caller must fill it or leave it.
func (q *queue) reserve(order string) *job {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[order]
	if l == nil { // nearly always: one piece of memory for all of it
		p := &struct {
			job   job
			lane  lane
			place [1]*job
		}{}
		l = &p.lane
		p.job.lane, l.order, p.place[0], l.jobs = l, order, &p.job, p.place[:]
		q.lanes[order] = l
		return &p.job
	}
	j := &job{lane: l, behind: l.busy || len(l.jobs) > 0}
	l.jobs = append(l.jobs, j)
	return j
}

// fill puts a run into its place and never blocks. When it cannot, the place is still to be left.
func (q *queue) fill(j *job, r *run, now time.Time) pushResult {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return pushClosed
	case q.length >= q.limit:
		return pushFull
	}
	j.run, j.pushed = r, now
	q.resize(1)
	q.offer(j.lane)
	return pushed
}

// leave gives up a place that was not filled; nothing happens to any other.
func (q *queue) leave(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if j.run != nil {
		return
	}
	if at := slices.Index(j.lane.jobs, j); at >= 0 {
		j.lane.jobs = slices.Delete(j.lane.jobs, at, at+1)
	}
	q.offer(j.lane)
}

// offer makes a lane ready when its first job may run, and forgets it when it is done with.
func (q *queue) offer(l *lane) {
	switch {
	case l.busy || l.ready:
	case len(l.jobs) == 0:
		if q.lanes[l.order] == l {
			delete(q.lanes, l.order)
		}
	case l.jobs[0].run != nil:
		l.ready = true
		q.ready = append(q.ready, l)
		q.wake(1)
	}
}

// wake lets so many of the workers that wait look again.
func (q *queue) wake(n int) {
	rest := max(len(q.idle)-n, 0)
	for _, worker := range q.idle[rest:] {
		worker <- struct{}{}
	}
	q.idle = q.idle[:rest]
}

// pop waits for a job that may run; false = the queue is closed and nothing waits any more.
// The caller must call done with the job when its run has ended. It waits at its own channel, which has room for one.
func (q *queue) pop(worker chan struct{}) (*job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) == 0 {
		if q.closed && q.length == 0 {
			return nil, false
		}
		q.idle = append(q.idle, worker)
		q.mu.Unlock()
		<-worker
		q.mu.Lock()
	}
	l := q.ready[0]
	q.ready, l.ready = q.ready[1:], false
	j := l.jobs[0]
	l.jobs, l.busy = l.jobs[1:], true
	q.resize(-1)
	if q.closed && q.length == 0 {
		q.wake(len(q.idle))
	}
	return j, true
}

// done lets the next job of the order run.
func (q *queue) done(j *job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	j.lane.busy = false
	q.offer(j.lane)
}

// close lets nothing in any more; what waits can still be popped.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake(len(q.idle))
}

// drop takes out everything that waits for its run; places that are not filled stay, and cannot be filled any more.
func (q *queue) drop() []*job {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []*job
	for _, l := range q.lanes {
		waiting := slices.DeleteFunc(slices.Clone(l.jobs), func(j *job) bool { return j.run == nil })
		out = append(out, waiting...)
		l.jobs = slices.DeleteFunc(l.jobs, func(j *job) bool { return j.run != nil })
		l.ready = false
	}
	q.ready = nil
	q.resize(-q.length)
	q.wake(len(q.idle))
	return out
}

func (q *queue) resize(by int) {
	q.length += by
	q.onSize(q.length)
}

package bus

import "sync"

// queue holds what is not acknowledged yet, bounded in number and in bytes.
type queue struct {
	maxCount int
	maxBytes int
	recent   *recent // keeps a double of what is here; nil = the end of the process is the end of it

	mu      sync.Mutex
	items   []message
	bytes   int
	closed  bool
	more    chan struct{}   // holds a token when something was added
	waiting []chan struct{} // closed when the queue is empty
}

func newQueue(maxCount, maxBytes int, recent *recent) *queue {
	return &queue{maxCount: maxCount, maxBytes: maxBytes, recent: recent, more: make(chan struct{}, 1)}
}

// push adds a message, or names the reason why it is lost.
func (q *queue) push(m message) (lost string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return lostShutdown
	case len(q.items) >= q.maxCount || q.bytes+len(m.data) > q.maxBytes:
		return lostBufferFull
	}
	if q.recent != nil {
		m.place = q.recent.append(m)
	}
	q.items = append(q.items, m)
	q.bytes += len(m.data)
	select {
	case q.more <- struct{}{}:
	default:
	}
	return ""
}

// window gives the oldest messages, at most count of them and, beyond the first, at most bytes.
func (q *queue) window(count, bytes int) []message {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, total := 0, 0
	for n < min(count, len(q.items)) && (n == 0 || total+len(q.items[n].data) <= bytes) {
		total += len(q.items[n].data)
		n++
	}
	return append([]message(nil), q.items[:n]...)
}

// drop forgets the n oldest messages.
func (q *queue) drop(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.items[:n] {
		q.bytes -= len(m.data)
	}
	if q.recent != nil {
		q.recent.done(q.items[:n])
	}
	clear(q.items[:n])
	q.items = q.items[n:]
	if len(q.items) == 0 {
		q.items = nil
		q.wake()
	}
}

func (q *queue) wake() {
	for _, w := range q.waiting {
		close(w)
	}
	q.waiting = nil
}

// empty gives a channel that is closed once nothing is left.
func (q *queue) empty() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := make(chan struct{})
	if len(q.items) == 0 {
		close(w)
		return w
	}
	q.waiting = append(q.waiting, w)
	return w
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// fills tells whether what is here has so many bytes.
func (q *queue) fills(bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes >= bytes
}

// tight tells whether there is soon no room any more.
func (q *queue) tight() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return 2*len(q.items) > q.maxCount || 2*q.bytes > q.maxBytes || q.recent != nil && q.recent.tight()
}

// close takes nothing more and tells how many messages were left.
func (q *queue) close() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	left := len(q.items)
	q.closed, q.items, q.bytes = true, nil, 0
	q.wake()
	return left
}

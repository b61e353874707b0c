package capture

import (
	"errors"
	"io"
	"sync"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// End says how a body's reading ended.
type End int

// The ends of a body. Open means: its reader has not come to the end (yet).
const (
	Open End = iota
	Complete
	Broken
)

// Buffer holds the copy of one body. The zero value is not usable; all methods are safe for concurrent use,
// because a transport may still read a request body after the answer came.
type Buffer struct {
	budget *Budget
	limit  int64

	mu        sync.Mutex
	bytes     []byte
	size      int64
	truncated bool
	end       End
	released  bool
	room      *room // what bytes lies in
}

// NewBuffer gives a buffer that keeps at most limit bytes and takes them from the budget.
func NewBuffer(limit int64, budget *Budget) *Buffer { return &Buffer{limit: limit, budget: budget} }

// Init makes a zero buffer that is part of something else usable.
func (b *Buffer) Init(limit int64, budget *Budget) { b.limit, b.budget = limit, budget }

// Body wraps a body so that what is read from it is copied into the buffer.
func (b *Buffer) Body(inner io.ReadCloser) io.ReadCloser { return &body{inner: inner, buffer: b} }

// Snapshot gives what has gone by so far, and how it ended. The bytes are shared and must not be changed.
func (b *Buffer) Snapshot() (shadow.Body, End) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.bytes)
	return shadow.Body{Bytes: b.bytes[:n:n], Size: b.size, Truncated: b.truncated}, b.end
}

// Release gives the memory back to the budget; the buffer keeps nothing afterwards. Twice is as good as once.
func (b *Buffer) Release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.released && b.budget != nil {
		b.budget.give(int64(len(b.bytes)))
		b.bytes, b.released, b.truncated = nil, true, true
	}
}

// Recycle is Release, for an owner who knows that nobody looks at a snapshot any more: other bodies are kept in its room
// from now on.
func (b *Buffer) Recycle() {
	b.Release()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.room != nil {
		b.budget.rooms.Put(b.room)
		b.room = nil
	}
}

// Keep copies bytes that went by another way. Whoever keeps so knows by himself how the body ended.
func (b *Buffer) Keep(p []byte) { b.add(p, nil) }

// KeepUpTo is Keep; it tells whether there is room for more.
func (b *Buffer) KeepUpTo(p []byte) bool {
	b.add(p, nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.truncated
}

// Miss notes a body of which nothing is kept.
func (b *Buffer) Miss(size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size, b.truncated = size, true
}

func (b *Buffer) add(p []byte, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size += int64(len(p))
	b.keep(p)
	switch {
	case errors.Is(err, io.EOF):
		b.end = Complete
	case err != nil && b.end == Open:
		b.end = Broken
	}
}

// keep copies a chunk whole or not at all, and nothing after a gap.
func (b *Buffer) keep(p []byte) {
	if len(p) == 0 || b.truncated {
		return
	}
	if int64(len(b.bytes)+len(p)) > b.limit || !b.budget.take(int64(len(p))) {
		b.truncated = true
		return
	}
	if b.room == nil {
		b.room = b.budget.room()
		b.bytes = b.room.bytes[:0]
	}
	b.bytes = append(b.bytes, p...)
	b.room.grew(b.bytes)
}

type body struct {
	inner  io.ReadCloser
	buffer *Buffer
}

// Read reads from the inner body and copies.
func (r *body) Read(p []byte) (int, error) {
	n, err := r.inner.Read(p)
	r.buffer.add(p[:n], err)
	return n, err
}

// Close closes the inner body.
func (r *body) Close() error { return r.inner.Close() }

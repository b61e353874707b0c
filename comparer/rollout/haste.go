package rollout

import (
	"context"
	"errors"
	"sync"
)

// errHaste ends what waits for the audit when a rollback wants the ladder.
var errHaste = errors.New("a rollback goes first; try again")

// haste lets a rollback pass by a change that waits for a slow audit: that change is not made.
type haste struct {
	mu     sync.Mutex
	asked  int                     // rollbacks that wait for the ladder
	cancel context.CancelCauseFunc // of the wait under way; nil = none
}

// ask ends the wait under way, and those that begin before granted is called.
func (h *haste) ask() (granted func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked++
	if h.cancel != nil {
		h.cancel(errHaste)
	}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.asked--
	}
}

// patient gives the context of a wait that a rollback ends. There is one wait at a time, of whoever holds the ladder.
func (h *haste) patient(ctx context.Context) (waiting context.Context, done func()) {
	waiting, cancel := context.WithCancelCause(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cancel = cancel
	if h.asked > 0 {
		cancel(errHaste)
	}
	return waiting, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.cancel = nil
		cancel(nil)
	}
}

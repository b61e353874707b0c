package dualwrite

import (
	"context"
	"sync"
	"time"
)

// breaker keeps all workers from a shadow that is away, but for one that tries from time to time.
//
//	closed ── away ──► open ── wait over ──► one tries ── it answered ──► closed
//	                    ▲                        │ still away: twice the wait
//	                    └────────────────────────┘
type breaker struct {
	first, longest time.Duration

	mu      sync.Mutex
	away    bool
	trying  bool
	wait    time.Duration
	until   time.Time
	changed chan struct{} // closed when one who waits should look again
}

func newBreaker(first, longest time.Duration) *breaker {
	return &breaker{first: first, longest: longest, changed: make(chan struct{})}
}

// enter waits until the caller may try; every enter without an error is followed by leave.
func (b *breaker) enter(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.mu.Lock()
		if !b.away {
			b.mu.Unlock()
			return nil
		}
		changed, pause := b.changed, time.Until(b.until)
		if !b.trying && pause <= 0 {
			b.trying = true
			b.mu.Unlock()
			return nil
		}
		if b.trying {
			pause = b.longest
		}
		b.mu.Unlock()
		timer := time.NewTimer(max(pause, time.Millisecond))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// leave says what came of a try.
func (b *breaker) leave(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !away:
		b.away, b.trying, b.wait = false, false, 0
	case b.away && !b.trying:
		return // it was on its way when another found out
	default:
		b.away, b.trying = true, false
		b.wait = min(max(2*b.wait, b.first), b.longest)
		b.until = time.Now().Add(b.wait)
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.away
}

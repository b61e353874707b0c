package plugins

import (
	"sync"
	"time"
)

// watchdog ends a call when the adapter makes no progress for the idle time. Time that the host itself spends
// (reading the file, taking the records) does not count against the adapter.
type watchdog struct {
	idle   time.Duration
	cancel func(error)

	mu    sync.Mutex
	last  time.Time
	busy  int // host work going on
	timer *time.Timer
}

func newWatchdog(idle time.Duration, cancel func(error)) *watchdog {
	w := &watchdog{idle: idle, cancel: cancel, last: time.Now()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(idle, w.fire)
	return w
}

func (w *watchdog) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.idle - time.Since(w.last)
	if w.busy > 0 {
		left = w.idle
	}
	if left > 0 {
		w.timer.Reset(left)
		return
	}
	w.cancel(ErrStalled)
}

// progress notes that the adapter took or gave something.
func (w *watchdog) progress() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
}

// host runs the host's own work off the adapter's clock.
func (w *watchdog) host(work func() error) error {
	w.mu.Lock()
	w.busy++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.busy--
		w.last = time.Now()
	}()
	return work()
}

func (w *watchdog) stop() { w.timer.Stop() }

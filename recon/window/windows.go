package window

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Why an event is refused. It was counted nowhere.
var (
	ErrAhead  = errors.New("the event's time is ahead of the clock")
	ErrTooOld = errors.New("the event's day is no longer kept")
	ErrBehind = errors.New("windows were not advanced in time")
)

// Windows are the open windows of both sides, those that closed lately, and the days. Feed may run in many goroutines,
// beside one Advance.
//
//	event ──► window (shards) ──close──► compare ──► Result
//	              │                        └─fold──► day (shards)
//	              └── late: the day too, and the window is compared again
type Windows struct {
	cfg  Config
	pool *pool
	due  chan struct{}

	watermarks [sides]atomic.Int64 // largest event time, in nanoseconds since 1970
	nextClose  atomic.Int64        // watermark at which the next window closes
	dueAt      atomic.Int64        // when both watermarks had passed it; 0 = not yet

	mu   sync.RWMutex
	open map[int64]*window // by start
	kept []*window         // closed, oldest first
	days []*day            // oldest first
}

type window struct {
	start, end time.Time
	shards     []shard
	due        time.Time // since when it could close; set when it does
	pending    bool      // closed, not compared
}

// day is the sum of a day's windows.
type day struct {
	start  time.Time
	shards []shard
}

// never is a time that no watermark reaches.
const never = int64(1<<63 - 1)

// New checks the configuration.
func New(c Config) (*Windows, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	w := &Windows{cfg: c, pool: newPool(c), due: make(chan struct{}, 1), open: map[int64]*window{}}
	w.nextClose.Store(never)
	return w, nil
}

// Due says that a window can close: Advance has work. The clock can bring that about too, which nobody tells.
func (w *Windows) Due() <-chan struct{} { return w.due }

// span is the range of buckets of a shard.
func (w *Windows) span(shard int) digest.Span {
	n := digest.Count / w.cfg.Shards
	return digest.Span{First: shard * n, Len: n}
}

func (w *Windows) shardOf(e *entry.Entry) int {
	return digest.Of(e.Tag) / (digest.Count / w.cfg.Shards)
}

// Feed takes one event. now is the present time. An event that is refused, with one of the errors above or because its
// record cannot be summed up, changes nothing.
func (w *Windows) Feed(now time.Time, ev Event) error {
	fate, err := w.feed(now, ev)
	w.cfg.Metrics.fed(ev.Side, fate)
	if err != nil {
		return fmt.Errorf("feed window: %w", err)
	}
	return nil
}

// fate says what became of an event.
type fate string

const (
	fateInTime  fate = "in-time"
	fateLate    fate = "late"    // its window had closed, and is compared again
	fateDay     fate = "day"     // its window is no longer kept
	fateRefused fate = "refused" // see the error
)

func fates() []fate { return []fate{fateInTime, fateLate, fateDay, fateRefused} }

func (w *Windows) feed(now time.Time, ev Event) (fate, error) {
	if ev.Time.After(now.Add(w.cfg.Ahead)) {
		return fateRefused, fmt.Errorf("%w by %s", ErrAhead, ev.Time.Sub(now))
	}
	if ev.Side < 0 || ev.Side >= sides {
		return fateRefused, fmt.Errorf("side %d: unknown", ev.Side)
	}
	old, err := w.entryOf(ev.Old)
	if err != nil {
		return fateRefused, err
	}
	fresh, err := w.entryOf(ev.Record)
	if err != nil {
		return fateRefused, err
	}
	if old == nil && fresh == nil {
		return fateRefused, errors.New("an event without a record")
	}
	f, err := w.put(now, ev, old, fresh)
	if err == nil {
		w.raise(now, ev)
	}
	return f, err
}

func (w *Windows) entryOf(r *recon.Record) (*entry.Entry, error) {
	if r == nil {
		return nil, nil
	}
	e, err := w.cfg.Hasher.Of(r, 0, w.cfg.Compared)
	return &e, err
}

// put puts an event into its window, and into its day where its window was folded already. A key never changes its shard,
// so that old and new meet there, unless the key itself changed: then each goes its own way.
func (w *Windows) put(now time.Time, ev Event, old, fresh *entry.Entry) (fate, error) {
	if old != nil && fresh != nil && w.shardOf(old) != w.shardOf(fresh) {
		if f, err := w.put(now, ev, old, nil); err != nil {
			return f, err
		}
		return w.put(now, ev, nil, fresh)
	}
	at := fresh
	if at == nil {
		at = old
	}
	n := w.shardOf(at)
	win, err := w.windowFor(now, ev.Time)
	if err != nil {
		return fateRefused, err
	}
	defer w.mu.RUnlock() // windowFor locked it
	if win == nil {
		return fateDay, w.putDay(ev, n, old, fresh)
	}
	s := &win.shards[n]
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.change(w.pool, w.span(n), ev.Side, old, fresh); err != nil {
		return fateRefused, err
	}
	if !s.folded {
		return fateInTime, nil
	}
	if err := w.putDay(ev, n, old, fresh); err != nil {
		return fateRefused, errors.Join(err, s.change(w.pool, w.span(n), ev.Side, fresh, old))
	}
	s.late = true
	return fateLate, nil
}

// windowFor finds or opens the window of a time, and leaves the windows locked for reading where there is no error. It gives
// nil where the window is no longer kept.
func (w *Windows) windowFor(now, at time.Time) (*window, error) {
	start := at.Truncate(w.cfg.Size)
	w.mu.RLock()
	win := w.find(start)
	if win != nil || (w.gone(now, start) && w.dayOf(start) != nil) {
		return win, nil
	}
	w.mu.RUnlock()
	if err := w.openWindow(now, start); err != nil {
		return nil, err
	}
	w.mu.RLock()
	return w.find(start), nil
}

func (w *Windows) find(start time.Time) *window {
	if win := w.open[start.UnixNano()]; win != nil {
		return win
	}
	for _, win := range w.kept {
		if win.start.Equal(start) {
			return win
		}
	}
	return nil
}

// gone tells that a window that nobody opened would have closed by now.
func (w *Windows) gone(now, start time.Time) bool {
	return w.closable(now, start.Add(w.cfg.Size)) || (len(w.kept) > 0 && start.Before(w.kept[0].start))
}

// openWindow opens a window, unless it would have closed already, and its day.
func (w *Windows) openWindow(now, start time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.openDay(start); err != nil {
		return err
	}
	if w.find(start) != nil || w.gone(now, start) {
		return nil
	}
	if len(w.open) >= w.cfg.MaxWindows()-w.cfg.Keep {
		return fmt.Errorf("%w: %d are open", ErrBehind, len(w.open))
	}
	w.open[start.UnixNano()] = &window{start: start, end: start.Add(w.cfg.Size), shards: make([]shard, w.cfg.Shards)}
	w.schedule()
	return nil
}

// schedule notes at which watermark the next window closes. Its caller holds the lock.
func (w *Windows) schedule() {
	next := never
	for _, win := range w.open {
		next = min(next, win.end.Add(w.cfg.Lateness).UnixNano())
	}
	w.nextClose.Store(next)
}

// raise moves a side's watermark.
func (w *Windows) raise(now time.Time, ev Event) {
	mark, at := &w.watermarks[ev.Side], ev.Time.UnixNano()
	for seen := mark.Load(); at > seen; seen = mark.Load() {
		if mark.CompareAndSwap(seen, at) {
			break
		}
	}
	if w.watermark() >= w.nextClose.Load() && w.dueAt.CompareAndSwap(0, now.UnixNano()) {
		select {
		case w.due <- struct{}{}:
		default:
		}
	}
}

// watermark is the time up to which both sides have told.
func (w *Windows) watermark() int64 {
	return min(w.watermarks[Primary].Load(), w.watermarks[Shadow].Load())
}

// closable tells that a window with this end closes: both sides are past it, or the clock is far enough.
func (w *Windows) closable(now, end time.Time) bool {
	late := end.Add(w.cfg.Lateness)
	return w.watermark() >= late.UnixNano() || !now.Before(late.Add(w.cfg.Patience))
}

// State is how much is held.
type State struct {
	Open, Kept, Days int
	Tables           int // of one side and one shard each, those in reserve too
}

// State tells how much is held: at most MaxWindows windows and MaxDays days, each of two tables a shard.
func (w *Windows) State() State {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return State{len(w.open), len(w.kept), len(w.days), w.pool.count()}
}

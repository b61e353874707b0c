package window

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// dayStart is the beginning of a time's day.
func (w *Windows) dayStart(at time.Time) time.Time {
	y, m, d := at.In(w.cfg.Zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, w.cfg.Zone)
}

func (w *Windows) dayOf(at time.Time) *day {
	start := w.dayStart(at)
	for _, d := range w.days {
		if d.start.Equal(start) {
			return d
		}
	}
	return nil
}

// openDay makes the day of a window, and lets the oldest go where there are too many. Its caller holds the lock.
func (w *Windows) openDay(at time.Time) error {
	if w.dayOf(at) != nil {
		return nil
	}
	start := w.dayStart(at)
	if len(w.days) == w.cfg.MaxDays {
		oldest := w.days[0]
		if start.Before(oldest.start) {
			return fmt.Errorf("%w (%s)", ErrTooOld, start.Format(time.DateOnly))
		}
		if w.holds(oldest.start) {
			return fmt.Errorf("%w: a window of %s is open", ErrBehind, oldest.start.Format(time.DateOnly))
		}
		w.release(oldest.shards)
		w.days = w.days[1:]
	}
	w.days = append(w.days, &day{start: start, shards: make([]shard, w.cfg.Shards)})
	slices.SortFunc(w.days, func(a, b *day) int { return a.start.Compare(b.start) })
	return nil
}

// holds tells whether a window of a day is open or kept.
func (w *Windows) holds(start time.Time) bool {
	for _, win := range w.open {
		if w.dayStart(win.start).Equal(start) {
			return true
		}
	}
	return slices.ContainsFunc(w.kept, func(win *window) bool { return w.dayStart(win.start).Equal(start) })
}

func (w *Windows) release(shards []shard) {
	for i := range shards {
		for _, t := range shards[i].tables {
			w.pool.give(t)
		}
	}
}

// putDay puts an event into its day alone. Its caller holds the windows for reading.
func (w *Windows) putDay(ev Event, n int, old, fresh *entry.Entry) error {
	d := w.dayOf(ev.Time.Truncate(w.cfg.Size))
	if d == nil {
		return ErrTooOld
	}
	s := &d.shards[n]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.change(w.pool, w.span(n), ev.Side, old, fresh)
}

// fold adds a shard of a window to its day. Its caller holds the shard.
func (w *Windows) fold(d *day, n int, from *shard) error {
	s := &d.shards[n]
	s.mu.Lock()
	defer s.mu.Unlock()
	for side, t := range from.tables {
		if t == nil {
			continue
		}
		if s.tables[side] == nil {
			s.tables[side] = w.pool.take(w.span(n))
		}
		if err := s.tables[side].Merge(t); err != nil {
			return fmt.Errorf("fold window into its day: %w", err)
		}
	}
	return nil
}

// Day is a copy of one side's digest of a day: of its windows that closed, and of what came late. It gives false where the
// day is not kept.
func (w *Windows) Day(side Side, at time.Time) (*digest.Table, bool, error) {
	whole := digest.New(w.cfg.Hasher, w.cfg.Compared)
	w.mu.RLock()
	defer w.mu.RUnlock()
	d := w.dayOf(at)
	if d == nil {
		return nil, false, nil
	}
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		var err error
		if t := s.tables[side]; t != nil {
			err = whole.Merge(t)
		}
		s.mu.Unlock()
		if err != nil {
			return nil, false, fmt.Errorf("sum up day: %w", err)
		}
	}
	return whole, true, nil
}

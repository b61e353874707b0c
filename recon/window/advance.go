package window

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/digest"
)

// Advance closes and compares what can close at this time, and compares again what something late came to. It gives the
// results oldest first. clock measures the latency; in a simulation it is simulated too. A window whose comparison failed
// is compared again by the next Advance.
func (w *Windows) Advance(ctx context.Context, clock func() time.Time) ([]Result, error) {
	now := clock()
	w.closeWindows(now)
	var all []Result
	var errs []error
	for _, j := range w.jobs() {
		r, err := w.compare(ctx, j.window)
		if err != nil {
			errs = append(errs, fmt.Errorf("compare window of %s: %w", j.start.Format(time.RFC3339), err))
			continue
		}
		r.Late, r.Latency = !j.first, clock().Sub(now)
		if j.first {
			r.Latency = clock().Sub(j.due)
		}
		w.done(j)
		w.tell(r)
		all = append(all, r)
	}
	w.evict()
	return all, errors.Join(errs...)
}

func (w *Windows) tell(r Result) {
	w.cfg.Metrics.told(r, w.State())
	if r.Money() && w.cfg.Alert != nil {
		w.cfg.Alert(r)
	}
}

// closeWindows moves the windows that close from the open ones to the kept ones.
func (w *Windows) closeWindows(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	passed := now
	if at := w.dueAt.Swap(0); at > 0 {
		passed = time.Unix(0, at)
	}
	for key, win := range w.open {
		if !w.closable(now, win.end) {
			continue
		}
		win.pending, win.due = true, win.end.Add(w.cfg.Lateness+w.cfg.Patience) // by the clock
		if passed.Before(win.due) {
			win.due = passed
		}
		delete(w.open, key)
		w.kept = append(w.kept, win)
	}
	slices.SortFunc(w.kept, func(a, b *window) int { return a.start.Compare(b.start) })
	w.schedule()
}

// job is a kept window that has to be compared.
type job struct {
	*window
	first bool
}

// jobs are the kept windows that were not compared since something came to them.
func (w *Windows) jobs() []job {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var all []job
	for _, win := range w.kept {
		if win.pending || win.late() {
			all = append(all, job{win, win.pending})
		}
	}
	return all
}

func (win *window) late() bool {
	for i := range win.shards {
		s := &win.shards[i]
		s.mu.Lock()
		late := s.late
		s.mu.Unlock()
		if late {
			return true
		}
	}
	return false
}

func (w *Windows) done(j job) {
	w.mu.Lock()
	defer w.mu.Unlock()
	j.pending = false
}

// evict lets the oldest kept windows go, and gives their tables back.
func (w *Windows) evict() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.kept) > w.cfg.Keep {
		w.release(w.kept[0].shards)
		w.kept = w.kept[1:]
	}
}

// compare holds the sides of a closed window against each other and folds what is not yet in its day.
func (w *Windows) compare(ctx context.Context, win *window) (Result, error) {
	r := Result{Start: win.start, End: win.end, Exact: true}
	w.mu.RLock()
	d := w.dayOf(win.start)
	w.mu.RUnlock()
	dirty := &digest.Buckets{}
	for n := range win.shards {
		if err := w.compareShard(d, win, n, &r, dirty); err != nil {
			return r, err
		}
	}
	r.Dirty = dirty.Len()
	if r.Dirty == 0 {
		return r, nil
	}
	r.Exact = false
	if w.cfg.Fetch == nil {
		return r, nil
	}
	if err := w.explain(ctx, &r, dirty); err != nil {
		if ctx.Err() != nil {
			return r, err
		}
		r.Problem = err.Error() // the buckets differ all the same
	}
	return r, nil
}

func (w *Windows) compareShard(d *day, win *window, n int, r *Result, dirty *digest.Buckets) error {
	s := &win.shards[n]
	s.mu.Lock()
	defer s.mu.Unlock()
	var tables [sides]*digest.Table
	for side, t := range s.tables {
		if t == nil {
			t = w.pool.nothing(w.span(n))
		}
		tables[side] = t
		totals, err := digest.Totals(t)
		if err != nil {
			return err
		}
		if r.Totals[side], err = addTotals(r.Totals[side], totals); err != nil {
			return err
		}
	}
	found, err := digest.Dirty(tables[Primary], tables[Shadow])
	if err != nil {
		return err
	}
	for bucket := range found.All() {
		dirty.Put(bucket)
	}
	if !s.folded {
		if err := w.fold(d, n, s); err != nil {
			return err
		}
	}
	s.folded, s.late = true, false
	return nil
}

// addTotals adds the totals of one more shard.
func addTotals(all, more []digest.Total) ([]digest.Total, error) {
	for _, t := range more {
		i := slices.IndexFunc(all, func(o digest.Total) bool { return o.Column == t.Column })
		if i < 0 {
			all = append(all, t)
			continue
		}
		sum := all[i].Minor + t.Minor
		if (sum < all[i].Minor) != (t.Minor < 0) {
			return nil, fmt.Errorf("total of %s: %w", t.Kind, digest.ErrOverflow)
		}
		all[i].Count, all[i].Minor = all[i].Count+t.Count, sum
	}
	slices.SortFunc(all, func(a, b digest.Total) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Currency, b.Currency))
	})
	return all, nil
}

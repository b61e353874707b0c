package bus

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// workMetrics carry the names that scaling rules are written for.
type workMetrics struct {
	length   prometheus.Gauge
	put      prometheus.Counter
	failures prometheus.Counter
	busy     *busy
}

func newWorkMetrics(r prometheus.Registerer, slots int) *workMetrics {
	m := &workMetrics{
		length:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "reconcile_queue_length", Help: "Work items that wait or are under way, over all workers."}),
		put:      prometheus.NewCounter(prometheus.CounterOpts{Name: "reconcile_task_pending_total", Help: "Work items this process enqueued."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "touchstone_work_failures_total", Help: "Work items whose handling failed; they come again."}),
		busy:     &busy{slots: slots, running: map[int]time.Time{}, born: time.Now()},
	}
	r.MustRegister(m.length, m.put, m.failures,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "worker_busy_ratio", Help: "Share of the last minute that this process spent on work items."},
			func() float64 { return m.busy.ratio(time.Now()) }))
	return m
}

// busyWindow is how far back the ratio looks.
const busyWindow = time.Minute

// busy remembers when items were worked on.
type busy struct {
	slots int
	born  time.Time

	mu      sync.Mutex
	next    int
	running map[int]time.Time // since when
	spans   []span            // that ended within the window
}

type span struct{ from, to time.Time }

// begin notes that an item is worked on; the function that it gives notes the end.
func (b *busy) begin(now time.Time) func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.next
	b.next++
	b.running[n] = now
	return func() { b.end(n, time.Now()) }
}

func (b *busy) end(n int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spans = append(b.spans, span{b.running[n], now})
	delete(b.running, n)
	b.forget(now)
}

func (b *busy) forget(now time.Time) {
	kept := 0
	for kept < len(b.spans) && now.Sub(b.spans[kept].to) > busyWindow {
		kept++
	}
	b.spans = b.spans[kept:]
}

// ratio is the share of the window, or of the time since the process began, that was spent on items.
func (b *busy) ratio(now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(now)
	from := now.Add(-busyWindow)
	if b.born.After(from) {
		from = b.born
	}
	all := now.Sub(from)
	if all <= 0 {
		return 0
	}
	var spent time.Duration
	add := func(s span) {
		if s.from.Before(from) {
			s.from = from
		}
		spent += max(0, s.to.Sub(s.from))
	}
	for _, s := range b.spans {
		add(s)
	}
	for _, since := range b.running {
		add(span{since, now})
	}
	return spent.Seconds() / all.Seconds() / float64(b.slots)
}

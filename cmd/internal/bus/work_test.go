package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const workerPassword = "worker-password"

func startWithWorkers(t *testing.T, dir, listen string) *Server {
	t.Helper()
	s, err := Embedded(t.Context(), EmbeddedConfig{Listen: listen, StoreDir: dir, Logger: quiet(), Users: []User{{"worker", workerPassword, RoleWorker}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func worker(url string, lease time.Duration) *Work {
	return NewWork(WorkConfig{Login: Login{url, "worker", workerPassword}, Lease: lease, Logger: quiet(), Registerer: prometheus.NewRegistry()})
}

// hands remembers which worker did which item.
type hands struct {
	mu   sync.Mutex
	done map[string][]string
}

func (h *hands) by(name string) WorkHandler {
	return func(_ context.Context, item []byte) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.done == nil {
			h.done = map[string][]string{}
		}
		h.done[string(item)] = append(h.done[string(item)], name)
		return nil
	}
}

func (h *hands) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.done)
}

func TestEachItemGoesToOneWorker(t *testing.T) {
	s := startWithWorkers(t, t.TempDir(), "127.0.0.1:0")
	h := &hands{}
	a, b := worker(s.URL(), time.Second), worker(s.URL(), time.Second)
	run(t, func(ctx context.Context) error { return a.Run(ctx, h.by("a")) })
	run(t, func(ctx context.Context) error { return b.Run(ctx, h.by("b")) })
	waitFor(t, "queue", func() bool { return a.Ready() == nil && b.Ready() == nil })
	const items = 100
	for i := range items {
		if err := []*Work{a, b}[i%2].Put(t.Context(), fmt.Sprint("item ", i), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "items", func() bool { return h.count() == items })
	if n := testutil.ToFloat64(a.metrics.put) + testutil.ToFloat64(b.metrics.put); n != items {
		t.Errorf("%v items were enqueued, want %d", n, items)
	}
	waitFor(t, "empty queue", func() bool { return testutil.ToFloat64(a.metrics.length) == 0 })
	for item, by := range h.done {
		if len(by) != 1 {
			t.Errorf("item %s was done by %q", item, by)
		}
	}
}

// TestItemUnderWayIsNotPutAgain has schedulers put what a slow worker does at that time, and what waits behind it.
func TestItemUnderWayIsNotPutAgain(t *testing.T) {
	s := startWithWorkers(t, t.TempDir(), "127.0.0.1:0")
	w, h := worker(s.URL(), time.Second), &hands{}
	slow := make(chan struct{})
	run(t, func(ctx context.Context) error {
		return w.Run(ctx, func(ctx context.Context, item []byte) error {
			<-slow
			return h.by("w")(ctx, item)
		})
	})
	waitFor(t, "queue", func() bool { return w.Ready() == nil })
	for range 3 {
		for _, name := range []string{"under way", "waiting"} {
			if err := w.Put(t.Context(), name, []byte(name)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	if n := testutil.ToFloat64(w.metrics.put); n != 2 {
		t.Errorf("%v items were enqueued, want 2", n)
	}
	close(slow)
	waitFor(t, "items", func() bool { return h.count() == 2 })
	waitFor(t, "place for another", func() bool {
		return w.Put(t.Context(), "waiting", []byte("again")) == nil && testutil.ToFloat64(w.metrics.put) == 3
	})
	waitFor(t, "third item", func() bool { return h.count() == 3 })
}

func TestItemOfASilentWorkerGoesToAnother(t *testing.T) {
	s := startWithWorkers(t, t.TempDir(), "127.0.0.1:0")
	a := worker(s.URL(), 300*time.Millisecond)
	taken := make(chan struct{})
	silent := run(t, func(ctx context.Context) error {
		return a.Run(ctx, func(ctx context.Context, _ []byte) error {
			close(taken)
			time.Sleep(time.Second) // longer than the lease, with a beating heart
			<-ctx.Done()
			return ctx.Err()
		})
	})
	waitFor(t, "queue", func() bool { return a.Ready() == nil })
	if err := a.Put(t.Context(), "x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	<-taken
	h := &hands{}
	b := worker(s.URL(), 300*time.Millisecond)
	run(t, func(ctx context.Context) error { return b.Run(ctx, h.by("b")) })
	time.Sleep(900 * time.Millisecond)
	if h.count() != 0 {
		t.Fatal("the item of a living worker went to another")
	}
	if err := silent.end(t); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "item", func() bool { return h.count() == 1 })
}

func TestItemsSurviveTheBus(t *testing.T) {
	dir := t.TempDir()
	s := startWithWorkers(t, dir, "127.0.0.1:0")
	listen := address(t, s)
	a := worker(s.URL(), time.Second)
	first := run(t, func(ctx context.Context) error {
		return a.Run(ctx, func(context.Context, []byte) error { return errors.New("not now") })
	})
	waitFor(t, "queue", func() bool { return a.Ready() == nil })
	if err := a.Put(t.Context(), "x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "failure", func() bool { return testutil.ToFloat64(a.metrics.failures) > 0 })
	if err := first.end(t); err != nil {
		t.Fatal(err)
	}
	s.Close()
	h := &hands{}
	b := worker("nats://"+listen, time.Second)
	run(t, func(ctx context.Context) error { return b.Run(ctx, h.by("b")) })
	startWithWorkers(t, dir, listen)
	waitFor(t, "item", func() bool { return h.count() == 1 })
}

func TestBusyRatio(t *testing.T) {
	now := time.Now()
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	b := &busy{slots: 2, running: map[int]time.Time{}, born: at(-300)}
	b.spans = []span{{at(-200), at(-100)}, {at(-70), at(-45)}, {at(-30), at(-15)}}
	b.running[9] = at(-30)
	if got := b.ratio(now); math.Abs(got-0.5) > 0.001 { // 15 + 15 + 30 of 120 seconds
		t.Errorf("busy %v, want 0.5", got)
	}
	if len(b.spans) != 2 {
		t.Errorf("%d spans are kept, want 2", len(b.spans))
	}
}

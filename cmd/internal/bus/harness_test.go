package bus

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const (
	sidecarPassword  = "sidecar-password"
	comparerPassword = "comparer-password"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func start(t *testing.T, dir, listen string) *Server {
	t.Helper()
	s, err := Embedded(t.Context(), EmbeddedConfig{Listen: listen, StoreDir: dir, Logger: quiet(), Users: []User{
		{"sidecar", sidecarPassword, RoleSidecar}, {"comparer", comparerPassword, RoleComparer}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func address(t *testing.T, s *Server) string {
	t.Helper()
	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// running is a component that runs until the test ends it.
type running struct {
	stop func()
	done chan error
}

func run(t *testing.T, f func(context.Context) error) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel, make(chan error, 1)}
	go func() { r.done <- f(ctx) }()
	t.Cleanup(cancel)
	return r
}

func (r *running) end(t *testing.T) error {
	t.Helper()
	r.stop()
	select {
	case err := <-r.done:
		return err
	case <-time.After(time.Minute):
		t.Fatal("does not end")
		return nil
	}
}

func publisher(url string, buffer int, drain time.Duration) *Publisher {
	return NewPublisher(PublisherConfig{Login: Login{url, "sidecar", sidecarPassword}, Buffer: buffer, Drain: drain, Logger: quiet(), Registerer: prometheus.NewRegistry()})
}

func consumer(url string) *Consumer {
	return NewConsumer(ConsumerConfig{Login: Login{url, "comparer", comparerPassword}, Durable: "comparer", Logger: quiet(), Registerer: prometheus.NewRegistry()})
}

// inbox is a handler that remembers what it took.
type inbox struct {
	mu     sync.Mutex
	events []shadow.Event
	refuse int // batches to refuse first
	calls  int
}

func (b *inbox) take(_ context.Context, batch []shadow.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls++; b.calls <= b.refuse {
		return fmt.Errorf("refused call %d", b.calls)
	}
	b.events = append(b.events, batch...)
	return nil
}

func (b *inbox) ids() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids := make([]string, len(b.events))
	for i, e := range b.events {
		ids[i] = e.ID
	}
	return ids
}

func (b *inbox) await(t *testing.T, n int) []string {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d events", n), func() bool { return len(b.ids()) >= n })
	return b.ids()
}

func (b *inbox) distinct() int {
	seen := map[string]bool{}
	for _, id := range b.ids() {
		seen[id] = true
	}
	return len(seen)
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no %s", what)
		}
	}
}

func event(id string) shadow.Event {
	return shadow.Event{ID: id, Kind: shadow.EventOpened, Instance: "i", Evidence: &shadow.Evidence{Sample: id}}
}

func names(from, to int) []string {
	var ids []string
	for i := from; i < to; i++ {
		ids = append(ids, fmt.Sprintf("e%05d", i))
	}
	return ids
}

// sum adds up the counters of a collector.
func sum(c prometheus.Collector) (total float64) {
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			total += m.GetCounter().GetValue()
		}
	}
	return total
}

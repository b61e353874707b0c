package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// told keeps what is published.
type told struct {
	mu     sync.Mutex
	events []shadow.Event
}

func (p *told) Publish(e shadow.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

func (p *told) taints() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Taint != nil && e.Taint.Order == "" {
			n++
		}
	}
	return n
}

// A row log that is gone for good taints everything, and ends nothing that a client depends on.
func TestRowLogThatIsGoneDoesNotEndTheSidecar(t *testing.T) {
	for name, run := range map[string]func(context.Context) error{
		"error": func(context.Context) error { return errors.New("purged") }, "panic": func(context.Context) error { panic("a bug") },
	} {
		t.Run(name, func(t *testing.T) { endsNothing(t, run) })
	}
}

func endsNothing(t *testing.T, run func(context.Context) error) {
	t.Helper()
	seen := &told{}
	s := &sidecar{log: slog.New(slog.DiscardHandler), sink: newSink("i", seen, []byte("0123456789abcdef"))}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.follow(ctx, run) }()
	for deadline := time.Now().Add(5 * time.Second); seen.taints() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was tainted")
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("the part ended (%v), and the sidecar with it", err)
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

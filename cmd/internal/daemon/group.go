package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	keyComponent = "component"
	keyError     = "error"
	keyStack     = "stack"
)

// Component is one part of a process. Run blocks until ctx ended and everything it took on is done.
type Component struct {
	Name  string
	Bound time.Duration // how long Run may go on after its ctx ended
	Run   func(ctx context.Context) error
}

// Group runs components that depend on each other: each may rely on those before it.
//
//	start   bus ──► egress ──► proxy        each after the one before it
//	stop    bus ◄── egress ◄── proxy        each waited for, at most its Bound, before the next is told
//
// Listeners are opened before Run, so a process that is ready takes connections.
type Group struct {
	log        *slog.Logger
	components []Component
	state      atomic.Int32
}

const (
	stateNew int32 = iota
	stateRunning
	stateStopping
)

// Errors of Ready and Run.
var (
	ErrNotStarted = errors.New("not started yet")
	ErrStopping   = errors.New("draining")
	ErrEnded      = errors.New("ended by itself")
	ErrOverdue    = errors.New("did not end in time")
	ErrPanic      = errors.New("panic")
)

// NewGroup takes components in the order in which they start.
func NewGroup(log *slog.Logger, components ...Component) *Group {
	return &Group{log: log, components: components}
}

// Ready is nil while all components run.
func (g *Group) Ready() error {
	switch g.state.Load() {
	case stateNew:
		return ErrNotStarted
	case stateRunning:
		return nil
	}
	return ErrStopping
}

// Run starts all components and stops them, in reverse order, when ctx ends or one of them does. It gives every error,
// each with the component's name. A component is not supposed to end by itself: that is an error too.
func (g *Group) Run(ctx context.Context) error {
	first := make(chan struct{}, len(g.components))
	running := make([]*member, 0, len(g.components))
	for _, c := range g.components {
		running = append(running, g.start(ctx, c, first))
	}
	g.state.Store(stateRunning)
	select {
	case <-ctx.Done():
	case <-first:
	}
	g.state.Store(stateStopping)
	var errs []error
	for i := len(running) - 1; i >= 0; i-- {
		if err := running[i].end(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", running[i].Name, err))
		}
	}
	return errors.Join(errs...)
}

type member struct {
	Component
	cancel context.CancelFunc
	done   chan error // one value, when Run returned
	asked  atomic.Bool
}

// start gives a component a context of its own: the parent's end must not reach all of them at once.
func (g *Group) start(parent context.Context, c Component, ended chan<- struct{}) *member {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	m := &member{Component: c, cancel: cancel, done: make(chan error, 1)}
	go func() {
		err := guarded(ctx, c.Run, func(stack []byte) {
			g.log.Error("component panicked", keyComponent, c.Name, keyStack, string(stack))
		})
		if !m.asked.Load() {
			err = errors.Join(ErrEnded, err)
			g.log.Error("component ended by itself", keyComponent, c.Name, keyError, err)
		}
		m.done <- err
		ended <- struct{}{}
	}()
	return m
}

func guarded(ctx context.Context, run func(context.Context) error, report func(stack []byte)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			report(debug.Stack())
			err = fmt.Errorf("%w: %v", ErrPanic, p)
		}
	}()
	return run(ctx)
}

func (m *member) end() error {
	m.asked.Store(true)
	m.cancel()
	late := time.NewTimer(m.Bound)
	defer late.Stop()
	select {
	case err := <-m.done:
		return err
	case <-late.C:
		return fmt.Errorf("%w (%s)", ErrOverdue, m.Bound)
	}
}

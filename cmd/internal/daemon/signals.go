package daemon

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

const (
	exitInterrupted = 130
	keySignal       = "signal"
)

// Signals gives a context that ends with the first SIGINT or SIGTERM: the process drains. A second one calls exit with
// 130 at once. stop must be called; it ends the watching.
func Signals(parent context.Context, log *slog.Logger, exit func(code int)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, syscall.SIGINT, syscall.SIGTERM)
	over, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		watch(arrived, over, func(s os.Signal) {
			log.Info("draining, a second signal ends at once", keySignal, s.String())
			cancel()
		}, func() { exit(exitInterrupted) })
	}()
	return ctx, func() {
		signal.Stop(arrived)
		close(over)
		<-watched
		cancel()
	}
}

func watch(arrived <-chan os.Signal, over <-chan struct{}, first func(os.Signal), second func()) {
	select {
	case s := <-arrived:
		first(s)
	case <-over:
		return
	}
	select {
	case <-arrived:
		second()
	case <-over:
	}
}

// Hangups tells of each SIGHUP, which ends the process no more; several at once are one. stop must be called.
func Hangups() (hangups <-chan struct{}, stop func()) {
	arrived, out := make(chan os.Signal, 1), make(chan struct{}, 1)
	signal.Notify(arrived, syscall.SIGHUP)
	over, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-over:
				return
			case <-arrived:
			}
			select {
			case out <- struct{}{}:
			default: // one is waiting to be heard
			}
		}
	}()
	return out, func() {
		signal.Stop(arrived)
		close(over)
		<-watched
	}
}

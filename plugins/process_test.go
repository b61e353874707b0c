package plugins

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onDyingThread runs work on a thread that ends right after it. The process's first thread never ends, so it is no use.
func onDyingThread(work func()) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	if unix.Gettid() != os.Getpid() {
		work()
		return
	}
	done := make(chan struct{})
	go func() { defer close(done); onDyingThread(work) }()
	<-done
	runtime.UnlockOSThread()
}

// TestProcessOutlivesTheThreadThatAsksForIt starts a process from a thread that ends at once. Started on that thread
// itself, it would get the parent-death signal.
func TestProcessOutlivesTheThreadThatAsksForIt(t *testing.T) {
	p := newProcess("/bin/sleep", nil, t.TempDir(), bounds{})
	if err := p.prepare(nil); err != nil {
		t.Fatal(err)
	}
	p.cmd.Args = append(p.cmd.Args, "60")
	started := make(chan error, 1)
	go onDyingThread(func() { started <- p.Start(t.Context()) })
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- p.Wait(t.Context()) }()
	if state := p.exited(300 * time.Millisecond); state != "" {
		t.Errorf("process ended with the thread: %s", state)
	}
	if err := p.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err == nil || p.exited(0) != "signal: killed" {
		t.Errorf("got %v, state %q", err, p.exited(0))
	}
}

package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// diary remembers what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func (d *diary) component(name string, err error) Component {
	return Component{name, time.Second, func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(10 * time.Millisecond)
		d.note(name)
		return err
	}}
}

func TestComponentsStopInReverseOrder(t *testing.T) {
	d, broken := &diary{}, errors.New("flush failed")
	g := NewGroup(quiet(), d.component("bus", broken), d.component("egress", nil), d.component("proxy", nil))
	if !errors.Is(g.Ready(), ErrNotStarted) {
		t.Errorf("before: %v", g.Ready())
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	for g.Ready() != nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	err := <-done
	if !errors.Is(err, broken) || err.Error() != "bus: flush failed" || !errors.Is(g.Ready(), ErrStopping) {
		t.Errorf("got %v, ready %v", err, g.Ready())
	}
	if got := d.read(); !slices.Equal(got, []string{"proxy", "egress", "bus"}) {
		t.Errorf("stopped %v", got)
	}
}

func TestAComponentThatEndsTakesTheOthersAlong(t *testing.T) {
	for name, c := range map[string]struct {
		run  func(context.Context) error
		want error
	}{
		"error":   {func(context.Context) error { return io.ErrUnexpectedEOF }, io.ErrUnexpectedEOF},
		"silence": {func(context.Context) error { return nil }, ErrEnded},
		"panic":   {func(context.Context) error { panic("boom") }, ErrPanic},
	} {
		t.Run(name, func(t *testing.T) {
			d := &diary{}
			err := NewGroup(quiet(), d.component("bus", nil), Component{"proxy", time.Second, c.run}).Run(t.Context())
			if !errors.Is(err, c.want) || !errors.Is(err, ErrEnded) || !strings.HasPrefix(err.Error(), "proxy: ") {
				t.Errorf("got %v", err)
			}
			if got := d.read(); !slices.Equal(got, []string{"bus"}) {
				t.Errorf("stopped %v", got)
			}
		})
	}
}

func TestAnOverdueComponentDoesNotHoldTheRest(t *testing.T) {
	d, free := &diary{}, make(chan struct{})
	defer close(free)
	stuck := Component{"proxy", 20 * time.Millisecond, func(context.Context) error { <-free; return nil }}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := NewGroup(quiet(), d.component("bus", nil), stuck).Run(ctx); !errors.Is(err, ErrOverdue) {
		t.Errorf("got %v", err)
	}
	if got := d.read(); !slices.Equal(got, []string{"bus"}) {
		t.Errorf("stopped %v", got)
	}
}

// TestMain lets the test binary be a daemon, so that signals reach a real process.
func TestMain(m *testing.M) {
	if os.Getenv("DAEMON_UNDER_TEST") == "" {
		os.Exit(m.Run())
	}
	ctx, stop := Signals(context.Background(), quiet(), os.Exit)
	os.Stdout.WriteString("up\n")
	<-ctx.Done()
	os.Stdout.WriteString("draining\n")
	if os.Getenv("DAEMON_UNDER_TEST") == "stuck" {
		time.Sleep(time.Minute)
	}
	stop()
}

func TestSignals(t *testing.T) {
	for name, c := range map[string]struct {
		mode    string
		signals []syscall.Signal
		code    int
	}{
		"one SIGTERM drains":        {"smooth", []syscall.Signal{syscall.SIGTERM}, 0},
		"one SIGINT drains":         {"smooth", []syscall.Signal{syscall.SIGINT}, 0},
		"a second one ends at once": {"stuck", []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, 130},
	} {
		t.Run(name, func(t *testing.T) {
			if code := signalled(t, c.mode, c.signals); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
		})
	}
}

func signalled(t *testing.T, mode string, signals []syscall.Signal) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), "DAEMON_UNDER_TEST="+mode)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, s := range signals {
		if _, err := out.Read(make([]byte, 64)); err != nil { // "up", then "draining"
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait() // the code says it
	return cmd.ProcessState.ExitCode()
}

package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one adapter subprocess. It is the runner that go-plugin drives.
//
// It is started from an OS thread of its own that lives until the process ends: the kernel sends the parent-death
// signal when the creating thread dies, and the Go runtime may end any other thread at any time.
type process struct {
	path     string
	names    []string // environment, as "NAME=value"
	maxBytes int64    // data segment, see HostConfig.Memory

	cmd            *exec.Cmd
	stdout, stderr io.ReadCloser
	done           chan struct{} // closed when the process was reaped

	mu      sync.Mutex
	pid     int    // 0 before the start
	state   string // how it ended
	stopped bool   // kill was asked for: never start again
}

func newProcess(path string, env []string, memory int64) *process {
	return &process{path: path, names: env, maxBytes: memory, done: make(chan struct{})}
}

// prepare takes what go-plugin wants in the environment. Standard input is closed, whatever go-plugin set.
func (p *process) prepare(pluginEnv []string) error {
	p.cmd = exec.Command(p.path)
	p.cmd.Env = append(append([]string{}, p.names...), pluginEnv...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	var err error
	if p.stdout, err = p.cmd.StdoutPipe(); err != nil {
		return fmt.Errorf("open standard output: %w", err)
	}
	if p.stderr, err = p.cmd.StderrPipe(); err != nil {
		return fmt.Errorf("open standard error: %w", err)
	}
	return nil
}

// Start runs the process; ctx is not used, since a start does not block.
func (p *process) Start(context.Context) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.launch()
		started <- err
		if err == nil {
			<-p.done
		}
	}()
	return <-started
}

func (p *process) launch() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return errors.New("start process: stopped before")
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start process: %w", err)
	}
	p.pid = p.cmd.Process.Pid
	limit := &unix.Rlimit{Cur: uint64(p.maxBytes), Max: uint64(p.maxBytes)}
	if err := unix.Prlimit(p.pid, unix.RLIMIT_DATA, limit, nil); err != nil && !errors.Is(err, unix.ESRCH) {
		return errors.Join(fmt.Errorf("bound memory: %w", err), syscall.Kill(-p.pid, syscall.SIGKILL), p.cmd.Wait())
	}
	return nil
}

// Wait reaps the process. go-plugin calls it once, after both pipes ended.
func (p *process) Wait(context.Context) error {
	err := p.cmd.Wait()
	p.mu.Lock()
	p.state = p.cmd.ProcessState.String()
	p.mu.Unlock()
	close(p.done)
	return err
}

// Kill ends the process and all it started; it may be called at any time and again.
func (p *process) Kill(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.pid == 0 || p.state != "" {
		return nil
	}
	if err := syscall.Kill(-p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill process: %w", err)
	}
	return nil
}

// exited says how the process ended, waiting at most this long; "" means it lives.
func (p *process) exited(wait time.Duration) string {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// Stdout carries the handshake line.
func (p *process) Stdout() io.ReadCloser { return p.stdout }

// Stderr carries the adapter's log.
func (p *process) Stderr() io.ReadCloser { return p.stderr }

// Name is the binary's path.
func (p *process) Name() string { return p.path }

// ID is the process id.
func (p *process) ID() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strconv.Itoa(p.pid)
}

// Diagnose has nothing to add to the handshake's own error.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost leaves addresses as they are: both live on one machine.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin leaves addresses as they are.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

package plugins

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// process is one adapter subprocess. It is the runner that go-plugin drives.
//
// It is started from an OS thread of its own that lives until the process ends: the kernel sends the parent-death
// signal when the creating thread dies, and the Go runtime may end any other thread at any time.
type process struct {
	path   string
	names  []string // environment, as "NAME=value"
	folder string   // the working folder; "" = make one for this process, and take it away
	bounds bounds

	cmd            *exec.Cmd
	stdout, stderr io.ReadCloser
	done           chan struct{} // closed when the process was reaped

	group *cgroup // nil: limits of the process only
	made  string  // the working folder that was made

	mu      sync.Mutex
	pid     int    // 0 before the start
	state   string // how it ended
	stopped bool   // kill was asked for: never start again
}

func newProcess(path string, env []string, folder string, b bounds) *process {
	return &process{path: path, names: env, folder: folder, bounds: b.withDefaults(), done: make(chan struct{})}
}

// prepare takes what go-plugin wants in the environment. Standard input is closed, whatever go-plugin set.
func (p *process) prepare(pluginEnv []string) error {
	if err := p.place(); err != nil {
		return err
	}
	p.cmd = exec.Command(p.path)
	p.cmd.Dir = p.folder
	p.cmd.Env = slices.Concat(p.bounds.environment(), p.names, []string{"TMPDIR=" + p.folder}, pluginEnv)
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

// place makes the working folder, where the process's socket and temporary files go too.
func (p *process) place() (err error) {
	if p.folder != "" {
		return nil
	}
	if p.folder, err = os.MkdirTemp("", "adapter-"); err != nil {
		return fmt.Errorf("make working folder: %w", err)
	}
	p.made = p.folder
	return nil
}

// tidy takes away what was made for the process; it must be gone.
func (p *process) tidy() error {
	var errs []error
	if p.made != "" {
		errs = append(errs, os.RemoveAll(p.made))
	}
	if p.group != nil {
		errs = append(errs, p.group.remove())
	}
	return errors.Join(errs...)
}

// confine makes the cgroup in which the process is to start. A parent that was configured must work; one that was only
// looked for need not exist.
func (p *process) confine() (*os.File, error) {
	parent, given := p.bounds.parent, p.bounds.parent != ""
	if !given {
		var ok bool
		if parent, ok = delegated(cgroupRoot, cgroupSelf); !ok {
			return nil, nil
		}
	}
	group, err := newCgroup(parent, "touchstone-"+filepath.Base(p.folder)+"-"+rand.Text(), p.bounds)
	if err != nil {
		if given {
			return nil, err
		}
		return nil, nil
	}
	p.group = group
	dir, err := os.Open(group.dir)
	if err != nil {
		return nil, fmt.Errorf("open cgroup: %w", err)
	}
	p.cmd.SysProcAttr.UseCgroupFD, p.cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	return dir, nil
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
	group, err := p.confine()
	if err != nil {
		return err
	}
	if group != nil {
		defer group.Close()
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start process: %w", err)
	}
	p.pid = p.cmd.Process.Pid
	if err := p.bounds.apply(p.pid); err != nil {
		return errors.Join(err, syscall.Kill(-p.pid, syscall.SIGKILL), p.cmd.Wait())
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

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// victim is a process that the fault run kills and starts again.
type victim interface {
	name() string
	kill() (killed bool, err error)
	start() error
	// look starts it again where it ended by itself, and complains if it had no reason to.
	look() error
}

// roleProcess is one role of the product, or the bus.
type roleProcess struct {
	title   string
	command func() *exec.Cmd
	log     string
	up      string // what it logs once it is through its start

	cmd   *exec.Cmd
	ended chan struct{}
	from  int64 // of the log, when it was started
}

func (p *roleProcess) name() string { return p.title }

func (p *roleProcess) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		return err
	}
	p.from = info.Size()
	p.cmd, p.ended = p.command(), make(chan struct{})
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.title, err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait() // it was killed, or its log says why
		close(ended)
	}(p.cmd, p.ended)
	return nil
}

func (p *roleProcess) kill() (bool, error) {
	err := p.cmd.Process.Kill()
	<-p.ended
	return err == nil, nil
}

// stop ends it in order.
func (p *roleProcess) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it is gone
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// look starts a process again that could not start, since what it needs was away. One that was through its start and
// ended by itself afterwards did what it must not do.
func (p *roleProcess) look() error {
	select {
	case <-p.ended:
	default:
		return nil
	}
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	if said := text[p.from:]; p.up == "" || bytes.Contains(said, []byte(p.up)) {
		return fmt.Errorf("%s ended by itself: %s", p.title, said)
	}
	return p.start()
}

// database is the server of the store, the books and the ledger.
type database struct {
	server *mariadb.Server
	begin  func() error
}

func (d *database) name() string        { return "mariadb" }
func (d *database) kill() (bool, error) { d.server.Kill(); return true, nil }
func (d *database) start() error        { return d.begin() }
func (d *database) look() error         { return nil }

// adapterOf is the adapter's process below a worker, which starts it again by itself.
type adapterOf struct{ worker *roleProcess }

func (a *adapterOf) name() string { return "adapter" }

func (a *adapterOf) kill() (killed bool, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", a.worker.cmd.Process.Pid))
	if err != nil {
		return false, err
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread ended meanwhile, or the worker
		}
		for _, child := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(child)
			if err != nil {
				return killed, fmt.Errorf("read children of %s: %w", a.worker.title, err)
			}
			killed = syscall.Kill(pid, syscall.SIGKILL) == nil || killed
		}
	}
	return killed, nil
}

func (a *adapterOf) start() error { return nil }
func (a *adapterOf) look() error  { return nil }

// killer ends processes at random moments, one or two at a time, until it is stopped.
type killer struct {
	rng     *rand.Rand
	victims []victim
	round   atomic.Int64 // so many were chosen
	kills   map[string]int
	total   int
}

// run kills until stop is closed; then everything runs.
func (k *killer) run(stop <-chan struct{}) error {
	for ; ; k.round.Add(1) {
		if over := k.pause(stop, 200+k.rng.IntN(1800)); over {
			return k.lookAll()
		}
		if err := k.lookAll(); err != nil {
			return err
		}
		some := k.choose(int(k.round.Load()))
		for _, v := range some {
			killed, err := v.kill()
			if err != nil {
				return err
			}
			if killed {
				k.kills[v.name()]++
				k.total++
			}
		}
		k.pause(stop, k.rng.IntN(700))
		for _, v := range some {
			if err := v.start(); err != nil {
				return err
			}
		}
	}
}

// choose takes each victim once, in the first rounds, and then any.
func (k *killer) choose(round int) []victim {
	if round < len(k.victims) {
		return k.victims[round : round+1]
	}
	a, b := k.rng.IntN(len(k.victims)), k.rng.IntN(len(k.victims))
	if a == b || k.rng.IntN(3) > 0 {
		return k.victims[a : a+1]
	}
	return []victim{k.victims[a], k.victims[b]}
}

func (k *killer) lookAll() error {
	for _, v := range k.victims {
		if err := v.look(); err != nil {
			return err
		}
	}
	return nil
}

// pause tells whether it was stopped meanwhile.
func (k *killer) pause(stop <-chan struct{}, milliseconds int) bool {
	select {
	case <-stop:
		return true
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		return false
	}
}

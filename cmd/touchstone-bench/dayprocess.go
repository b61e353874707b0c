package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
)

// usage is what processes took.
type usage struct {
	wall, cpu time.Duration
	own       int64 // bytes resident at the most, seen now and then, without the pages of files that are mapped
	resident  int64 // bytes resident at the most, with them
}

func (u *usage) add(o usage) {
	u.wall, u.cpu, u.own, u.resident = u.wall+o.wall, u.cpu+o.cpu, max(u.own, o.own), max(u.resident, o.resident)
}

func (u usage) text(records int64) string {
	return fmt.Sprintf("%.1f s, %.1f s of processors, %s records/s, %.0f ns of processors a record, at most %s of memory (%s with mapped files)",
		u.wall.Seconds(), u.cpu.Seconds(), humanize.Comma(int64(float64(records)/u.wall.Seconds())), float64(u.cpu.Nanoseconds())/float64(records),
		humanize.IBytes(uint64(u.own)), humanize.IBytes(uint64(u.resident)))
}

// measured is one of the product's processes under way.
type measured struct {
	cmd   *exec.Cmd
	text  bytes.Buffer // what it printed; to be read when it is over
	begin time.Time
	over  chan struct{}
	err   error // of its end
	took  time.Duration
	own   int64
}

// startMeasured starts the product on two processors. It does not outlive this program.
func startMeasured(ctx context.Context, binary string, args ...string) (*measured, error) {
	m := &measured{cmd: exec.CommandContext(ctx, binary, args...), begin: time.Now(), over: make(chan struct{})}
	m.cmd.Env, m.cmd.Stdout, m.cmd.Stderr = append(os.Environ(), "GOMAXPROCS=2"), &m.text, &m.text
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start touchstone: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- m.cmd.Wait() }()
	go m.look(ended)
	return m, nil
}

// look looks at the process's memory until it ends.
func (m *measured) look(ended <-chan error) {
	defer close(m.over)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case m.err = <-ended:
			m.took = time.Since(m.begin)
			return
		case <-tick.C:
			m.own = max(m.own, ownMemory(m.cmd.Process.Pid))
		}
	}
}

// ownMemory is the resident memory of a process that belongs to no file, in bytes; 0 when it is gone.
func ownMemory(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // it ended
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kib); n == 1 {
			return kib * 1024
		}
	}
	return 0
}

// wait gives what the process took, once it ended well.
func (m *measured) wait() (usage, error) {
	<-m.over
	if m.err != nil {
		return usage{}, fmt.Errorf("%w: %s", m.err, m.text.String())
	}
	state := m.cmd.ProcessState
	u := usage{wall: m.took, cpu: state.UserTime() + state.SystemTime(), own: m.own}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		u.resident = r.Maxrss * 1024
	}
	return u, nil
}

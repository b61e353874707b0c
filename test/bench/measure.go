package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sample is what one run of a program cost.
type sample struct {
	wall, cpu float64 // seconds
	anon      float64 // bytes: most memory of its own at any look, mapped files not counted
	peak      float64 // bytes: most resident memory ever, mapped files counted
}

// run is one finished program.
type run struct {
	sample
	code   int
	stdout []byte
	stderr string
}

const (
	lookEvery = 5 * time.Millisecond // between two looks at a program's memory
	runLimit  = 30 * time.Minute
)

// measure runs a program to its end. An exit code is an answer, not an error.
func measure(ctx context.Context, name string, args ...string) (run, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return run{}, fmt.Errorf("start %s: %w; try: make build", name, err)
	}
	ended, anon := make(chan struct{}), make(chan float64, 1)
	go func() { anon <- watch(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	wall := time.Since(start).Seconds()
	close(ended)
	r := run{sample: sample{wall: wall, anon: <-anon}, stdout: out.Bytes(), stderr: complaints.String()}
	if ctx.Err() != nil {
		return r, fmt.Errorf("run %s: %w", name, ctx.Err())
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return r, fmt.Errorf("run %s: %w", name, err)
	}
	state := cmd.ProcessState
	r.code, r.cpu = state.ExitCode(), (state.UserTime() + state.SystemTime()).Seconds()
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		r.peak = float64(usage.Maxrss) * 1024
	}
	if r.code < 0 {
		return r, fmt.Errorf("run %s: ended by a signal: %s", name, r.stderr)
	}
	return r, nil
}

// watch gives the most memory of its own that a process was seen with.
func watch(pid int, ended <-chan struct{}) float64 {
	most, look := 0.0, time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if now, err := anonymous(pid); err == nil { // an error means it has ended
			most = max(most, now)
		}
		select {
		case <-ended:
			return most
		case <-look.C:
		}
	}
}

func anonymous(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	return parseAnonymous(data)
}

func parseAnonymous(status []byte) (float64, error) {
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "RssAnon:"); ok {
			var kib float64
			if _, err := fmt.Sscanf(rest, "%f kB", &kib); err != nil {
				return 0, fmt.Errorf("memory: %w", err)
			}
			return kib * 1024, nil
		}
	}
	return 0, errors.New("memory: /proc has another form than expected")
}

// medians reduces the runs of one program.
func medians(runs []sample) sample {
	of := func(pick func(sample) float64) float64 {
		list := []float64{}
		for _, r := range runs {
			list = append(list, pick(r))
		}
		return median(list)
	}
	return sample{
		wall: of(func(s sample) float64 { return s.wall }), cpu: of(func(s sample) float64 { return s.cpu }),
		anon: of(func(s sample) float64 { return s.anon }), peak: of(func(s sample) float64 { return s.peak }),
	}
}

// median gives the middle of a list, or the mean of the two in the middle.
func median(list []float64) float64 {
	s := slices.Sorted(slices.Values(list))
	if len(s) == 0 {
		return 0
	}
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

// turns runs each contender once a round, so that the machine's moods meet them all alike.
func turns(ctx context.Context, rounds int, contenders []contender) error {
	for range rounds {
		for i := range contenders {
			c := &contenders[i]
			for _, name := range c.files {
				if _, err := warm(name); err != nil {
					return fmt.Errorf("read file: %w", err)
				}
			}
			r, err := measure(ctx, c.name, c.args...)
			if err != nil {
				return fmt.Errorf("%s: %w", c.title, err)
			}
			if err := c.check(r); err != nil {
				return fmt.Errorf("%s: %w", c.title, err)
			}
			c.runs, c.answer = append(c.runs, r.sample), r.stdout
		}
	}
	return nil
}

// contender is a program that is measured; check looks at each of its answers.
type contender struct {
	title string
	name  string
	args  []string
	files []string // read before each run, so that all find them in the page cache
	check func(run) error

	runs   []sample
	answer []byte // of the last run
}

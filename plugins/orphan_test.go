package plugins_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// parent is this test binary run again: it starts an adapter, says so, and waits to be killed.
func parent() {
	h, err := plugins.Start(context.Background(), plugins.HostConfig{
		Path: os.Getenv("PLUGINS_TEST_PARENT"), Unpinned: true,
		Logger: slog.New(slog.DiscardHandler), Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		fmt.Println("start failed:", err)
		os.Exit(1)
	}
	defer h.Close()
	fmt.Println("started")
	time.Sleep(time.Minute)
}

// running lists the processes that run this binary.
func running(t *testing.T, binary string) []int {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == binary {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

func waitGone(t *testing.T, binary string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if len(running(t, binary)) == 0 {
			return
		}
	}
	t.Fatalf("adapter lives on: %v", running(t, binary))
}

// copyOf gives a binary of its own, so that a test sees only its own processes.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "adapter")
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestAdapterDiesWithItsHost(t *testing.T) {
	binary := copyOf(t, badAdapter)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PLUGINS_TEST_PARENT="+binary, "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "started\n" {
		t.Fatalf("parent said %q, %v", line, err)
	}
	if len(running(t, binary)) != 1 {
		t.Fatal("no adapter runs")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	waitGone(t, binary)
}

func TestClose(t *testing.T) {
	tests := []struct {
		name  string
		start string
		then  func(t *testing.T, binary string)
	}{
		{name: "idle"},
		{name: "stopped process", then: func(t *testing.T, binary string) {
			for _, pid := range running(t, binary) {
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{name: "grandchild that holds the pipes", start: "grandchild"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			t.Setenv("BADADAPTER_START", tt.start)
			rig := newRig(t)
			rig.cfg.Path, rig.cfg.Env = copyOf(t, badAdapter), []string{"BADADAPTER_START"}
			h := rig.start(t)
			if tt.then != nil {
				tt.then(t, rig.cfg.Path)
			}
			begin := time.Now()
			h.Close()
			h.Close()
			if d := time.Since(begin); d > 3*time.Second {
				t.Errorf("took %v", d)
			}
			waitGone(t, rig.cfg.Path)
			left, err := filepath.Glob(filepath.Join(temp, "*"))
			if err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			if _, err := h.Describe(t.Context()); err == nil {
				t.Error("a closed host answered")
			} else if _, ok := errors.AsType[*plugins.ProcessError](err); !ok {
				t.Errorf("got %T %v", err, err)
			}
		})
	}
}

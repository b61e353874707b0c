package plugins

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Where the kernel shows cgroup v2, and this process's place in it.
const (
	cgroupRoot  = "/sys/fs/cgroup"
	cgroupSelf  = "/proc/self/cgroup"
	cgroupPids  = 256     // processes and threads of one adapter
	cgroupCycle = 100_000 // microseconds over which the share of CPUs is held
)

// cgroup is one adapter's own group. It is made before the process starts, which begins its life in it.
type cgroup struct{ dir string }

// newCgroup makes a group below a delegated parent and sets its bounds. The name must be new.
func newCgroup(parent, name string, b bounds) (*cgroup, error) {
	g := &cgroup{dir: filepath.Join(parent, name)}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make cgroup: %w", err)
	}
	for _, set := range []struct{ file, value string }{
		{"memory.max", strconv.FormatInt(b.memory, 10)},
		{"cpu.max", fmt.Sprintf("%d %d", b.cpus*cgroupCycle, cgroupCycle)},
		{"pids.max", strconv.Itoa(cgroupPids)},
	} {
		if err := os.WriteFile(filepath.Join(g.dir, set.file), []byte(set.value), 0o644); err != nil {
			return nil, errors.Join(fmt.Errorf("set %s of cgroup: %w", set.file, err), g.remove())
		}
	}
	// Without swap accounting the file is absent, and the bound on memory holds as it is.
	if swap := filepath.Join(g.dir, "memory.swap.max"); exists(swap) {
		if err := os.WriteFile(swap, []byte("0"), 0o644); err != nil {
			return nil, errors.Join(fmt.Errorf("set memory.swap.max of cgroup: %w", err), g.remove())
		}
	}
	return g, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// remove takes the group away. The kernel lets go of it a moment after its last process.
func (g *cgroup) remove() error {
	var err error
	for range 20 {
		if err = os.Remove(g.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("remove cgroup: %w", err)
}

// delegated finds this process's own group in cgroup v2, if it may have children there that hold memory and CPU.
// The kernel allows that only where the group itself has no process, or is the root of the hierarchy.
func delegated(root, self string) (string, bool) {
	text, err := os.ReadFile(self)
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(text)) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		dir := filepath.Join(root, path)
		handed, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		if err != nil {
			return "", false
		}
		have := strings.Fields(string(handed))
		return dir, slices.Contains(have, "memory") && slices.Contains(have, "cpu") && slices.Contains(have, "pids")
	}
	return "", false
}

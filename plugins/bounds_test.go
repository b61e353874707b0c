package plugins

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCgroupIsBounded writes the group's files into a plain folder: what the kernel would get.
func TestCgroupIsBounded(t *testing.T) {
	parent := t.TempDir()
	g, err := newCgroup(parent, "a", bounds{memory: 1 << 20, cpus: 3, cpuTime: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"memory.max": "1048576", "cpu.max": "300000 100000", "pids.max": "256"} {
		if got, err := os.ReadFile(filepath.Join(g.dir, file)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	if _, err := newCgroup(parent, "a", bounds{}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second group of the same name: %v", err)
	}
	if _, err := newCgroup(filepath.Join(parent, "none"), "a", bounds{}); err == nil {
		t.Error("a group below nothing")
	}
}

func TestDelegatedCgroupIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		self, control string
		want          bool
	}{
		"handed down":          {"0::/svc\n", "cpu memory pids\n", true},
		"beside version 1":     {"4:memory:/x\n0::/svc\n", "cpuset cpu memory pids\n", true},
		"no memory":            {"0::/svc\n", "cpu pids\n", false},
		"nothing handed down":  {"0::/svc\n", "\n", false},
		"version 1 only":       {"4:memory:/x\n", "cpu memory pids\n", false},
		"a group not to see":   {"0::/elsewhere\n", "cpu memory pids\n", false},
		"no hierarchy mounted": {"", "cpu memory pids\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			self := filepath.Join(root, "self")
			dir := filepath.Join(root, "svc")
			for path, text := range map[string]string{self: c.self, filepath.Join(dir, "cgroup.subtree_control"): c.control} {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, ok := delegated(root, self); ok != c.want || (ok && got != dir) {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
}

func TestConfiguredCgroupMustWork(t *testing.T) {
	p := newProcess("/bin/true", nil, t.TempDir(), bounds{parent: filepath.Join(t.TempDir(), "none")})
	if err := p.prepare(nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

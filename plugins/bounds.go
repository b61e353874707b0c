package plugins

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bounds is what one process may use. A cgroup holds it to memory and CPUs as a whole; the limits of the process itself
// are set in any case, and are all there is where no cgroup can be made.
type bounds struct {
	memory  int64         // bytes
	cpus    int           // cores at a time
	cpuTime time.Duration // over the process's life
	parent  string        // folder of a delegated cgroup v2, or "": look for one
}

func (b bounds) withDefaults() bounds {
	if b.memory <= 0 {
		b.memory = 2 << 30
	}
	if b.cpus <= 0 {
		b.cpus = min(2, runtime.NumCPU())
	}
	if b.cpuTime <= 0 {
		b.cpuTime = 4 * time.Hour
	}
	return b
}

// roomy is the memory from which on garbage may pile up: what a runtime maps beside its heap is small against it.
const roomy = 1 << 30

// environment tells a Go adapter what it has, so that it does not learn it by being throttled or killed.
func (b bounds) environment() []string {
	env := []string{"GOMAXPROCS=" + strconv.Itoa(b.cpus), "GOMEMLIMIT=" + strconv.FormatInt(b.memory/10*7, 10)}
	if b.memory >= roomy {
		env = append(env, "GOGC=400")
	}
	return env
}

// apply sets the limits of a process that has just started. One that is gone already needs none.
func (b bounds) apply(pid int) error {
	seconds := uint64((b.cpuTime + time.Second - 1) / time.Second)
	for _, l := range []struct {
		name     string
		resource int
		value    unix.Rlimit
	}{
		{"memory", unix.RLIMIT_DATA, unix.Rlimit{Cur: uint64(b.memory), Max: uint64(b.memory)}},
		{"CPU time", unix.RLIMIT_CPU, unix.Rlimit{Cur: seconds, Max: seconds + 1}},
		{"core dumps", unix.RLIMIT_CORE, unix.Rlimit{}},
	} {
		if err := unix.Prlimit(pid, l.resource, &l.value, nil); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("bound %s: %w", l.name, err)
		}
	}
	return nil
}

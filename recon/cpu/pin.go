// Package cpu places workers on processors, and asks for memory in advance.
// In:    a worker's number; an address.
// Out:   its goroutine on a thread of its own, and that thread on one of the processors the process may use; memory in the cache.
// Never: for a goroutine that waits for a network; a thread that stays pinned after its work.
package cpu

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Pin locks the calling goroutine to its thread and the thread to one processor: the n-th of those the process may use,
// counted round. Whoever called it calls free from the same goroutine when the work is done.
func Pin(n int) (free func(), err error) {
	runtime.LockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("read the processors of a thread: %w", err)
	}
	one := nth(&before, n)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("place a thread on a processor: %w", err)
	}
	return func() {
		if unix.SchedSetaffinity(0, &before) == nil {
			runtime.UnlockOSThread()
		} // else the thread ends with its goroutine, and nobody else gets it
	}, nil
}

// nth gives the n-th processor of a set, counted round.
func nth(set *unix.CPUSet, n int) unix.CPUSet {
	n %= max(1, set.Count())
	var one unix.CPUSet
	for i := 0; ; i++ {
		if !set.IsSet(i) {
			continue
		}
		if n == 0 {
			one.Set(i)
			return one
		}
		n--
	}
}

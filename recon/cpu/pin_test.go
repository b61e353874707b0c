package cpu

import (
	"testing"

	"golang.org/x/sys/unix"
)

func affinity(t *testing.T) unix.CPUSet {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestPinnedWorkersStandOnOneProcessorEach(t *testing.T) {
	all := affinity(t)
	for n := range 2*all.Count() + 1 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			free, err := Pin(n)
			if err != nil {
				t.Error(err)
				return
			}
			got, want := affinity(t), nth(&all, n)
			if got != want || got.Count() != 1 {
				t.Errorf("worker %d stands on %v, want %v", n, got, want)
			}
			free()
			if got := affinity(t); got != all {
				t.Errorf("afterwards the thread may use %v of %v", got, all)
			}
		}()
		<-done
	}
}

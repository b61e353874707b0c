package main

import (
	"os"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for want, list := range map[float64][]float64{0: nil, 3: {3}, 2: {3, 1, 2}, 2.5: {4, 1, 3, 2}} {
		if got := median(list); got != want {
			t.Errorf("median of %v is %v", list, got)
		}
	}
}

func TestQueries(t *testing.T) {
	out := "SQL statistics:\n    queries performed:\n        read:    120\n        total:                           1234\n    transactions:  10\n"
	if n, err := queries(out); err != nil || n != 1234 {
		t.Errorf("%v %v", n, err)
	}
	if _, err := queries("FATAL: connect"); err == nil {
		t.Error("a failed run has no queries")
	}
}

func TestCPU(t *testing.T) {
	if s, err := parseCPU("12 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0"); err != nil || s != 3 {
		t.Errorf("%v %v", s, err)
	}
	before, err := cpu(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 150*time.Millisecond; {
		_ = median([]float64{2, 1})
	}
	if after, err := cpu(os.Getpid()); err != nil || after-before < 0.03 {
		t.Errorf("work of 150 ms took %v s of processor time (%v)", after-before, err)
	}
	if m, err := memoryOf(os.Getpid()); err != nil || m.own < 0.5 || m.files < 0.5 || m.peak < 1 || m.peak > 10_000 {
		t.Errorf("memory %+v MiB, %v", m, err)
	}
}

package proxy

import (
	"testing"
	"time"
)

func TestPlacesAreKeptFromTheArrivalOn(t *testing.T) {
	q := newQueue(10, func(int) {})
	first, second, other := q.reserve("P1"), q.reserve("P1"), q.reserve("P2")
	now := time.Now()
	for name, j := range map[string]*job{"second": second, "other": other} {
		if got := q.fill(j, &run{order: name}, now); got != pushed {
			t.Fatalf("%s: %v", name, got)
		}
	}
	if j, _ := q.pop(nil); j != other {
		t.Fatalf("popped %q before the order's first place was settled", j.run.order)
	}
	q.done(other)
	if len(q.ready) != 0 {
		t.Fatal("the second may run while the first is not settled")
	}
	q.fill(first, &run{order: "first"}, now)
	for _, want := range []*job{first, second} {
		if len(q.ready) != 1 {
			t.Fatalf("%d lanes are ready, want one", len(q.ready))
		}
		j, _ := q.pop(nil)
		if j != want {
			t.Fatalf("popped %q", j.run.order)
		}
		q.done(j)
	}
	if len(q.lanes) != 0 || q.length != 0 {
		t.Errorf("left behind: %d lanes, length %d", len(q.lanes), q.length)
	}
}

func TestAPlaceThatIsLeftLetsTheNextRun(t *testing.T) {
	q := newQueue(1, func(int) {})
	first, second, third := q.reserve("P1"), q.reserve("P1"), q.reserve("P1")
	q.fill(second, &run{}, time.Now())
	if got := q.fill(third, &run{}, time.Now()); got != pushFull {
		t.Fatalf("over the limit: %v", got)
	}
	q.leave(third)
	q.leave(first)
	q.leave(second) // it is filled: nothing happens
	if j, _ := q.pop(nil); j != second || !j.behind {
		t.Fatalf("popped %+v", j)
	}
	q.done(second)
	q.close()
	if _, ok := q.pop(nil); ok || len(q.lanes) != 0 {
		t.Errorf("something is left: %v", q.lanes)
	}
}

func TestDropLeavesUnsettledPlacesToTheirOwners(t *testing.T) {
	q := newQueue(10, func(int) {})
	open, waiting := q.reserve("P1"), q.reserve("P1")
	q.fill(waiting, &run{}, time.Now())
	q.close()
	if got := q.drop(); len(got) != 1 || got[0] != waiting {
		t.Fatalf("dropped %v", got)
	}
	if got := q.fill(open, &run{}, time.Now()); got != pushClosed {
		t.Fatalf("filled after the end: %v", got)
	}
	q.leave(open)
	if _, ok := q.pop(nil); ok || len(q.lanes) != 0 {
		t.Errorf("something is left: %v", q.lanes)
	}
}

// A worker's stack is in the processor's cache for a while.
func TestTheWorkerThatWorkedLastIsWokenFirst(t *testing.T) {
	q := newQueue(10, func(int) {})
	popped := make(chan string)
	worker := func(name string) {
		for wake := make(chan struct{}, 1); ; {
			j, ok := q.pop(wake)
			if !ok {
				popped <- name + " ended"
				return
			}
			q.done(j)
			popped <- name
		}
	}
	waiting := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			q.mu.Lock()
			idle := len(q.idle)
			q.mu.Unlock()
			if idle == n {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d workers wait, want %d", idle, n)
			}
		}
	}
	for i, name := range []string{"first", "second"} {
		go worker(name)
		waiting(i + 1)
	}
	for i := range 4 {
		q.fill(q.reserve("P1"), &run{}, time.Now())
		if got := <-popped; got != "second" {
			t.Fatalf("run %d: the %s worker was woken", i, got)
		}
		waiting(2)
	}
	q.close()
	if a, b := <-popped, <-popped; a == b {
		t.Errorf("%s twice", a)
	}
}

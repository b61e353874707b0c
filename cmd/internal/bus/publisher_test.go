package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestSettleKeepsTheOrder(t *testing.T) {
	bad := errors.New("refused")
	for name, c := range map[string]struct {
		results       []error
		settled, lost int
	}{
		"all there":                     {[]error{nil, nil, nil}, 3, 0},
		"none there":                    {[]error{bad, bad}, 0, 0},
		"tail is sent again":            {[]error{nil, bad, bad}, 1, 0},
		"overtaken is given up":         {[]error{bad, nil, bad}, 2, 1},
		"too large is given up at once": {[]error{errTooLarge}, 1, 1},
		"too large after a failure":     {[]error{bad, errTooLarge, nil}, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := publisher("nats://127.0.0.1:1", 1, 0)
			if got := p.settle(c.results); got != c.settled || p.Lost() != uint64(c.lost) {
				t.Errorf("settled %d, lost %d; want %d, %d", got, p.Lost(), c.settled, c.lost)
			}
		})
	}
}

func TestEventsWithoutIdentityAreCounted(t *testing.T) {
	p := publisher("nats://127.0.0.1:1", 10, 0)
	p.Publish(shadow.Event{Kind: shadow.EventTally})
	p.Publish(shadow.Event{ID: "x"})
	if p.Lost() != 2 || p.Pending() != 0 {
		t.Errorf("lost %d, pending %d", p.Lost(), p.Pending())
	}
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	q := newQueue(10, 100, nil)
	for i, want := range []string{"", "", lostBufferFull} {
		if got := q.push(message{data: make([]byte, 40)}); got != want {
			t.Errorf("push %d: %q", i, got)
		}
	}
	if n := len(q.window(10, 50)); n != 1 {
		t.Errorf("window of 50 bytes has %d messages", n)
	}
	if n := len(q.window(10, 10)); n != 1 {
		t.Errorf("a window is never empty: %d", n)
	}
	q.drop(1)
	if got := q.push(message{data: make([]byte, 60)}); got != "" {
		t.Errorf("room was not given back: %q", got)
	}
	if left := q.close(); left != 2 {
		t.Errorf("left %d", left)
	}
}

// A restarted sidecar tells of some things again, under the id they had. What travels with them is new all the same.
func TestPackThatBeginsWithARepeatedEventIsNotTakenForTheFirst(t *testing.T) {
	bus := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(bus.URL()).Run(ctx, got.take) })
	for _, life := range []string{"one", "two"} {
		p := publisher(bus.URL(), 10, time.Second)
		r := run(t, p.Run)
		p.Publish(event("start of " + life))
		waitFor(t, "acknowledgement", func() bool { return p.Pending() == 0 })
		p.Publish(event("repeated"))
		p.Publish(event("of " + life))
		if err := r.end(t); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "what came with the repeated event", func() bool { return slices.Contains(got.ids(), "of "+life) })
	}
}

// Each message of the bus is synced to disk there: events that come one by one wait for each other.
func TestTrickleTravelsInFewPacks(t *testing.T) {
	server := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(server.URL()).Run(ctx, got.take) })
	p := publisher(server.URL(), 1000, time.Second)
	r := run(t, p.Run)
	p.Publish(event("first"))
	waitFor(t, "acknowledgement", func() bool { return p.Pending() == 0 })
	const span = 8 * gather
	began, all := time.Now(), []string{"first"}
	for time.Since(began) < span {
		all = append(all, fmt.Sprint("e", len(all)))
		p.Publish(event(all[len(all)-1]))
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began)
	if err := r.end(t); err != nil {
		t.Fatal(err)
	}
	if ids := got.await(t, len(all)); !slices.Equal(ids, all) {
		t.Errorf("got %d events, want %d in their order", len(ids), len(all))
	}
	if packs, most := stored(t, server), uint64(took/gather)+3; packs > most { // the first, one under way at the start and one at the end
		t.Errorf("%d events travelled in %d packs, want at most %d", len(all), packs, most)
	}
}

// stored is how many messages the bus ever took.
func stored(t *testing.T, s *Server) uint64 {
	t.Helper()
	nc, err := Login{s.URL(), "comparer", comparerPassword}.dial(quiet(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	waitFor(t, "connection", nc.IsConnected)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), streamName)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.LastSeq
}

// Events lie in one piece of memory; one that finds no room in it, or is not plain, lies elsewhere.
func TestEventsInOneRoomDoNotOverlap(t *testing.T) {
	r := &room{}
	var got []message
	var want []shadow.Event
	for i := range 3 * roomBytes / lineSize {
		e := event(fmt.Sprint("e", i))
		switch {
		case i%7 == 0:
			e.Evidence.Order = strings.Repeat("o", i%(3*lineSize))
		case i%5 == 0:
			e.Evidence.Order = "\n" // for encoding/json
		}
		m, err := r.encode(e, roomBytes)
		if err != nil {
			t.Fatal(err)
		}
		got, want = append(got, m), append(want, e)
	}
	for i, m := range got {
		alone, err := json.Marshal(want[i])
		if err != nil {
			t.Fatal(err)
		}
		if m.id != want[i].ID || !bytes.Equal(m.data, alone) {
			t.Fatalf("event %d is %q, want %s", i, m.data, alone)
		}
	}
}

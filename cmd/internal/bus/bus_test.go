package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestEventsArriveInOrderAndOnce(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	p, c, got := publisher(s.URL(), 10_000, time.Second), consumer(s.URL()), &inbox{}
	want := names(0, 1000)
	for _, id := range want[:500] { // before anything is connected
		p.Publish(event(id))
	}
	r := run(t, func(ctx context.Context) error { return c.Run(ctx, got.take) })
	pr := run(t, p.Run)
	for _, id := range want[500:] {
		p.Publish(event(id))
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ids := got.await(t, len(want)); !slices.Equal(ids, want) {
		t.Errorf("%d events, first %v", len(ids), ids[:5])
	}
	if p.Ready() != nil || c.Ready() != nil || s.Healthy() != nil || p.Lost() != 0 || p.Pending() != 0 {
		t.Errorf("ready %v %v %v, lost %d, pending %d", p.Ready(), c.Ready(), s.Healthy(), p.Lost(), p.Pending())
	}
	if err := errors.Join(pr.end(t), r.end(t)); err != nil {
		t.Error(err)
	}
	if sum(p.metrics.published) != 1000 || sum(c.metrics.received) != 1000 {
		t.Errorf("published %v, received %v", sum(p.metrics.published), sum(c.metrics.received))
	}
}

func TestRestartOfTheBusLosesNothing(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, "127.0.0.1:0")
	listen := address(t, s)
	p, c, got := publisher(s.URL(), 10_000, time.Second), consumer(s.URL()), &inbox{}
	r, pr := run(t, func(ctx context.Context) error { return c.Run(ctx, got.take) }), run(t, p.Run)
	want := names(0, 3000)
	publishAll := run(t, func(context.Context) error {
		for i, id := range want {
			p.Publish(event(id))
			if i%10 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		return nil
	})
	for _, after := range []int{200, 900} {
		got.await(t, after)
		s.Close()
		time.Sleep(50 * time.Millisecond)
		s = start(t, dir, listen)
	}
	waitFor(t, "every event", func() bool { return got.distinct() == len(want) })
	if err := <-publishAll.done; err != nil {
		t.Fatal(err)
	}
	ids := got.ids()
	checkOrder(t, ids, want)
	t.Logf("%d deliveries of %d events, %v attempts without any acknowledgement", len(ids), len(want), sum(p.metrics.retries))
	if p.Lost() != 0 {
		t.Errorf("lost %d", p.Lost())
	}
	if err := errors.Join(pr.end(t), r.end(t)); err != nil {
		t.Error(err)
	}
}

// checkOrder wants every event, and its first delivery after those of all before it.
func checkOrder(t *testing.T, ids, want []string) {
	t.Helper()
	seen := map[string]bool{}
	var firsts []string
	for _, id := range ids {
		if !seen[id] {
			firsts = append(firsts, id)
		}
		seen[id] = true
	}
	if !slices.Equal(firsts, want) {
		t.Errorf("%d different events of %d, sorted %v", len(firsts), len(want), slices.IsSorted(firsts))
	}
}

func TestHandlerErrorsRepeatTheBatchInOrder(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	p, c, got := publisher(s.URL(), 100, time.Second), consumer(s.URL()), &inbox{refuse: 2}
	run(t, func(ctx context.Context) error { return c.Run(ctx, got.take) })
	run(t, p.Run)
	want := names(0, 50)
	for _, id := range want {
		p.Publish(event(id))
	}
	if ids := got.await(t, 50); !slices.Equal(ids, want) {
		t.Errorf("got %v", ids)
	}
	if sum(c.metrics.failures) != 2 {
		t.Errorf("failures %v", sum(c.metrics.failures))
	}
}

func TestWhatWasNotTakenComesAgainToTheNextConsumer(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	first, got := &inbox{refuse: 1 << 30}, &inbox{}
	p := publisher(s.URL(), 100, time.Second)
	run(t, p.Run)
	died := run(t, func(ctx context.Context) error { return consumer(s.URL()).Run(ctx, first.take) })
	want := names(0, 60)
	for _, id := range want[:40] {
		p.Publish(event(id))
	}
	waitFor(t, "refused call", func() bool { first.mu.Lock(); defer first.mu.Unlock(); return first.calls > 0 })
	if err := died.end(t); err != nil {
		t.Fatal(err)
	}
	for _, id := range want[40:] {
		p.Publish(event(id))
	}
	run(t, func(ctx context.Context) error { return consumer(s.URL()).Run(ctx, got.take) })
	if ids := got.await(t, 60); !slices.Equal(ids, want) {
		t.Errorf("got %v", ids)
	}
}

func TestFullBufferIsCountedAndNeverBlocks(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir, "127.0.0.1:0")
	listen, url := address(t, s), s.URL()
	s.Close()
	p, c, got := publisher(url, 3, 10*time.Second), consumer(url), &inbox{}
	pr := run(t, p.Run)
	for _, id := range names(0, 5) {
		p.Publish(event(id))
	}
	if p.Lost() != 2 || p.Pending() != 3 || p.Ready() == nil || sum(p.metrics.lost.WithLabelValues(lostBufferFull)) != 2 {
		t.Errorf("lost %d, pending %d, ready %v", p.Lost(), p.Pending(), p.Ready())
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Drain(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("drain without a bus: %v", err)
	}
	start(t, dir, listen)
	run(t, func(ctx context.Context) error { return c.Run(ctx, got.take) })
	if err := pr.end(t); err != nil { // the drain time goes on after the end
		t.Error(err)
	}
	if ids := got.await(t, 3); !slices.Equal(ids, names(0, 3)) {
		t.Errorf("got %v", ids)
	}
	if p.Publish(event("late")); p.Lost() != 3 {
		t.Errorf("an event after the end: lost %d", p.Lost())
	}
}

func TestShutdownWithoutABusCountsWhatIsLeft(t *testing.T) {
	p := publisher("nats://127.0.0.1:1", 10, 50*time.Millisecond)
	r := run(t, p.Run)
	p.Publish(event("a"))
	p.Publish(event("b"))
	if err := r.end(t); err == nil || !strings.Contains(err.Error(), "2 events were not delivered") {
		t.Errorf("got %v", err)
	}
	if p.Lost() != 2 || sum(p.metrics.lost.WithLabelValues(lostShutdown)) != 2 || p.Pending() != 0 {
		t.Errorf("lost %d, pending %d", p.Lost(), p.Pending())
	}
}

func TestSidecarRoleCanOnlyAddEvidence(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(s.URL()).Run(ctx, got.take) })
	p := publisher(s.URL(), 10, time.Second)
	run(t, p.Run)
	p.Publish(event("first"))
	got.await(t, 1)
	refused := make(chan error, 16)
	nc, err := nats.Connect(s.URL(), nats.UserInfo("sidecar", sidecarPassword), nats.CustomInboxPrefix(sidecarInbox),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	attempts := map[string]func() error{
		"other subject":   func() error { return nc.Publish("orders.paid", []byte("{}")) },
		"purge stream":    func() error { return nc.Publish("$JS.API.STREAM.PURGE."+streamName, nil) },
		"delete stream":   func() error { return nc.Publish("$JS.API.STREAM.DELETE."+streamName, nil) },
		"read evidence":   func() error { _, err := nc.SubscribeSync(subjects); return err },
		"read everything": func() error { _, err := nc.SubscribeSync(">"); return err },
		"other inboxes":   func() error { _, err := nc.SubscribeSync("_INBOX.>"); return err },
	}
	for name, attempt := range attempts {
		if err := errors.Join(attempt(), nc.Flush()); err != nil {
			t.Fatal(name, err)
		}
		select {
		case err := <-refused:
			if !errors.Is(err, nats.ErrPermissionViolation) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s was not refused", name)
		}
	}
	p.Publish(event("second"))
	if ids := got.await(t, 2); !slices.Equal(ids, []string{"first", "second"}) {
		t.Errorf("got %v", ids)
	}
}

func TestLoginsAreChecked(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	for name, option := range map[string]nats.Option{"nobody": nats.Name("x"), "wrong password": nats.UserInfo("sidecar", comparerPassword)} {
		if nc, err := nats.Connect(s.URL(), option); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: %v, %v", name, nc, err)
		}
	}
	for name, users := range map[string][]User{"no users": nil, "no password": {{"a", "", RoleSidecar}}, "unknown role": {{"a", "b", "root"}}} {
		if _, err := Embedded(t.Context(), EmbeddedConfig{Listen: "127.0.0.1:0", StoreDir: t.TempDir(), Users: users, Logger: quiet()}); err == nil {
			t.Errorf("%s: started", name)
		}
	}
}

func TestTakenPortIsAnError(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if other, err := Embedded(ctx, EmbeddedConfig{Listen: address(t, s), StoreDir: t.TempDir(), Users: []User{{"a", "b", RoleSidecar}}, Logger: quiet()}); err == nil {
		other.Close()
		t.Error("two servers on one port")
	}
}

func TestPoisonIsSetAsideAndTheRestGoesOn(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	c, got := consumer(s.URL()), &inbox{}
	r := run(t, func(ctx context.Context) error { return c.Run(ctx, got.take) })
	p := publisher(s.URL(), 10, time.Second)
	run(t, p.Run)
	p.Publish(event("a"))
	got.await(t, 1)
	nc, err := nats.Connect(s.URL(), nats.UserInfo("sidecar", sidecarPassword))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, garbage := range []string{"", "{", `{"id":7}`, `{"id":"x"}`, `null`} {
		if err := nc.Publish(subject, []byte(garbage)); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	p.Publish(event("b"))
	if ids := got.await(t, 2); !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("got %v", ids)
	}
	if sum(c.metrics.poison) != 5 {
		t.Errorf("poison %v", sum(c.metrics.poison))
	}
	if err := r.end(t); err != nil {
		t.Fatal(err)
	}
	again := consumer(s.URL())
	run(t, func(ctx context.Context) error { return again.Run(ctx, got.take) })
	p.Publish(event("c"))
	if got.await(t, 3); sum(again.metrics.poison) != 0 {
		t.Errorf("poison came again: %v", sum(again.metrics.poison))
	}
}

func TestLargeEventsTravelWithoutBodies(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	got, p := &inbox{}, publisher(s.URL(), 10, time.Second)
	run(t, func(ctx context.Context) error { return consumer(s.URL()).Run(ctx, got.take) })
	run(t, p.Run)
	body := shadow.Body{Bytes: bytes.Repeat([]byte("x"), 7<<20), Size: 7 << 20}
	big := event("big")
	big.Evidence.Primary = &shadow.Exchange{Response: body, Status: 200}
	big.Evidence.Calls = []shadow.Call{{Exchange: shadow.Exchange{Request: body}}}
	rows := shadow.Event{ID: "rows", Kind: shadow.EventWriteSet, WriteSet: &shadow.WriteSet{Order: "P1", Statements: []shadow.Statement{{Table: "t", Text: strings.Repeat("?", 9<<20)}}}}
	hopeless := event("hopeless")
	hopeless.Evidence.Order = strings.Repeat("o", 9<<20)
	for _, e := range []shadow.Event{big, rows, hopeless, event("small")} {
		p.Publish(e)
	}
	if ids := got.await(t, 3); !slices.Equal(ids, []string{"big", "rows", "small"}) {
		t.Fatalf("got %v", ids)
	}
	first, second := got.events[0].Evidence, got.events[1].WriteSet
	if r := first.Primary.Response; len(r.Bytes) != 0 || !r.Truncated || r.Size != 7<<20 || first.Primary.Status != 200 || !first.Calls[0].Exchange.Request.Truncated {
		t.Errorf("exchange %+v", first.Primary)
	}
	if second.Order != "P1" || second.Cause != shadow.CauseTruncated || second.Statements[0].Table != "t" || second.Statements[0].Text != "" {
		t.Errorf("write set %+v", second)
	}
	if p.Lost() != 1 || sum(p.metrics.lost.WithLabelValues(lostTooLarge)) != 1 {
		t.Errorf("lost %d", p.Lost())
	}
}

func TestCatchUpWaitsForWhatTheBusHolds(t *testing.T) {
	s := start(t, t.TempDir(), "127.0.0.1:0")
	c := NewConsumer(ConsumerConfig{Login: Login{s.URL(), "comparer", comparerPassword}, Durable: "d", Batch: 16, Logger: quiet(), Registerer: prometheus.NewRegistry()})
	if err := c.CatchUp(t.Context()); !errors.Is(err, errNotConnected) {
		t.Errorf("before Run: %v", err)
	}
	var handled atomic.Int64
	gate := make(chan struct{})
	consuming := run(t, func(ctx context.Context) error {
		return c.Run(ctx, func(_ context.Context, batch []shadow.Event) error {
			<-gate
			handled.Add(int64(len(batch)))
			return nil
		})
	})
	p := NewPublisher(PublisherConfig{Login: Login{s.URL(), "sidecar", sidecarPassword}, Buffer: 1000, Drain: time.Second, Logger: quiet(), Registerer: prometheus.NewRegistry()})
	publishing := run(t, p.Run)
	for i := range 200 {
		p.Publish(shadow.Event{ID: fmt.Sprint(i), Kind: shadow.EventTally, Instance: "a"})
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.CatchUp(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a handler that does not come on: %v", err)
	}
	close(gate)
	if err := c.CatchUp(t.Context()); err != nil || handled.Load() != 200 {
		t.Errorf("caught up with %d of 200: %v", handled.Load(), err)
	}
	if err := errors.Join(publishing.end(t), consuming.end(t)); err != nil {
		t.Error(err)
	}
}

// A sidecar that tells events before the comparer made the stream loses none of them, and keeps their order.
func TestEventsBeforeTheStreamWait(t *testing.T) {
	for round := range 5 {
		s := start(t, t.TempDir(), "127.0.0.1:0")
		p := NewPublisher(PublisherConfig{Login: Login{s.URL(), "sidecar", sidecarPassword}, Buffer: 1000, Drain: time.Second, Logger: quiet(), Registerer: prometheus.NewRegistry()})
		publishing := run(t, p.Run)
		for i := range 300 {
			p.Publish(shadow.Event{ID: fmt.Sprint(i), Kind: shadow.EventTally, Instance: "a"})
		}
		time.Sleep(time.Duration(round) * 15 * time.Millisecond)
		var next atomic.Int64
		c := NewConsumer(ConsumerConfig{Login: Login{s.URL(), "comparer", comparerPassword}, Durable: "d", Logger: quiet(), Registerer: prometheus.NewRegistry()})
		consuming := run(t, func(ctx context.Context) error {
			return c.Run(ctx, func(_ context.Context, batch []shadow.Event) error {
				for _, e := range batch {
					if e.ID != fmt.Sprint(next.Load()) {
						t.Errorf("event %s where %d is due", e.ID, next.Load())
					}
					next.Add(1)
				}
				return nil
			})
		})
		if err := p.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.CatchUp(t.Context()); err != nil || next.Load() != 300 || p.Lost() != 0 {
			t.Errorf("round %d: %d of 300 events arrived, %d lost, %v", round, next.Load(), p.Lost(), err)
		}
		if err := errors.Join(publishing.end(t), consuming.end(t)); err != nil {
			t.Error(err)
		}
	}
}

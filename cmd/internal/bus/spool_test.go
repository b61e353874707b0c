package bus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// spoolingDir and spoolingURL make the test binary a sidecar's publisher that goes on until it is killed.
const (
	spoolingDir = "TOUCHSTONE_TEST_SPOOL"
	spoolingURL = "TOUCHSTONE_TEST_BUS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(spoolingDir); dir != "" {
		publishForever(dir, os.Getenv(spoolingURL))
	}
	if dir := os.Getenv(tellingDir); dir != "" {
		tellForever(dir, os.Getenv(spoolingURL), os.Getenv(tellingFrom))
	}
	os.Exit(m.Run())
}

func publishForever(dir, url string) {
	s, err := OpenSpool(SpoolConfig{Dir: dir, MaxBytes: 8 << 20, Logger: quiet(), Registerer: prometheus.NewRegistry()})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	p := NewPublisher(PublisherConfig{Login: Login{url, "sidecar", sidecarPassword}, Buffer: 1000, Spool: s, Instance: "i", Logger: quiet(), Registerer: prometheus.NewRegistry()})
	go func() { _ = p.Run(context.Background()) }()
	for i := 0; ; i++ {
		p.Publish(event(fmt.Sprintf("e%05d", i)))
		time.Sleep(100 * time.Microsecond)
		if i%100 == 99 {
			fmt.Println(s.Events())
		}
	}
}

func spooling(t *testing.T, dir, url string, max int64) (*Publisher, *Spool) {
	t.Helper()
	s, err := OpenSpool(SpoolConfig{Dir: dir, MaxBytes: max, Logger: quiet(), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return NewPublisher(PublisherConfig{Login: Login{url, "sidecar", sidecarPassword}, Buffer: 1000, Drain: 200 * time.Millisecond, Spool: s, Instance: "i", Logger: quiet(), Registerer: prometheus.NewRegistry()}), s
}

func TestSpoolOutlivesTheSidecar(t *testing.T) {
	dir := t.TempDir()
	const away = "nats://127.0.0.1:1"
	killed := exec.CommandContext(t.Context(), os.Args[0])
	killed.Env = append(os.Environ(), spoolingDir+"="+dir, spoolingURL+"="+away)
	out, err := killed.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	spooled := 0
	for lines := bufio.NewScanner(out); spooled < 2000 && lines.Scan(); {
		if _, err := fmt.Sscan(lines.Text(), &spooled); err != nil {
			t.Fatal(lines.Text())
		}
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()

	// A second run without a bus puts its own behind them and ends without a loss.
	p, s := spooling(t, dir, away, 8<<20)
	left := s.Events()
	if left < spooled {
		t.Fatalf("%d events of %d are left", left, spooled)
	}
	r := run(t, p.Run)
	p.Publish(event("second"))
	if err := r.end(t); err != nil || p.Lost() != 0 || s.Events() != left+1 {
		t.Fatalf("end without a bus: %v, lost %d, %d events", err, p.Lost(), s.Events())
	}
	s.Close()

	bus := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(bus.URL()).Run(ctx, got.take) })
	p, _ = spooling(t, dir, bus.URL(), 8<<20)
	run(t, p.Run)
	p.Publish(event("third"))
	ids := got.await(t, left+2)
	if want := append(names(0, left), "second", "third"); !slices.Equal(ids, want) {
		t.Errorf("%d events came, in other order than they were told", len(ids))
	}
	waitFor(t, "empty spool", func() bool { return p.Pending() == 0 })
	if files, _ := filepath.Glob(filepath.Join(dir, "*.journal")); len(files) > 1 {
		t.Errorf("segments are left behind: %v", files)
	}
}

func TestReplayThatTheBusHasAlreadyIsStoredOnce(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	p, s := spooling(t, dir, "nats://127.0.0.1:1", 1<<20)
	r := run(t, p.Run)
	for _, id := range names(0, 50) {
		p.Publish(event(id))
	}
	waitFor(t, "spool", func() bool { return s.Events() == 50 })
	if err := errors.Join(r.end(t), s.Close(), os.CopyFS(copied, os.DirFS(dir))); err != nil {
		t.Fatal(err)
	}
	bus := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(bus.URL()).Run(ctx, got.take) })
	for _, folder := range []string{dir, copied} { // the second as after a kill between the bus's answer and the disk's
		p, s := spooling(t, folder, bus.URL(), 1<<20)
		r := run(t, p.Run)
		waitFor(t, "empty spool", func() bool { return s.Events() == 0 })
		if err := r.end(t); err != nil {
			t.Fatal(err)
		}
	}
	last := publisher(bus.URL(), 10, time.Second)
	run(t, last.Run)
	last.Publish(event("last"))
	if ids := got.await(t, 51); !slices.Equal(ids, append(names(0, 50), "last")) {
		t.Errorf("got %d events", len(ids))
	}
}

func TestFullSpoolIsCountedAndNoted(t *testing.T) {
	dir := t.TempDir()
	p, s := spooling(t, dir, "nats://127.0.0.1:1", 1<<20)
	r := run(t, p.Run)
	long := event("x")
	long.Evidence.Order = strings.Repeat("o", 10_000)
	for i := range 200 {
		long.ID = fmt.Sprint(i)
		p.Publish(long)
		time.Sleep(time.Millisecond)
	}
	waitFor(t, "loss", func() bool { return p.Lost() > 50 })
	if err := r.end(t); err != nil { // all that was left is counted already
		t.Error(err)
	}
	if lost, kept := int(p.Lost()), s.Events(); lost+kept != 201 || sum(p.metrics.lost.WithLabelValues(lostSpool)) != float64(lost) {
		t.Errorf("lost %d, kept %d", lost, kept)
	}
	s.Close()
	bus := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(bus.URL()).Run(ctx, got.take) })
	p, s = spooling(t, dir, bus.URL(), 1<<20)
	run(t, p.Run)
	waitFor(t, "note", func() bool { return slices.Contains(got.ids(), "i:lost") })
	for _, e := range got.events {
		if e.ID == "i:lost" && (e.Kind != shadow.EventTaint || e.Taint.Order != "" || e.Taint.Cause != shadow.CauseLost) {
			t.Errorf("the note says %+v", e)
		}
	}
	waitFor(t, "empty spool", func() bool { return s.Events() == 0 })
}

// stallingRelay stands before the bus and can hold everything without closing anything.
type stallingRelay struct {
	net.Listener
	mu      sync.Mutex
	held    bool
	answers bool // only what comes back is held
}

func stalling(t *testing.T, to string) *stallingRelay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	s := &stallingRelay{Listener: ln}
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			go s.relay(out, in, false)
			go s.relay(in, out, true)
		}
	}()
	return s
}

func (s *stallingRelay) relay(to io.WriteCloser, from io.ReadCloser, back bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		for s.holds(back) {
			time.Sleep(5 * time.Millisecond)
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (s *stallingRelay) holds(back bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held && (back || !s.answers)
}

func (s *stallingRelay) hold(held bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
}

func TestHangingBusLosesNothing(t *testing.T) {
	bus := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(bus.URL()).Run(ctx, got.take) })
	relay := stalling(t, address(t, bus))
	p, s := spooling(t, t.TempDir(), "nats://"+relay.Addr().String(), 8<<20)
	run(t, p.Run)
	p.Publish(event("e00000"))
	got.await(t, 1)
	relay.hold(true)
	for i := 1; i < 4000; i++ { // four times what fits into memory
		p.Publish(event(fmt.Sprintf("e%05d", i)))
		time.Sleep(200 * time.Microsecond)
	}
	if p.Lost() != 0 || s.Events() < 2000 {
		t.Errorf("lost %d, spooled %d", p.Lost(), s.Events())
	}
	relay.hold(false)
	if ids := got.await(t, 4000); !slices.Equal(ids, names(0, 4000)) {
		t.Errorf("got %d events, %d distinct", len(ids), got.distinct())
	}
}

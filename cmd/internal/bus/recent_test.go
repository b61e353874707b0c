package bus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// tellingDir and tellingFrom make the test binary a sidecar that says of which events Publish has returned, until it is
// killed. It begins when the first of them was acknowledged and a line comes in.
const (
	tellingDir  = "TOUCHSTONE_TEST_TELL"
	tellingFrom = "TOUCHSTONE_TEST_FROM"
)

func tellForever(dir, url, from string) {
	s, err := OpenSpool(SpoolConfig{Dir: dir, MaxBytes: 8 << 20, Logger: quiet(), Registerer: prometheus.NewRegistry()})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	p := NewPublisher(PublisherConfig{Login: Login{url, "sidecar", sidecarPassword}, Buffer: 100_000, Spool: s, Instance: from, Logger: quiet(), Registerer: prometheus.NewRegistry()})
	go func() { _ = p.Run(context.Background()) }()
	for i := 0; ; i++ {
		id := fmt.Sprintf("%s-%05d", from, i)
		p.Publish(event(id))
		if _, err := fmt.Println(id); err != nil {
			os.Exit(1)
		}
		if i == 0 {
			_ = p.Drain(context.Background())
			fmt.Println("ready")
			_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// teller is a process that tells.
type teller struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.Writer
	lines *bufio.Scanner
	told  []string
}

func telling(t *testing.T, dir, url, from string) *teller {
	t.Helper()
	c := &teller{t: t, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), tellingDir+"="+dir, spoolingURL+"="+url, tellingFrom+"="+from)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	c.lines = bufio.NewScanner(out)
	c.read("ready")
	return c
}

// read takes what it tells, up to a line; "" = to its end.
func (c *teller) read(until string) {
	for c.lines.Scan() {
		switch text := c.lines.Text(); {
		case text == until:
			return
		case strings.HasPrefix(text, "error"):
			c.t.Fatal(text)
		default:
			c.told = append(c.told, text)
		}
	}
}

// kill ends it and gives all that it said it had told.
func (c *teller) kill() []string {
	if err := c.cmd.Process.Kill(); err != nil {
		c.t.Fatal(err)
	}
	c.read("")
	_ = c.cmd.Wait() // it was killed
	return c.told
}

func TestKillBetweenPublishAndAcknowledgementLosesNothing(t *testing.T) {
	bus := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(bus.URL()).Run(ctx, got.take) })
	relay := stalling(t, address(t, bus))
	relay.answers = true
	dir := t.TempDir()
	c := telling(t, dir, "nats://"+relay.Addr().String(), "a")
	relay.hold(true)
	fmt.Fprintln(c.in)
	waitFor(t, "a pack without an answer", func() bool { return len(got.ids()) > 1 })
	time.Sleep(20 * time.Millisecond)
	told := c.kill()
	before := len(got.ids())
	if len(told) <= before {
		t.Fatalf("%d told, %d of them with the bus: nothing was in memory", len(told), before)
	}
	p, s := spooling(t, dir, bus.URL(), 8<<20)
	if s.damaged || s.lost != 0 || s.Events() < len(told)-1 {
		t.Fatalf("damaged %t, lost %d, %d events taken over of %d", s.damaged, s.lost, s.Events(), len(told))
	}
	run(t, p.Run)
	waitFor(t, "empty spool", func() bool { return p.Pending() == 0 })
	p.Publish(event("last"))
	waitFor(t, "the last", func() bool { return slices.Contains(got.ids(), "last") })
	heardOnce(t, got, append(told, "last"))
}

// heardOnce holds what came to what was told: all of it, in order, and each of it once. The one that was being told when
// the process ended may be there as well.
func heardOnce(t *testing.T, got *inbox, told []string) {
	t.Helper()
	ids, ledger := got.ids(), comparer.NewLedger()
	for i, e := range got.events {
		if !ledger.Apply(e) {
			t.Errorf("%s came again as number %d", e.ID, i)
		}
	}
	at := 0
	for _, id := range told {
		next := slices.Index(ids[at:], id)
		if next < 0 {
			t.Fatalf("%s was told, and is not heard behind those before it; %d told, %d heard", id, len(told), len(ids))
		}
		at += next + 1
	}
	if n := ledger.Counts().Sampled; n < len(told) || n > len(told)+8 {
		t.Errorf("the ledger counts %d samples, %d were told", n, len(told))
	}
}

func TestKillsAtAnyMomentLoseNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	bus := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(bus.URL()).Run(ctx, got.take) })
	dir := t.TempDir()
	var told []string
	for life := range 6 {
		c := telling(t, dir, bus.URL(), fmt.Sprint("life", life))
		fmt.Fprintln(c.in)
		time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
		told = append(told, c.kill()...)
	}
	p, s := spooling(t, dir, bus.URL(), 8<<20)
	if s.damaged || s.lost != 0 {
		t.Fatalf("damaged %t, lost %d", s.damaged, s.lost)
	}
	r := run(t, p.Run)
	waitFor(t, "empty spool", func() bool { return p.Pending() == 0 })
	p.Publish(event("last"))
	waitFor(t, "the last", func() bool { return slices.Contains(got.ids(), "last") })
	if err := r.end(t); err != nil {
		t.Error(err)
	}
	heardOnce(t, got, append(told, "last"))
}

func opened(t *testing.T, dir string) (*recent, leftover) {
	t.Helper()
	r, there, err := openRecent(dir, quiet(), newUnkept(prometheus.NewRegistry()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.close() })
	return r, there
}

func (l leftover) text() (lines []string) {
	for _, p := range l.packs {
		for line := range bytes.Lines(p.data) {
			lines = append(lines, strings.TrimSuffix(string(line), "\n"))
		}
	}
	return lines
}

// Messages of all sizes come and go; whenever the process ends, the next one finds exactly those that are not done. What
// found no room is never forgotten in silence.
func TestRecentHoldsWhatIsNotDone(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	r, _ := opened(t, dir)
	var queue []message
	number, unkept, highest := 0, 0, 0
	for range 40 {
		for range random.IntN(400) {
			size := random.IntN(2000)
			if random.IntN(100) == 0 {
				size = random.IntN(3 * slabBytes)
			}
			m := message{id: fmt.Sprint("m", number), data: []byte(fmt.Sprint(number, strings.Repeat("x", size)))}
			number++
			m.place = r.append(m)
			if m.place.number == 0 {
				unkept++
			}
			queue = append(queue, m)
			highest = max(highest, m.place.slab)
		}
		n := len(queue)
		if random.IntN(2) == 0 {
			n = random.IntN(n + 1)
		}
		for _, m := range queue[:n] {
			if m.place.number == 0 {
				unkept--
			}
		}
		r.done(queue[:n])
		queue = queue[n:]
		_, there := opened(t, dir) // as after a kill: nobody closed it
		var want []string
		for _, m := range queue {
			if m.place.number > 0 && len(m.data) <= unknownPayload-headroom {
				want = append(want, string(m.data))
			}
		}
		if got := there.text(); !slices.Equal(got, want) || there.missing != (unkept > 0) {
			t.Fatalf("%d messages of %d, missing %t, %d found no room", len(got), len(want), there.missing, unkept)
		}
	}
	if highest < 2 {
		t.Errorf("only %d slabs were used", highest+1)
	}
}

func TestFullRecentSaysThatSomethingIsMissing(t *testing.T) {
	dir := t.TempDir()
	r, _ := opened(t, dir)
	var all []message
	for {
		m := message{id: fmt.Sprint(len(all)), data: make([]byte, slabBytes/2)}
		m.place = r.append(m)
		if all = append(all, m); m.place.number == 0 {
			break
		}
	}
	if !r.tight() || len(all) != slabCount+1 {
		t.Fatalf("tight %t after %d halves of %d slabs", r.tight(), len(all), slabCount)
	}
	if _, there := opened(t, dir); !there.missing || len(there.packs) != slabCount {
		t.Fatalf("missing %t, %d packs", there.missing, len(there.packs))
	}
	r.done(all)
	if _, there := opened(t, dir); there.missing || len(there.packs) != 0 || r.tight() {
		t.Errorf("when all is done: missing %t, %d packs", there.missing, len(there.packs))
	}
}

func TestDamagedRecordIsTornAtTheEndAndMissingBefore(t *testing.T) {
	for name, c := range map[string]struct {
		record, left int
		missing      bool
	}{"the last was being written": {4, 4, false}, "one in the middle": {2, 2, true}, "the first": {0, 0, true}} {
		for at := range recordHeader + len("id") + len("event0") {
			if at >= 8 && at < 12 {
				continue // the size of the pack
			}
			dir := t.TempDir()
			r, _ := opened(t, dir)
			var places []place
			for i := range 5 {
				places = append(places, r.append(message{id: "id", data: []byte(fmt.Sprint("event", i))}))
			}
			if !c.missing {
				binary.LittleEndian.PutUint64(r.mem[atLast:], 4)
			}
			r.slabBytes()[places[c.record].at+at] ^= 0x41
			_, there := opened(t, dir)
			if n := len(there.text()); n != c.left || there.missing != c.missing {
				t.Fatalf("%s, byte %d: %d left, missing %t", name, at, n, there.missing)
			}
		}
	}
}

// After a crash of the machine nobody knows what the disk took; after an end in order all of it is there.
func TestCrashOfTheMachineIsTold(t *testing.T) {
	for name, c := range map[string]struct{ closed, crashed bool }{"ended in order": {true, false}, "was running": {false, true}} {
		dir := t.TempDir()
		r, _ := opened(t, dir)
		copy(r.mem[atBoot:], "another time")
		if c.closed {
			if err := r.close(); err != nil {
				t.Fatal(err)
			}
		}
		p, s := spooling(t, dir, "nats://127.0.0.1:1", 1<<20)
		if s.damaged != c.crashed {
			t.Errorf("%s: damaged %t", name, s.damaged)
		}
		if err := run(t, p.Run).end(t); err != nil || (p.Lost() > 0) != c.crashed {
			t.Errorf("%s: %v, lost %d", name, err, p.Lost())
		}
	}
}

// A file that is cut short under the process, as by a disk that fails, takes nothing with it but what it is for.
func TestRecentThatIsTakenAwayStopsNobody(t *testing.T) {
	dir := t.TempDir()
	bus := start(t, t.TempDir(), "127.0.0.1:0")
	got := &inbox{}
	run(t, func(ctx context.Context) error { return consumer(bus.URL()).Run(ctx, got.take) })
	p, s := spooling(t, dir, bus.URL(), 1<<20)
	run(t, p.Run)
	p.Publish(event("e00000"))
	got.await(t, 1)
	if err := os.Truncate(filepath.Join(dir, recentName), 0); err != nil {
		t.Fatal(err)
	}
	for _, id := range names(1, 100) {
		p.Publish(event(id))
	}
	if ids := got.await(t, 100); !slices.Equal(ids, names(0, 100)) || p.Lost() != 0 {
		t.Errorf("got %d events, lost %d", len(ids), p.Lost())
	}
	if n := sum(s.recent.missed); n == 0 {
		t.Error("nobody counted that events were in memory only")
	}
}

func TestLeftoverThatFindsNoRoomIsCounted(t *testing.T) {
	dir := t.TempDir()
	r, _ := opened(t, dir)
	for i := range 100 {
		e := event(fmt.Sprint(i))
		e.Evidence.Order = strings.Repeat("o", 30_000)
		m, err := encode(e)
		if err != nil {
			t.Fatal(err)
		}
		r.append(m)
	}
	p, s := spooling(t, dir, "nats://127.0.0.1:1", 1<<20)
	if s.lost == 0 || s.lost+s.Events() != 100 {
		t.Fatalf("lost %d, kept %d", s.lost, s.Events())
	}
	if err := run(t, p.Run).end(t); err != nil || int(p.Lost()) != s.lost {
		t.Errorf("%v, told of %d, lost %d", err, p.Lost(), s.lost)
	}
	s.Close()
	if again, there := opened(t, dir); len(there.packs) != 0 || again.number == 0 {
		t.Error("they would come again")
	}
}

func TestForeignFileIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, recentName)
	if err := os.WriteFile(name, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenSpool(SpoolConfig{Dir: dir, MaxBytes: 1 << 20, Logger: quiet(), Registerer: prometheus.NewRegistry()})
	if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "try:") {
		t.Errorf("opened with %v", err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "somebody's" {
		t.Errorf("it holds %q, %v", text, err)
	}
}

func FuzzReadKept(f *testing.F) {
	whole := make([]byte, recordHeader+6)
	(&recent{}).write(whole, message{id: "id", data: []byte("data")})
	f.Add(whole)
	f.Add(make([]byte, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, size, ok := readKept(b)
		if ok && (size > len(b) || len(k.message.id)+len(k.message.data) != int(binary.LittleEndian.Uint32(b))) {
			t.Fatalf("%d of %d bytes: %+v", size, len(b), k)
		}
	})
}

// What the data path pays for an event that outlives the process: compare the two.
func BenchmarkPublish(b *testing.B) {
	for name, keep := range map[string]bool{"memory": false, "kept": true} {
		b.Run(name, func(b *testing.B) {
			cfg := PublisherConfig{Buffer: 1 << 30, BufferBytes: 1 << 40, Logger: quiet(), Registerer: prometheus.NewRegistry()}
			if keep {
				s, err := OpenSpool(SpoolConfig{Dir: b.TempDir(), MaxBytes: 1 << 20, Logger: quiet(), Registerer: prometheus.NewRegistry()})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				cfg.Spool = s
			}
			p := NewPublisher(cfg)
			e := event("01234567-89ab-cdef-0123-456789abcdef")
			e.Evidence.Order, e.Evidence.Route, e.Evidence.Verdict = "ORDER-0123456789", "pay", shadow.Verdict{Outcome: shadow.Match}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p.Publish(e)
				if i%400 == 399 { // as many as come in 50 ms at 8,000 a second
					p.queue.drop(400)
				}
			}
		})
	}
}

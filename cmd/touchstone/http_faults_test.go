package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/loopback"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// The seeded fault run of the HTTP side: clients pay and refund through two real sidecars that share what they know, while
// the candidate hangs, resets, is slow and is gone, the bus goes away and comes back without its recordings, and sidecars
// are told to end in the middle and start again. Both releases are the same program with books of their own, so every
// difference that is held against the candidate, and that is not a fault of its own, is a false one.

const (
	httpFaultClients = 6
	httpFaultSpan    = 9 * time.Second
	httpCalmOrders   = 40 // when nothing happens any more

	httpTagKey = "0123456789abcdef0123456789abcdef"
)

func TestHTTPFaults(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := newHTTPFaultRun(t)
	end := time.Now().Add(httpFaultSpan)
	var clients sync.WaitGroup
	for n := range httpFaultClients {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			for i := 0; time.Now().Before(end); i++ {
				r.client(random, fmt.Sprintf("P%d-%d", n, i))
			}
		})
	}
	r.faults(rand.New(rand.NewPCG(seed, 1000)), end)
	clients.Wait()
	random := rand.New(rand.NewPCG(seed, 2000))
	for i := range httpCalmOrders { // one after the other, so that a busy machine proves something too
		r.client(random, fmt.Sprintf("Q-%d", i))
	}
	r.finish()
	r.judge()
}

// books is a release's state: what is left of each order.
type books struct {
	mu   sync.Mutex
	left map[string]int
}

// httpFaultRun is the world of one run.
type httpFaultRun struct {
	t        *testing.T
	dir      string
	binary   string
	sidecars [2]*httpSidecar
	stable   *httptest.Server
	rival    *httptest.Server
	channel  *httptest.Server
	busAt    string
	bus      *bus.Server

	mood    atomic.Int32 // of the candidate
	outages int
	stops   int

	calls, foreign, asked atomic.Int64 // at the channel; of the candidate there; that the stable release made
	turn                  atomic.Uint64
	seen                  *seenSamples

	mu       sync.Mutex
	heard    map[string][]shadow.Event // by order, to show what went wrong
	ledger   *comparer.Ledger
	consumer *bus.Consumer
}

const (
	well int32 = iota
	slow
	hanging
	resetting
	failing
	moods
)

// httpSidecar is one sidecar process; whoever holds the lock for reading relies on it.
type httpSidecar struct {
	name                          string
	admin, http, primary, shadow_ string
	alive                         sync.RWMutex
	process                       *exec.Cmd
	stderr                        *bytes.Buffer
}

func newHTTPFaultRun(t *testing.T) *httpFaultRun {
	r := &httpFaultRun{t: t, dir: t.TempDir(), ledger: comparer.NewLedger(), heard: map[string][]shadow.Event{}, seen: newSeenSamples(t)}
	r.binary = filepath.Join(r.dir, "touchstone")
	if out, err := exec.Command("go", "build", "-o", r.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v %s", err, out)
	}
	r.channel = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		if r.calls.Add(1); q.UserAgent() != "stable" {
			r.foreign.Add(1)
		}
	}))
	r.stable = httptest.NewServer(r.release("stable", func(s *httpSidecar) string { return s.primary }))
	r.rival = httptest.NewServer(r.release("candidate", func(s *httpSidecar) string { return s.shadow_ }))
	for _, s := range []*httptest.Server{r.rival, r.stable, r.channel} {
		t.Cleanup(s.Close)
	}
	addrs, err := loopback.FreeAddrs(13)
	if err != nil {
		t.Fatal(err)
	}
	r.busAt = addrs[12]
	r.startBus()
	r.listen()
	r.configure(addrs)
	for _, s := range r.sidecars {
		r.start(s)
	}
	return r
}

func (r *httpFaultRun) startBus() {
	r.t.Helper()
	s, err := bus.Embedded(r.t.Context(), bus.EmbeddedConfig{Listen: r.busAt, StoreDir: filepath.Join(r.dir, "bus"), Logger: slog.New(slog.DiscardHandler), Users: []bus.User{
		{Name: "sidecar", Password: "sidecar-password", Role: bus.RoleSidecar}, {Name: "comparer", Password: "comparer-password", Role: bus.RoleComparer}}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.bus = s
	r.t.Cleanup(s.Close)
}

func (r *httpFaultRun) listen() {
	r.consumer = bus.NewConsumer(bus.ConsumerConfig{Login: bus.Login{URL: "nats://" + r.busAt, User: "comparer", Password: "comparer-password"},
		Durable: "faults", Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- r.consumer.Run(ctx, func(_ context.Context, batch []shadow.Event) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, e := range batch {
				r.ledger.Apply(e)
				if e.Evidence != nil {
					r.heard[e.Evidence.Order] = append(r.heard[e.Evidence.Order], e)
				}
			}
			return nil
		})
	}()
	r.t.Cleanup(func() { cancel(); <-ended })
}

func (r *httpFaultRun) configure(addrs []string) {
	files := map[string]string{"tag.key": httpTagKey, "salt.key": "fedcba9876543210fedcba9876543210", "bus.pass": "sidecar-password"}
	var upstreams []string
	for _, name := range []string{"primary", "shadow"} {
		s, err := mariadb.Start(r.t.Context(), filepath.Join(r.dir, name))
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(s.Stop)
		upstreams = append(upstreams, s.Addr)
		files[name+".dsn"] = fmt.Sprintf("root@tcp(%s)/mysql", s.Addr)
	}
	for i := range r.sidecars {
		a := addrs[6*i:]
		s := &httpSidecar{name: fmt.Sprintf("side-%d", i), admin: a[0], http: a[1], primary: a[2], shadow_: a[3]}
		r.sidecars[i] = s
		files[s.name+".yaml"] = fmt.Sprintf(`role: sidecar
instance: %s
cutover: service
release: v2
tag: {key_file: tag.key, salt_file: salt.key, percent: 70%%}
admin: {listen: "%s"}
bus: {url: "nats://%s", user: sidecar, password_file: bus.pass, buffer: 2000, share: true, spool: ./spool-%d}
http:
  listen: "%s"
  stable: %s
  candidate: %s
  queue: 32
  workers: 4
  shadow_timeout: 500ms
  order_wait: 500ms
  drain: 2s
  routes:
    - {name: pay, method: POST, path: /payments, creates: true, key: {header: X-Order-Id}}
    - {name: refund, method: POST, path: /refunds, key: {header: X-Order-Id}}
    - {name: notify, method: POST, path: "/notify/{order}", callback: true, key: {path: order}}
egress:
  channel: %s
  primary: {listen: "%s"}
  shadow: {listen: "%s"}
  operations:
    - {name: move, method: POST, path: /move, class: money}
mysql:
  primary: {listen: "%s", upstream: "%s"}
  divert: {listen: "%s", upstream: "%s", schema: mysql}
  prove: {primary_dsn_file: primary.dsn, shadow_dsn_file: shadow.dsn}
  tables:
    - {name: orders, order: order_no}
`, s.name, s.admin, r.busAt, i, s.http, r.stable.URL, r.rival.URL, r.channel.URL, s.primary, s.shadow_, a[4], upstreams[0], a[5], upstreams[1])
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *httpFaultRun) start(s *httpSidecar) {
	s.stderr = &bytes.Buffer{}
	s.process = exec.Command(r.binary, "sidecar", filepath.Join(r.dir, s.name+".yaml"))
	s.process.Stderr = s.stderr
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		r.t.Error(err)
		return
	}
	process := s.process.Process
	r.t.Cleanup(func() { _ = process.Kill() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get("http://" + s.admin + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			r.t.Errorf("%s does not get ready: %s", s.name, s.stderr)
			return
		}
	}
}

// stop ends a sidecar in order, whatever it is doing.
func (r *httpFaultRun) stop(s *httpSidecar) {
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Error(err)
	}
	if err := s.process.Wait(); err != nil {
		r.t.Errorf("%s ended with %v: %s", s.name, err, s.stderr)
	}
}

// release is one release with its own books. Money moves at the channel, through either sidecar.
func (r *httpFaultRun) release(name string, base func(*httpSidecar) string) http.HandlerFunc {
	b := &books{left: map[string]int{}}
	return func(w http.ResponseWriter, q *http.Request) {
		if name == "stable" {
			r.seen.note(q)
		} else if !r.humour(w, q) {
			return
		}
		order, amount := q.Header.Get("X-Order-Id"), q.Header.Get("X-Amount")
		notified, isNotice := strings.CutPrefix(q.URL.Path, "/notify/")
		if isNotice {
			order, amount = notified, "0"
		}
		if status := r.move(q, name, base, order, amount); status != http.StatusOK {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var n int
		_, _ = fmt.Sscan(amount, &n)
		b.mu.Lock()
		left, known := b.left[order]
		switch {
		case q.URL.Path == "/payments":
			left = n
		case !known:
			b.mu.Unlock()
			w.WriteHeader(http.StatusNotFound)
			return
		default:
			left -= n
		}
		b.left[order] = left
		b.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"order_id":"%s","left":%d}`, order, left)
	}
}

// humour is what the candidate is like at the moment; false = it has answered, or never will.
func (r *httpFaultRun) humour(w http.ResponseWriter, q *http.Request) bool {
	switch r.mood.Load() {
	case slow:
		time.Sleep(60 * time.Millisecond)
	case hanging:
		<-q.Context().Done()
		return false
	case resetting:
		panic(http.ErrAbortHandler)
	case failing:
		w.WriteHeader(http.StatusInternalServerError)
		return false
	}
	return true
}

// move calls the channel. A sidecar that is being restarted does not answer: the other one does.
func (r *httpFaultRun) move(q *http.Request, name string, base func(*httpSidecar) string, order, amount string) int {
	for range 4 {
		s := r.sidecars[r.turn.Add(1)%2]
		if !s.alive.TryRLock() {
			continue
		}
		status := r.moveBy(q, name, base(s), order, amount)
		s.alive.RUnlock()
		return status
	}
	return http.StatusServiceUnavailable
}

func (r *httpFaultRun) moveBy(q *http.Request, name, addr, order, amount string) int {
	req, err := http.NewRequestWithContext(q.Context(), http.MethodPost, "http://"+addr+"/move", strings.NewReader(order+" "+amount))
	if err != nil {
		panic(err)
	}
	req.Close = true
	req.Header.Set(shadow.HeaderTag, q.Header.Get(shadow.HeaderTag))
	req.Header.Set("User-Agent", name) // the one field that is not compared
	if name == "stable" {
		r.asked.Add(1)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return http.StatusBadGateway
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// client pays an order, and then is refunded and notified, each time at any of the sidecars.
func (r *httpFaultRun) client(random *rand.Rand, order string) {
	left := 100
	if !r.post(random, "/payments", order, left, left) {
		return
	}
	for range random.IntN(4) {
		path, amount := "/refunds", 1+random.IntN(20)
		if random.IntN(3) == 0 {
			path, amount = "/notify/"+order, 0
		}
		if left -= amount; !r.post(random, path, order, amount, left) {
			break
		}
	}
	time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
}

// post holds a client's answer to what the stable release owes it; false = all sidecars were being restarted.
func (r *httpFaultRun) post(random *rand.Rand, path, order string, amount, left int) bool {
	first := random.IntN(2)
	for i := range 200 {
		s := r.sidecars[(first+i)%2]
		if !s.alive.TryRLock() {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		defer s.alive.RUnlock()
		req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+s.http+path, nil)
		if err != nil {
			panic(err)
		}
		req.Close = true
		req.Header.Set("X-Order-Id", order)
		req.Header.Set("X-Amount", fmt.Sprint(amount))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			r.t.Errorf("a client got no answer: %v", err)
			return false
		}
		defer res.Body.Close()
		var answer struct{ Left int }
		if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK || answer.Left != left {
			r.t.Errorf("%s of %s: %d, left %d, want %d (%v)", path, order, res.StatusCode, answer.Left, left, err)
			return false
		}
		return true
	}
	return false
}

// faults happens to the world until the end.
func (r *httpFaultRun) faults(random *rand.Rand, end time.Time) {
	for time.Now().Before(end) {
		r.mood.Store(well)
		switch random.IntN(3) {
		case 0:
			r.mood.Store(1 + random.Int32N(moods-1))
			time.Sleep(time.Duration(100+random.IntN(400)) * time.Millisecond)
		case 1:
			r.outages++
			r.bus.Close()
			if random.IntN(2) == 0 {
				r.restart(r.sidecars[random.IntN(2)]) // its evidence waits in its spool
			}
			time.Sleep(time.Duration(100+random.IntN(500)) * time.Millisecond)
			r.startBus()
		default:
			r.restart(r.sidecars[random.IntN(2)])
		}
		r.mood.Store(well)
		time.Sleep(time.Duration(200+random.IntN(400)) * time.Millisecond)
	}
}

// restart ends a sidecar while it has work: what waits for its shadow run, what is on its way to the store, what the bus
// has not taken. Its clients have had their answers, as behind a load balancer that drains.
func (r *httpFaultRun) restart(s *httpSidecar) {
	s.alive.Lock()
	defer s.alive.Unlock()
	r.stops++
	r.stop(s)
	r.start(s)
}

// finish ends both sidecars and waits for the last of their evidence.
func (r *httpFaultRun) finish() {
	for _, s := range r.sidecars {
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			var status struct{ Unsent int }
			res, err := http.Get("http://" + s.admin + "/status")
			if err == nil {
				err = json.NewDecoder(res.Body).Decode(&status)
				res.Body.Close()
			}
			if err == nil && status.Unsent == 0 || time.Now().After(deadline) {
				break
			}
		}
	}
	for _, s := range r.sidecars {
		r.stop(s)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	for err := error(nil); ; time.Sleep(50 * time.Millisecond) {
		if err = r.consumer.CatchUp(ctx); err == nil {
			return
		}
		if ctx.Err() != nil {
			r.t.Fatal(err)
		}
	}
}

// judge holds the evidence to what really happened.
func (r *httpFaultRun) judge() {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := r.ledger.Counts()
	r.t.Logf("%d outages of the bus, %d restarts, %d sampled, %v %v", r.outages, r.stops, counts.Sampled, counts.Outcomes, counts.Causes)
	if !counts.Balanced() || counts.Outcomes[shadow.Pending] != 0 || counts.Sampled < 100 || counts.Outcomes[shadow.Match] < 10 {
		r.t.Errorf("the ledger: %+v", counts)
	}
	clean := 0
	for _, o := range r.ledger.Orders() {
		for _, m := range o.Mismatches {
			if m.Kind != shadow.KindError {
				r.t.Errorf("%s: held against a candidate that does the same: %s\n%s", o.ID, m, r.told(o.ID))
			}
			if o.Taint == "" {
				r.t.Errorf("%s broke and is not tainted: %s", o.ID, m)
			}
		}
		if o.BornGray && o.Taint == "" {
			clean++
		}
	}
	if clean < 5 {
		r.t.Errorf("only %d orders could be judged", clean)
	}
	if foreign, calls, asked := r.foreign.Load(), r.calls.Load(), r.asked.Load(); foreign != 0 || calls != asked {
		r.t.Errorf("the channel saw %d calls, %d of them the candidate's; the stable release made %d", calls, foreign, asked)
	}
}

// told is the evidence of an order, a line an event.
func (r *httpFaultRun) told(order string) string {
	var out strings.Builder
	for _, e := range r.heard[order] {
		v := e.Evidence
		fmt.Fprintf(&out, "%s %s %s %s %s(%s)", e.Time.Format("05.000000"), e.Instance, e.Kind, v.Route, v.Verdict.Outcome, v.Verdict.Cause)
		if v.Ran != nil {
			fmt.Fprintf(&out, " ran %s", v.Ran.Format("05.000000"))
		}
		fmt.Fprintln(&out)
	}
	return out.String()
}

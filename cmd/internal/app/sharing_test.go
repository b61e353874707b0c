package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/response"
	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/proxy/egress"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// fleet is two sidecars before one service whose releases reach the channel through either of them, as a load balancer
// would have it, with a real bus between. The channel knows which release calls it.
type fleet struct {
	t          *testing.T
	bus        *bus.Server
	busFolder  string
	busAddress string
	sidecars   []*fleetMember
	stable     *httptest.Server
	candidate  *httptest.Server
	channel    *httptest.Server
	charges    int           // channel calls of the candidate for one payment
	slow       time.Duration // of the candidate's payment
	deaf       bool          // the candidate says yes to a notice and does nothing about it

	turn    atomic.Uint64
	amounts sync.Map // order to the sum of what the channel was asked for
	foreign atomic.Int64

	mu     sync.Mutex
	ledger *comparer.Ledger
	closed map[string]shadow.Evidence // by order
}

// fleetMember is what one sidecar process has of HTTP, on ports of its own.
type fleetMember struct {
	front, primary, shadow *httptest.Server
	members                *proxy.SharedMembers
	sidecar                *proxy.Sidecar
	stop                   func()
}

func newFleet(t *testing.T, charges int) *fleet {
	f := &fleet{t: t, busFolder: t.TempDir(), busAddress: "127.0.0.1:0", charges: charges, ledger: comparer.NewLedger(), closed: map[string]shadow.Evidence{}}
	f.startBus()
	f.channel = httptest.NewServer(http.HandlerFunc(f.charge))
	t.Cleanup(f.channel.Close)
	f.stable = httptest.NewServer(f.release("stable", 1, func(m *fleetMember) string { return m.primary.URL }))
	f.candidate = httptest.NewServer(f.release("candidate", charges, func(m *fleetMember) string { return m.shadow.URL }))
	t.Cleanup(f.stable.Close)
	t.Cleanup(f.candidate.Close)
	f.sidecars = []*fleetMember{f.start("a"), f.start("b")}
	f.await("members", func() bool { return f.sidecars[0].members.Ready() == nil && f.sidecars[1].members.Ready() == nil })
	return f
}

func (f *fleet) startBus() {
	f.t.Helper()
	const password = "not a secret"
	s, err := bus.Embedded(f.t.Context(), bus.EmbeddedConfig{Listen: f.busAddress, StoreDir: f.busFolder, Logger: slog.New(slog.DiscardHandler),
		Users: []bus.User{{Name: "sidecar", Password: password, Role: bus.RoleSidecar}, {Name: "comparer", Password: password, Role: bus.RoleComparer}}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.bus, f.busAddress = s, strings.TrimPrefix(s.URL(), "nats://")
	f.t.Cleanup(s.Close)
	c := bus.NewConsumer(bus.ConsumerConfig{Login: bus.Login{URL: s.URL(), User: "comparer", Password: password}, Durable: "c", Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- c.Run(ctx, func(context.Context, []shadow.Event) error { return nil }) // it makes the buckets
	}()
	f.t.Cleanup(func() { cancel(); <-ended })
}

func (f *fleet) values() (*bus.Values, func()) {
	v := bus.NewValues(bus.Login{URL: "nats://" + f.busAddress, User: "sidecar", Password: "not a secret"}, slog.New(slog.DiscardHandler))
	return v, f.run(v.Run)
}

// run starts a part and gives what ends it.
func (f *fleet) run(part func(context.Context) error) (stop func()) { return running(f.t, part) }

// running runs a part until the test, or the function it gives, ends it.
func running(t *testing.T, part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (f *fleet) start(instance string) *fleetMember {
	f.t.Helper()
	m := &fleetMember{}
	values, stopValues := f.values()
	signer, err := shadow.NewSigner([]byte("0123456789abcdef"), time.Hour)
	if err != nil {
		f.t.Fatal(err)
	}
	told := newSink(instance, f, []byte("0123456789abcdef"))
	registry := prometheus.NewRegistry()
	guard := egress.New(egress.Config{Channel: parse(f.t, f.channel.URL), Operations: []egress.Operation{{Name: "pay", Path: "/pay", Class: shadow.CallMoney}},
		Limits: egress.Limits{ShareWait: 500 * time.Millisecond, Settle: 200 * time.Millisecond}},
		egress.Deps{Signer: signer, Registry: registry, Now: time.Now, Store: values.Recordings(), Secret: []byte("0123456789abcdef"),
			Lost: func(sample string) { told.void(sample, shadow.CauseGuard) }})
	m.members = proxy.NewSharedMembers(1000, []byte("0123456789abcdef"), values.Members(), func(order string) { told.taint(order, shadow.CauseMembership) }, registry)
	compared, errs := response.New(response.Config{})
	if len(errs) > 0 {
		f.t.Fatal(errs)
	}
	key := proxy.KeyRule{Source: proxy.Source{Header: "X-Order-Id"}}
	m.sidecar = proxy.New(proxy.Config{
		Instance: instance, Upstream: parse(f.t, f.stable.URL), Candidate: parse(f.t, f.candidate.URL), Salt: []byte("0123456789abcdef"),
		Slice: proxy.Slice{Release: "v2", Epoch: 1, PerMillion: shadow.PerMillion},
		Routes: []proxy.Route{{Name: "pay", Path: "/payments", Creates: true, Mirror: true, Key: key}, {Name: "refund", Path: "/refunds", Mirror: true, Key: key},
			{Name: "notify", Path: "/notify/{order}", Callback: true, Mirror: true, Key: proxy.KeyRule{Source: proxy.Source{Path: "order"}}}},
		Limits: proxy.Limits{MemberWait: memberWait},
	}, proxy.Deps{
		Signer: signer, Publisher: told, Comparer: compared, Calls: guard, Members: m.members, Registry: registry, Tracer: noop.NewTracerProvider(),
		Propagator: propagation.TraceContext{}, Log: slog.New(slog.DiscardHandler), Now: time.Now, NewSample: proxy.NewSampleID,
	})
	m.front, m.primary, m.shadow = httptest.NewServer(m.sidecar), httptest.NewServer(guard.Primary()), httptest.NewServer(guard.Shadow())
	stops := []func(){m.front.Close, f.run(m.sidecar.Run), m.primary.Close, m.shadow.Close, f.run(m.members.Run), f.run(guard.Run), stopValues}
	m.stop = sync.OnceFunc(func() {
		for _, stop := range stops {
			stop()
		}
		tally := m.sidecar.Tally()
		tally.Final = true
		told.tally(tally)
	})
	f.t.Cleanup(m.stop)
	return m
}

// release is one release of the service. Its calls go to the sidecars in turn.
func (f *fleet) release(name string, charges int, base func(*fleetMember) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, order, calls := http.StatusOK, r.Header.Get("X-Order-Id"), charges
		if notified, ok := strings.CutPrefix(r.URL.Path, "/notify/"); ok {
			order = notified
			if f.deaf && name == "candidate" {
				calls = 0
			}
		} else if name == "candidate" {
			time.Sleep(f.slow)
		}
		for range calls {
			sidecar := f.sidecars[f.turn.Add(1)%2]
			req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, base(sidecar)+"/pay", strings.NewReader(`{"order":"`+order+`"}`))
			if err != nil {
				panic(err)
			}
			req.Header.Set(shadow.HeaderTag, r.Header.Get(shadow.HeaderTag))
			req.Header.Set("User-Agent", name) // the one field that is not compared
			res, err := http.DefaultClient.Do(req)
			if err != nil || res.StatusCode != http.StatusOK {
				status = http.StatusBadGateway
			}
			if err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		}
		w.WriteHeader(status)
		fmt.Fprint(w, "paid")
	}
}

// charge is the channel. What calls itself the candidate there has got past the guards.
func (f *fleet) charge(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.UserAgent() != "stable" {
		f.foreign.Add(1)
	}
	n, _ := f.amounts.LoadOrStore(string(body), new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

// Publish is the bus for evidence: this test is about what sidecars share.
func (f *fleet) Publish(ev shadow.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ledger.Apply(ev)
	if ev.Kind == shadow.EventClosed {
		f.closed[ev.Evidence.Order+"/"+ev.Evidence.Route] = *ev.Evidence
	}
}

func (f *fleet) await(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("no %s", what)
		}
	}
}

func (f *fleet) post(sidecar int, path, order string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.sidecars[sidecar].front.URL+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("X-Order-Id", order)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if res.Body.Close(); err != nil || res.StatusCode != 200 || string(text) != "paid" {
		f.t.Fatalf("the client got %d %q, %v", res.StatusCode, text, err)
	}
}

// verdict waits for the end of an order's sample.
func (f *fleet) verdict(order, route string) shadow.Verdict {
	f.t.Helper()
	var e shadow.Evidence
	f.await("verdict of "+order, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		var ok bool
		e, ok = f.closed[order+"/"+route]
		return ok
	})
	return e.Verdict
}

// conserved holds the channel to so many calls an order (0 = one or two), none of them the candidate's.
func (f *fleet) conserved(orders, each int) {
	f.t.Helper()
	if n := f.foreign.Load(); n != 0 {
		f.t.Errorf("%d calls of the candidate reached the channel", n)
	}
	seen := 0
	f.amounts.Range(func(order, n any) bool {
		seen++
		if calls := int(n.(*atomic.Int64).Load()); calls != each && (each > 0 || calls < 1 || calls > 2) {
			f.t.Errorf("the channel was called %d times for %s, the stable release called %d times", calls, order, each)
		}
		return true
	})
	if seen != orders {
		f.t.Errorf("the channel knows %d orders of %d", seen, orders)
	}
}

func TestTwoSidecarsKnowOneOrder(t *testing.T) {
	f := newFleet(t, 1)
	const orders = 20
	for i := range orders {
		order := fmt.Sprint("P", i)
		f.post(i%2, "/payments", order)
		if v := f.verdict(order, "pay"); v.Outcome != shadow.Match {
			t.Fatalf("%s: %+v", order, v)
		}
		f.post((i+1)%2, "/refunds", order) // the other sidecar knows that it is gray
		if v := f.verdict(order, "refund"); v.Outcome != shadow.Match {
			t.Fatalf("refund of %s: %+v", order, v)
		}
	}
	f.post(1, "/refunds", "older")
	if v := f.verdict("older", "refund"); v.Outcome != shadow.Excluded || v.Cause != shadow.RuleNotBornGray {
		t.Errorf("an order that nobody found gray: %+v", v)
	}
	f.conserved(orders+1, 0)
	for _, s := range f.sidecars {
		s.stop()
	}
	if c := f.ledger.Counts(); !c.Balanced() || c.Outcomes[shadow.Match] != 2*orders {
		t.Errorf("%+v", c)
	}
}

func TestDoubleChargeOverTwoSidecarsIsFound(t *testing.T) {
	f := newFleet(t, 2)
	const orders = 10
	for i := range orders {
		order := fmt.Sprint("P", i)
		f.post(i%2, "/payments", order)
		v := f.verdict(order, "pay")
		found := false
		for _, m := range v.Mismatches {
			found = found || m.Kind == shadow.KindExtra && m.Place == shadow.InCall && m.Name == "pay" && m.Call == shadow.CallMoney
		}
		if v.Outcome != shadow.Mismatched || !found {
			t.Fatalf("%s: %+v", order, v)
		}
	}
	f.conserved(orders, 1)
}

// The channel's notice may come to the other sidecar while the candidate is still creating the order.
func TestNoticeAtTheOtherSidecar(t *testing.T) {
	for name, deaf := range map[string]bool{"faithful": false, "loses it": true} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, 1)
			f.slow, f.deaf = 100*time.Millisecond, deaf
			f.post(0, "/payments", "P1")
			f.post(1, "/notify/P1", "")
			v := f.verdict("P1", "notify")
			if !deaf && v.Outcome != shadow.Match {
				t.Errorf("%+v", v)
			}
			if deaf && (v.Outcome != shadow.Mismatched || len(v.Mismatches) != 1 || v.Mismatches[0].Kind != shadow.KindMissing || v.Mismatches[0].Name != "pay") {
				t.Errorf("%+v", v)
			}
			for _, s := range f.sidecars {
				s.stop()
			}
			if o := f.ledger.Orders(); len(o) != 1 || o[0].Taint != "" || (len(o[0].Mismatches) == 1) != deaf {
				t.Errorf("%+v", o)
			}
			f.conserved(1, 2)
		})
	}
}

// A sidecar that starts again goes on with the orders of the one before it, and a bus that is away costs evidence, never
// an answer, and never a verdict against the candidate.
func TestRestartsAndABusThatIsAway(t *testing.T) {
	f := newFleet(t, 1)
	f.post(0, "/payments", "P1")
	f.verdict("P1", "pay")
	f.sidecars[1].stop()
	f.sidecars[1] = f.start("b2")
	f.await("members", func() bool { return f.sidecars[1].members.Ready() == nil })
	f.post(1, "/refunds", "P1")
	if v := f.verdict("P1", "refund"); v.Outcome != shadow.Match {
		t.Errorf("after a restart: %+v", v)
	}

	f.bus.Close()
	begun := time.Now()
	for i := range 10 {
		f.post(i%2, "/payments", fmt.Sprint("Q", i))
	}
	if spent := time.Since(begun); spent > 2*time.Second {
		t.Errorf("ten answers without a bus took %s", spent)
	}
	for i := range 10 {
		if v := f.verdict(fmt.Sprint("Q", i), "pay"); v.Outcome != shadow.Inconclusive {
			t.Errorf("without a bus: %+v", v)
		}
	}
	f.startBus()
	tries := 0
	f.await("match after the bus came back", func() bool {
		order := fmt.Sprint("R", tries)
		tries++
		f.post(0, "/payments", order)
		return f.verdict(order, "pay").Outcome == shadow.Match
	})
	for _, s := range f.sidecars {
		s.stop()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, o := range f.ledger.Orders() {
		if len(o.Mismatches) > 0 || (strings.HasPrefix(o.ID, "Q") && o.Taint == "") {
			t.Errorf("%s: %+v", o.ID, o)
		}
	}
	if n := f.foreign.Load(); n != 0 {
		t.Errorf("%d calls of the candidate reached the channel", n)
	}
	if c := f.ledger.Counts(); !c.Balanced() || c.Outcomes[shadow.Mismatched] != 0 {
		t.Errorf("%+v", c)
	}
}

var errAway = errors.New("away")

// deaf is a member store that is away.
type deaf struct{}

func (deaf) Add(context.Context, string) error    { return errAway }
func (deaf) Remove(context.Context, string) error { return errAway }
func (deaf) Watch(context.Context, func(string, bool), func()) error {
	return errAway
}

func TestOrderThatTheStoreDidNotTakeIsTainted(t *testing.T) {
	told := make(chan string, 10)
	m := proxy.NewSharedMembers(10, []byte("0123456789abcdef"), deaf{}, func(order string) { told <- order }, prometheus.NewRegistry())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	m.Add("v2@1/P1", "P1")
	if !m.Has("v2@1/P1") || m.Has("v2@1/P2") {
		t.Error("the sidecar itself does not know its order")
	}
	if got := <-told; got != "P1" {
		t.Errorf("told of %s", got)
	}
	cancel()
	if err := <-ended; err != nil || m.Ready() == nil {
		t.Error(err, m.Ready())
	}
	m.Add("v2@1/P3", "P3")
	if got := <-told; got != "P3" {
		t.Errorf("told of %s", got)
	}
}

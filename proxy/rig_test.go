package proxy

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// service is one release of a payment service that remembers what it was asked.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	seen   []asked
	answer http.HandlerFunc
}

type asked struct {
	method, uri, host, body string
	header                  http.Header
	chunked                 bool
	remote                  string
}

func newService(t *testing.T) *service {
	s := &service{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen = append(s.seen, asked{r.Method, r.RequestURI, r.Host, string(body), r.Header.Clone(), slices.Contains(r.TransferEncoding, "chunked"), r.RemoteAddr})
	answer := s.answer
	s.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"ok":true,"bytes":%d}`, len(body))
}

func (s *service) answers(f http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func (s *service) asked() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// auditor takes events and holds each sample to: opened once, closed once, in this order.
type auditor struct {
	mu     sync.Mutex
	events []shadow.Event
	hook   func(shadow.Event)
}

func (a *auditor) Publish(e shadow.Event) {
	a.mu.Lock()
	a.events = append(a.events, e)
	hook := a.hook
	a.mu.Unlock()
	if hook != nil {
		hook(e)
	}
}

func (a *auditor) closed() []shadow.Evidence {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []shadow.Evidence
	for _, e := range a.events {
		if e.Kind == shadow.EventClosed {
			out = append(out, *e.Evidence)
		}
	}
	return out
}

// audit checks conservation, independently of the sidecar's own counts, and then against them.
func (a *auditor) audit(t *testing.T, tally shadow.Tally) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	state, ids := map[string]int{}, map[string]bool{}
	opened, closed := uint64(0), uint64(0)
	for _, e := range a.events {
		if ids[e.ID] {
			t.Errorf("event id %s twice", e.ID)
		}
		ids[e.ID] = true
		switch {
		case e.Kind == shadow.EventOpened && state[e.Evidence.Sample] == 0:
			state[e.Evidence.Sample], opened = 1, opened+1
		case e.Kind == shadow.EventClosed && state[e.Evidence.Sample] == 1 && e.Evidence.Verdict.Outcome != shadow.Pending:
			state[e.Evidence.Sample], closed = 2, closed+1
		default:
			t.Errorf("event %s out of order", e.ID)
		}
	}
	if opened != closed || tally.Sampled != opened || tally.Closed != closed {
		t.Errorf("opened %d, closed %d, tally %+v", opened, closed, tally)
	}
}

// equalBodies is a comparer for these tests.
type equalBodies struct{ before func(shadow.Pair) }

func (c equalBodies) Compare(p shadow.Pair) (shadow.Verdict, []shadow.Binding) {
	if c.before != nil {
		c.before(p)
	}
	if p.Shadow.Status >= 500 && p.Primary.Status < 500 {
		return shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{Kind: shadow.KindError}}}, nil
	}
	if string(p.Primary.Response.Bytes) != string(p.Shadow.Response.Bytes) {
		return shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{Kind: shadow.KindValue, Field: "body"}}}, nil
	}
	return shadow.Verdict{Outcome: shadow.Match}, []shadow.Binding{{Column: "no", Primary: "1", Shadow: "2"}}
}

type rig struct {
	t                 *testing.T
	stable, candidate *service
	sidecar           *Sidecar
	auditor           *auditor
	server            *served
	signer            *shadow.Signer
	config            Config
	deps              Deps
	stop              func()
}

func routes() []Route {
	return []Route{
		{Name: "create", Method: "POST", Path: "/payments", Creates: true, Mirror: true, Key: KeyRule{Source: Source{Header: "X-Order"}}, Amount: AmountRule{Field: "amount.total", Unit: recon.UnitMajor}},
		{Name: "quiet", Method: "POST", Path: "/quiet", Creates: true, Key: KeyRule{Source: Source{Query: "order"}}},
		{Name: "refund", Method: "POST", Path: "/payments/{id}/refunds", Mirror: true, Key: KeyRule{Source: Source{Path: "id"}}},
		{Name: "any", Path: "/any/", Creates: true, Mirror: true, Key: KeyRule{Source: Source{Query: "order"}}},
	}
}

// byLibrary lets net/http serve plain requests too.
var byLibrary bool

// TestMain runs everything twice: what holds for plain requests holds when net/http serves them, and the other way round.
func TestMain(m *testing.M) {
	code := m.Run()
	byLibrary = true
	fmt.Println("again, with net/http serving plain requests")
	os.Exit(max(code, m.Run()))
}

// newRig starts a sidecar in front of two services; all orders are gray.
func newRig(t *testing.T, change func(*Config, *Deps)) *rig {
	t.Helper()
	signer, err := shadow.NewSigner([]byte("0123456789abcdef"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, stable: newService(t), candidate: newService(t), auditor: &auditor{}, signer: signer}
	stable, _ := url.Parse(r.stable.URL)
	candidate, _ := url.Parse(r.candidate.URL)
	r.config = Config{
		Instance: "i1", Upstream: stable, Candidate: candidate, Salt: []byte("salt-salt-salt-salt"),
		Slice: Slice{Release: "v2", Epoch: 7, PerMillion: shadow.PerMillion}, Routes: routes(), ByLibrary: byLibrary,
	}
	r.deps = Deps{
		Signer: signer, Publisher: r.auditor, Comparer: equalBodies{}, Registry: prometheus.NewRegistry(),
		Tracer: noop.NewTracerProvider(), Propagator: propagation.TraceContext{}, Log: slog.New(slog.DiscardHandler),
		Now: time.Now, NewSample: NewSampleID,
	}
	if change != nil {
		change(&r.config, &r.deps)
	}
	if errs := r.config.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	r.sidecar = New(r.config, r.deps)
	r.server = serve(t, r.sidecar)
	r.run()
	return r
}

// served is the sidecar's port.
type served struct {
	addr, URL string
	stop      func()
}

func serve(t *testing.T, s *Sidecar) *served {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, ln) }()
	stop := sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return &served{addr: ln.Addr().String(), URL: "http://" + ln.Addr().String(), stop: stop}
}

func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.sidecar.Run(ctx) }()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			r.server.stop()
			cancel()
			if err := <-ended; err != nil {
				r.t.Error(err)
			}
			if _, own := r.deps.Publisher.(*auditor); own {
				r.auditor.audit(r.t, r.sidecar.Tally())
			}
		})
	}
	r.t.Cleanup(r.stop)
}

func (r *rig) do(method, uri, body string, header ...string) (int, string, http.Header) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.server.URL+uri, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

func (r *rig) create(order string) { r.do("POST", "/payments", `{}`, "X-Order", order) }

// verdicts waits for n closed samples and gives "outcome(cause)" in the order of closing.
func (r *rig) verdicts(n int) []string {
	r.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for len(r.auditor.closed()) < n && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	var out []string
	for _, e := range r.auditor.closed() {
		out = append(out, fmt.Sprintf("%s(%s)", e.Verdict.Outcome, e.Verdict.Cause))
	}
	if len(out) != n {
		r.t.Fatalf("closed %v, want %d; asked %+v", out, n, r.stable.asked())
	}
	return out
}

func (r *rig) expect(want ...string) {
	r.t.Helper()
	if got := r.verdicts(len(want)); !slices.Equal(got, want) {
		r.t.Fatalf("closed %v, want %v", got, want)
	}
}

func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }

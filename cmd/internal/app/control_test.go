package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/proxy/xds"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const percent = shadow.Whole / 100

func asks(epoch uint64, gray, serve shadow.Share) shadow.Policy {
	return shadow.Policy{Service: "pay", Stable: "v1", Candidate: "v2", Epoch: epoch, Gray: gray, Serve: serve}
}

func rollbackOf(epoch uint64) shadow.Policy {
	p := asks(epoch, 0, 0)
	p.RolledBack = true
	return p
}

// governed is a sidecar that follows a comparer's control plane, with real ports between.
type governed struct {
	t                *testing.T
	folder           string
	stable, promoted *httptest.Server
	admin            *httptest.Server
	comparer         config.Comparer
	plane            *plane
	sidecar          *sidecar
	url              string
	served           atomic.Int64 // requests that the candidate answered
	killPlane        func()
	stopFollowing    func()
}

func newGoverned(t *testing.T, serving bool) *governed {
	g := &governed{t: t, folder: t.TempDir()}
	g.stable = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "stable") }))
	g.promoted = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { g.served.Add(1); fmt.Fprint(w, "candidate") }))
	g.admin = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.sidecar.fence.ServeHTTP(w, r) }))
	t.Cleanup(g.stable.Close)
	t.Cleanup(g.promoted.Close)
	t.Cleanup(g.admin.Close)
	admin, _ := url.Parse(g.admin.URL)
	g.comparer = config.Comparer{Data: config.Path(g.folder), Release: "v2", ControlPlane: &config.ControlPlane{
		Listen: "127.0.0.1:0", Service: "pay", Stable: "v1", Patience: 300 * time.Millisecond,
		Subscribers: []config.Subscriber{{Name: "pay-0", Kind: "sidecar", Admin: admin}},
	}}
	g.startPlane()
	g.startSidecar(serving)
	return g
}

func (g *governed) startPlane() {
	g.t.Helper()
	var err error
	if g.plane, err = openPlane(&g.comparer, prometheus.NewRegistry(), slog.New(slog.DiscardHandler)); err != nil {
		g.t.Fatal(err)
	}
	g.comparer.ControlPlane.Listen = config.Addr(g.plane.ln.Addr().String()) // the same when it starts again
	g.killPlane = running(g.t, g.plane.part().Run)
}

// startSidecar wires what a sidecar needs to follow, as RunSidecar does.
func (g *governed) startSidecar(serving bool) {
	g.t.Helper()
	signer, err := shadow.NewSigner([]byte("0123456789abcdef"), time.Hour)
	if err != nil {
		g.t.Fatal(err)
	}
	s := &sidecar{
		log: slog.New(slog.DiscardHandler), registry: prometheus.NewRegistry(), health: &telemetry.Health{}, signer: signer,
		cfg: &config.Sidecar{Release: "v2", Epoch: 1, RollbackFile: config.Path(filepath.Join(g.folder, "rollback")), ControlPlane: &config.ControlClient{
			Address: g.comparer.ControlPlane.Listen, Node: "pay-0", Service: "pay", Last: config.Path(filepath.Join(g.folder, "policy.json")),
		}},
	}
	if err := s.rollbacks(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	cfg := proxy.Config{
		Instance: "i1", Upstream: parse(g.t, g.stable.URL), Salt: []byte("0123456789abcdef"), Slice: s.slice(),
		Routes: []proxy.Route{{Name: "pay", Path: "/payments", Creates: true, Mirror: true, Key: proxy.KeyRule{Source: proxy.Source{Header: "X-Order-Id"}}}},
	}
	if serving {
		cfg.Serving = parse(g.t, g.promoted.URL)
	}
	s.proxy = proxy.New(cfg, proxy.Deps{
		Signer: signer, Publisher: nowhere{}, Registry: s.registry, Tracer: noop.NewTracerProvider(), Propagator: propagation.TraceContext{},
		Log: s.log, Now: time.Now, NewSample: proxy.NewSampleID,
	})
	g.sidecar = s
	if err := s.follows(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	ln, err := s.listen("http", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	g.url = "http://" + ln.Addr().String()
	running(g.t, func(ctx context.Context) error { return s.proxy.Serve(ctx, ln) })
	g.stopFollowing = running(g.t, s.parts[0].Run)
}

type nowhere struct{}

// Publish drops the event.
func (nowhere) Publish(shadow.Event) {}

// pay gives who answered; "" = nobody.
func (g *governed) pay(order string) string {
	req, err := http.NewRequest("POST", g.url+"/payments", strings.NewReader("{}"))
	if err != nil {
		return ""
	}
	req.Header.Set("X-Order-Id", order)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return string(text)
}

func (g *governed) put(p shadow.Policy) error {
	g.t.Helper()
	if err := g.plane.Publish(g.t.Context(), p); err != nil {
		g.t.Fatal(err)
	}
	return g.wait(p.Epoch)
}

func (g *governed) wait(epoch uint64) error {
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	return g.plane.Wait(ctx, epoch)
}

func (g *governed) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatalf("%v; subscribers %+v", err, g.plane.Status().Subscribers)
	}
}

// answers tells that every order is answered by this release.
func (g *governed) answers(release string) {
	g.t.Helper()
	for i := range 20 {
		if got := g.pay(fmt.Sprintf("o-%d", i)); got != release {
			g.t.Fatalf("answered by %q, wanted %s", got, release)
		}
	}
}

func TestSidecarObeysTheControlPlane(t *testing.T) {
	g := newGoverned(t, true)
	g.must(g.wait(0))
	g.answers("stable")
	g.must(g.put(asks(1, 5*percent, 0)))
	g.must(g.put(asks(2, 5*percent, shadow.Whole)))
	g.answers("candidate")
	if s := g.sidecar.fence.policy(); s.Epoch != 2 || s.Serve != shadow.Whole {
		t.Errorf("in force %+v", s)
	}
	g.must(g.put(rollbackOf(3)))
	g.answers("stable")
	if at := g.sidecar.fence.at(); at != 3 {
		t.Errorf("the fence is at %d", at)
	}
	w := httptest.NewRecorder()
	g.plane.show(w, nil)
	var shown xds.Status
	if err := json.Unmarshal(w.Body.Bytes(), &shown); err != nil || !shown.InForce.RolledBack || len(shown.Subscribers) != 1 || shown.Subscribers[0].State != xds.Acked {
		t.Errorf("shown %s, %v", w.Body, err)
	}
}

// TestTrafficGoesOnWithoutTheComparer kills the comparer during a rollout, and then the sidecar too.
func TestTrafficGoesOnWithoutTheComparer(t *testing.T) {
	g := newGoverned(t, true)
	g.must(g.wait(0))
	g.must(g.put(asks(1, 5*percent, 0)))
	var lost atomic.Int64
	stop := running(t, func(ctx context.Context) error {
		for i := 0; ctx.Err() == nil; i++ {
			if g.pay(fmt.Sprintf("under-%d", i)) == "" {
				lost.Add(1)
			}
		}
		return nil
	})
	g.must(g.plane.Publish(t.Context(), asks(2, 5*percent, shadow.Whole)))
	g.killPlane()
	time.Sleep(100 * time.Millisecond)
	g.startPlane() // it goes on where it was
	g.must(g.wait(2))
	g.killPlane()
	g.answers("candidate")
	stop()
	if n := lost.Load(); n > 0 {
		t.Errorf("%d requests were lost", n)
	}
	g.stopFollowing()
	g.startSidecar(true) // with nothing but what it kept
	g.answers("candidate")
	g.startPlane()
	g.must(g.put(rollbackOf(3)))
	g.answers("stable")
}

// TestSidecarThatDoesNotFollowIsFenced: its admin port is another way to it.
func TestSidecarThatDoesNotFollowIsFenced(t *testing.T) {
	g := newGoverned(t, true)
	g.must(g.wait(0))
	g.must(g.put(asks(1, 5*percent, 0)))
	g.must(g.put(asks(2, 5*percent, shadow.Whole)))
	g.stopFollowing()
	g.answers("candidate")
	g.must(g.put(rollbackOf(3)))
	if s := g.plane.Status().Subscribers[0]; s.State != xds.Fenced {
		t.Errorf("subscriber %+v", s)
	}
	g.answers("stable")
	g.admin.Close()
	g.comparer.ControlPlane.Subscribers[0].Admin = parse(t, g.admin.URL)
	if err := guardsOf(g.comparer.ControlPlane.Subscribers).Fence(t.Context(), 4); err == nil || !strings.Contains(err.Error(), "of rollback 4") {
		t.Errorf("a guard that is not there: %v", err)
	}
}

func TestGuardThatDoesNotConfirm(t *testing.T) {
	for name, answer := range map[string]string{"an older epoch": `{"rollback_epoch": 2}`, "nothing": ``, "an error": `{"rollback_epoch": 3, "error": "cannot be kept"}`} {
		status := http.StatusOK
		if strings.Contains(answer, "error") {
			status = http.StatusInternalServerError
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); fmt.Fprint(w, answer) }))
		if err := guardsOf([]config.Subscriber{{Admin: parse(t, server.URL)}}).Fence(t.Context(), 3); !errors.Is(err, errUnconfirmed) {
			t.Errorf("%s: %v", name, err)
		}
		server.Close()
	}
}

func TestWhatASidecarRefuses(t *testing.T) {
	t.Run("to serve without instances", func(t *testing.T) {
		g := newGoverned(t, false)
		g.must(g.wait(0))
		var refused *xds.RefusedError
		if err := g.put(asks(1, 5*percent, percent)); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "no instance of the candidate that serves") {
			t.Fatalf("refused: %v", err)
		}
		g.must(g.wait(0))
		g.answers("stable")
	})
	t.Run("a promotion behind its own rollback", func(t *testing.T) {
		g := newGoverned(t, true)
		g.must(g.wait(0))
		g.must(g.sidecar.fence.raise(5)) // by a person at its admin port
		var refused *xds.RefusedError
		if err := g.put(asks(4, 5*percent, shadow.Whole)); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "epoch 4, rollback 5") {
			t.Fatalf("refused: %v", err)
		}
		g.answers("stable")
		g.must(g.wait(0))
		g.must(g.put(asks(6, 5*percent, shadow.Whole)))
		g.answers("candidate")
		g.must(g.sidecar.fence.raise(7))
		g.answers("stable")
	})
	t.Run("a promotion of the epoch of its own rollback", func(t *testing.T) {
		g := newGoverned(t, true)
		g.must(g.wait(0))
		g.must(g.sidecar.fence.raise(5))
		var refused *xds.RefusedError
		if err := g.put(asks(5, 5*percent, shadow.Whole)); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "epoch 5, rollback 5") {
			t.Fatalf("refused: %v", err)
		}
		g.answers("stable")
	})
	t.Run("another release", func(t *testing.T) {
		g := newGoverned(t, true)
		d := xds.Directive{Policy: asks(1, percent, 0)}
		d.Candidate = "v3"
		if err := g.sidecar.obey(d); !errors.Is(err, errOtherRelease) {
			t.Errorf("refused: %v", err)
		}
	})
}

// TestRollbackByHandEndsThePolicyInForce: whether the epoch is left to the sidecar or is that of the policy itself.
func TestRollbackByHandEndsThePolicyInForce(t *testing.T) {
	for body, want := range map[string]uint64{"{}": 3, `{"epoch": 2}`: 2} {
		t.Run(body, func(t *testing.T) {
			g := newGoverned(t, true)
			g.must(g.wait(0))
			g.must(g.put(asks(1, 5*percent, 0)))
			g.must(g.put(asks(2, 5*percent, shadow.Whole)))
			g.answers("candidate")
			res, err := http.Post(g.admin.URL, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusOK || g.sidecar.fence.at() != want {
				t.Errorf("%s, the fence is at %d", res.Status, g.sidecar.fence.at())
			}
			g.answers("stable")
		})
	}
}

func TestSliceOfADirective(t *testing.T) {
	for name, c := range map[string]struct {
		d     xds.Directive
		fence uint64
		want  proxy.Slice
	}{
		"before the first policy": {xds.Directive{}, 0, proxy.Slice{Release: "v2", Halted: true}},
		"a promotion":             {xds.Directive{Policy: asks(3, percent, 2*percent)}, 1, proxy.Slice{Release: "v2", Epoch: 1, Policy: 3, PerMillion: 10_000, Serve: 20_000}},
		"at the rollback":         {xds.Directive{Policy: asks(3, percent, 0)}, 3, proxy.Slice{Release: "v2", Epoch: 3, Policy: 3, Halted: true}},
		"behind the rollback":     {xds.Directive{Policy: asks(3, percent, percent)}, 4, proxy.Slice{Release: "v2", Epoch: 4, Policy: 3, Halted: true}},
		"a rollback":              {xds.Directive{Policy: rollbackOf(4), Fence: 4}, 4, proxy.Slice{Release: "v2", Epoch: 4, Policy: 4, Halted: true}},
	} {
		if got := controlled("v2", c.d, c.fence); got != c.want {
			t.Errorf("%s: %+v, wanted %+v", name, got, c.want)
		}
	}
}

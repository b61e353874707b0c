package xds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// soon bounds every wait of these tests; nothing here takes a tenth of it.
const soon = 10 * time.Second

func policy(epoch uint64, gray, serve shadow.Share) shadow.Policy {
	return shadow.Policy{Service: "pay", Stable: "v1", Candidate: "v2", Epoch: epoch, Gray: gray, Serve: serve}
}

func rolledBack(epoch uint64) shadow.Policy {
	p := policy(epoch, 0, 0)
	p.RolledBack = true
	return p
}

const percent = shadow.Whole / 100

// named makes a configuration with these subscribers.
func named(subscribers ...Named) Config {
	return Config{
		Service: "pay", Stable: "v1", Candidate: "v2", Subscribers: subscribers,
		Routing: &Routing{
			Listen: "127.0.0.1:18080", Stable: []string{"127.0.0.1:9001"}, Candidate: []string{"127.0.0.1:9002"},
			Mirror: []string{"127.0.0.1:9003"},
		},
	}
}

// rig is a control plane on loopback.
type rig struct {
	*Server
	config   Config
	deps     Deps
	addr     string
	registry *prometheus.Registry
	kill     func()
}

type guardFunc func(ctx context.Context, epoch uint64) error

func (g guardFunc) Fence(ctx context.Context, epoch uint64) error { return g(ctx, epoch) }

func newRig(t *testing.T, config Config, set func(*Deps)) *rig {
	t.Helper()
	if errs := config.Validate(); len(errs) > 0 {
		t.Fatal(errs)
	}
	if config.State == "" {
		config.State = filepath.Join(t.TempDir(), "control.json")
	}
	r := &rig{config: config, deps: Deps{Log: slog.New(slog.DiscardHandler), Now: time.Now}}
	if set != nil {
		set(&r.deps)
	}
	r.start(t, "127.0.0.1:0")
	return r
}

func (r *rig) start(t *testing.T, addr string) {
	t.Helper()
	r.registry = prometheus.NewRegistry()
	r.deps.Registry = r.registry
	var err error
	if r.Server, err = New(r.config, r.deps); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() {
		if err := r.Serve(ctx, ln, nil); err != nil {
			t.Error(err)
		}
	})
	r.kill = func() { cancel(); served.Wait() }
	t.Cleanup(r.kill)
}

func (r *rig) publish(t *testing.T, p shadow.Policy) {
	t.Helper()
	if err := r.Publish(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) wait(t *testing.T, epoch uint64) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	return r.Wait(ctx, epoch)
}

func (r *rig) settle(t *testing.T, epoch uint64) {
	t.Helper()
	if err := r.wait(t, epoch); err != nil {
		t.Fatalf("%v; subscribers %+v", err, r.Subscribers())
	}
}

// stays tells that a policy is not settled for as long as anything here takes.
func (r *rig) stays(t *testing.T, epoch uint64, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := r.Wait(ctx, epoch); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%s: policy %d is settled: %v; subscribers %+v", why, epoch, err, r.Subscribers())
	}
}

func (r *rig) subscriber(name string) Subscriber {
	for _, s := range r.Subscribers() {
		if s.Name == name {
			return s
		}
	}
	return Subscriber{}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not within %s: %s", soon, what)
}

func dial(t testing.TB, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// actor is a subscriber that a test plays word by word, over the state of the world.
type actor struct {
	t      testing.TB
	node   string
	stream discovery.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	close  func()
}

func play(t testing.TB, conn *grpc.ClientConn, node string) *actor {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cancel)
	return &actor{t: t, node: node, stream: stream, close: cancel}
}

func (p *actor) send(req *discovery.DiscoveryRequest) {
	p.t.Helper()
	req.Node = &core.Node{Id: p.node}
	if err := p.stream.Send(req); err != nil {
		p.t.Fatal(err)
	}
}

func (p *actor) ask(typ string, names ...string) {
	p.t.Helper()
	p.send(&discovery.DiscoveryRequest{TypeUrl: typ, ResourceNames: names})
}

func (p *actor) recv() *discovery.DiscoveryResponse {
	p.t.Helper()
	res, err := p.stream.Recv()
	if err != nil {
		p.t.Fatal(err)
	}
	return res
}

func (p *actor) ack(res *discovery.DiscoveryResponse) {
	p.t.Helper()
	p.send(ackOf(res, res.GetVersionInfo()))
}

// ackOf acknowledges a version by the nonce of an answer.
func ackOf(res *discovery.DiscoveryResponse, version string) *discovery.DiscoveryRequest {
	return &discovery.DiscoveryRequest{TypeUrl: res.GetTypeUrl(), VersionInfo: version, ResponseNonce: res.GetNonce(), ResourceNames: namesOf(res.GetTypeUrl())}
}

func (p *actor) nack(res *discovery.DiscoveryResponse, before, reason string) {
	p.t.Helper()
	p.send(&discovery.DiscoveryRequest{
		TypeUrl: res.GetTypeUrl(), VersionInfo: before, ResponseNonce: res.GetNonce(), ResourceNames: namesOf(res.GetTypeUrl()),
		ErrorDetail: &status.Status{Code: 3, Message: reason},
	})
}

func namesOf(typ string) []string {
	switch typ {
	case resource.RouteType:
		return []string{"pay"}
	case resource.EndpointType:
		return []string{stableCluster, candidateCluster}
	}
	return nil
}

// robot is a subscriber that answers everything, over the state of the world or its differences.
type robot struct {
	answers  atomic.Int64
	versions sync.Map // type to the version it accepted last
	refuse   func(typ, version string) string
}

// live subscribes to these types and answers until the test or the returned function ends it.
func (b *robot) live(t testing.TB, conn *grpc.ClientConn, node string, types ...string) (stop func()) {
	t.Helper()
	p := play(t, conn, node)
	for _, typ := range types {
		p.ask(typ, namesOf(typ)...)
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			res, err := p.stream.Recv()
			if err != nil {
				return
			}
			b.answers.Add(1)
			req := &discovery.DiscoveryRequest{Node: &core.Node{Id: node}, TypeUrl: res.GetTypeUrl(), ResponseNonce: res.GetNonce(), ResourceNames: namesOf(res.GetTypeUrl())}
			before, _ := b.versions.Load(res.GetTypeUrl())
			req.VersionInfo, _ = before.(string)
			if reason := b.says(res.GetTypeUrl(), res.GetVersionInfo()); reason != "" {
				req.ErrorDetail = &status.Status{Code: 3, Message: reason}
			} else {
				req.VersionInfo = res.GetVersionInfo()
				b.versions.Store(res.GetTypeUrl(), res.GetVersionInfo())
			}
			if p.stream.Send(req) != nil {
				return
			}
		}
	})
	stop = func() { p.close(); ended.Wait() }
	t.Cleanup(stop)
	return stop
}

func (b *robot) says(typ, version string) string {
	if b.refuse == nil {
		return ""
	}
	return b.refuse(typ, version)
}

// liveDelta is live over differences.
func (b *robot) liveDelta(t testing.TB, conn *grpc.ClientConn, node string, types ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range types {
		if err := stream.Send(&discovery.DeltaDiscoveryRequest{Node: &core.Node{Id: node}, TypeUrl: typ, ResourceNamesSubscribe: namesOf(typ)}); err != nil {
			t.Fatal(err)
		}
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			res, err := stream.Recv()
			if err != nil {
				return
			}
			b.answers.Add(1)
			req := &discovery.DeltaDiscoveryRequest{TypeUrl: res.GetTypeUrl(), ResponseNonce: res.GetNonce()}
			if reason := b.says(res.GetTypeUrl(), res.GetSystemVersionInfo()); reason != "" {
				req.ErrorDetail = &status.Status{Code: 3, Message: reason}
			} else {
				b.versions.Store(res.GetTypeUrl(), res.GetSystemVersionInfo())
			}
			if stream.Send(req) != nil {
				return
			}
		}
	})
	stop = func() { cancel(); ended.Wait() }
	t.Cleanup(stop)
	return stop
}

func (b *robot) version(typ string) string {
	v, _ := b.versions.Load(typ)
	text, _ := v.(string)
	return text
}

// versionOf is what a kind is given of a type for a policy.
func (r *rig) versionOf(t *testing.T, kind Kind, typ string, p shadow.Policy, fence uint64) string {
	t.Helper()
	snap, err := newSnapshot(r.config, kind, Directive{Policy: p, Fence: fence})
	if err != nil {
		t.Fatal(err)
	}
	return snap[typ].version
}

func manyNamed(n int, kind Kind) []Named {
	out := make([]Named, n)
	for i := range out {
		out[i] = Named{Name: fmt.Sprintf("%s-%d", kind, i), Kind: kind}
	}
	return out
}

// firstAnswer asks for routes and tells whether any came.
func firstAnswer(t *testing.T, conn *grpc.ClientConn, node string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
	if err != nil {
		return err
	}
	// What a server turned away is told by Recv.
	_ = stream.Send(&discovery.DiscoveryRequest{Node: &core.Node{Id: node}, TypeUrl: resource.RouteType, ResourceNames: namesOf(resource.RouteType)})
	_, err = stream.Recv()
	return err
}

package xds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/xds"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// release is a backend that says which one it is.
type release struct {
	health.UnimplementedHealthServer
	status health.HealthCheckResponse_ServingStatus
}

// Check says it.
func (r release) Check(context.Context, *health.HealthCheckRequest) (*health.HealthCheckResponse, error) {
	return &health.HealthCheckResponse{Status: r.status}, nil
}

const (
	isStable    = health.HealthCheckResponse_SERVING
	isCandidate = health.HealthCheckResponse_NOT_SERVING
)

func backend(t *testing.T, status health.HealthCheckResponse_ServingStatus) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	health.RegisterHealthServer(g, release{status: status})
	go func() { _ = g.Serve(ln) }() // ends by Stop
	t.Cleanup(g.Stop)
	return ln.Addr().String()
}

// realClient is a gRPC client that finds its way by our control plane.
func realClient(t *testing.T, r *rig) health.HealthClient {
	t.Helper()
	bootstrap := fmt.Sprintf(`{"xds_servers": [{"server_uri": "passthrough:///%s", "channel_creds": [{"type": "insecure"}], "server_features": ["xds_v3"]}], "node": {"id": "app"}}`, r.addr)
	resolver, err := xds.NewXDSResolverWithConfigForTesting([]byte(bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("xds:///pay", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithResolvers(resolver))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.Connect()
	return health.NewHealthClient(conn)
}

// ask makes calls and tells how many the candidate answered.
func ask(t *testing.T, client health.HealthClient, calls int, header ...string) (candidate int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), header...), soon)
	defer cancel()
	for range calls {
		res, err := client.Check(ctx, &health.HealthCheckRequest{}, grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		if res.GetStatus() == isCandidate {
			candidate++
		}
	}
	return candidate
}

func grpcRig(t *testing.T) (*rig, health.HealthClient) {
	t.Helper()
	config := named(Named{Name: "app", Kind: GRPC})
	config.Routing.Stable, config.Routing.Candidate = []string{backend(t, isStable)}, []string{backend(t, isCandidate)}
	config.Routing.Force = Force{Header: "x-beta", Value: "1", Share: shadow.Whole}
	r := newRig(t, config, nil)
	client := realClient(t, r)
	r.settle(t, 0)
	return r, client
}

func TestRealGRPCClientFollows(t *testing.T) {
	r, client := grpcRig(t)
	const calls = 2000
	for _, c := range []struct {
		policy            shadow.Policy
		least, most, beta int
	}{
		{policy(1, percent, 0), 0, 0, 0},
		{policy(2, percent, 25*percent), 403, 597, 100}, // five standard deviations about 500
		{policy(3, percent, shadow.Whole), calls, calls, 100},
		{rolledBack(4), 0, 0, 0},
	} {
		r.publish(t, c.policy)
		r.settle(t, c.policy.Epoch)
		eventually(t, fmt.Sprintf("policy %d is in force at the client", c.policy.Epoch), func() bool { return ask(t, client, 100, "x-beta", "1") == c.beta })
		if got := ask(t, client, calls); got < c.least || got > c.most {
			t.Errorf("policy %d: %d of %d calls at the candidate, wanted %d to %d", c.policy.Epoch, got, calls, c.least, c.most)
		}
		if got := ask(t, client, 100, "x-beta", "2"); got > 0 && c.policy.Serve == 0 {
			t.Errorf("policy %d: %d calls with another value at the candidate", c.policy.Epoch, got)
		}
	}
}

// TestRealGRPCClientRefuses: the client cannot use a cluster, says so, and goes on with the one before.
func TestRealGRPCClientRefuses(t *testing.T) {
	r, client := grpcRig(t)
	r.publish(t, policy(1, percent, 0))
	r.settle(t, 1)
	r.mu.Lock()
	next, err := r.prepare(Directive{Policy: policy(2, percent, shadow.Whole)})
	if err == nil {
		odd := edsCluster(candidateCluster)
		odd.LbPolicy = cluster.Cluster_MAGLEV
		next.snapshots[GRPC][resource.ClusterType], err = write(resource.ClusterType, []types.Resource{edsCluster(stableCluster), odd})
		r.enforce(next, promotion)
	}
	r.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	var refused *RefusedError
	if err := r.wait(t, 2); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "lbPolicy") && !strings.Contains(refused.Reason, "MAGLEV") {
		t.Fatalf("wait: %v", err)
	}
	t.Logf("its words: %s", refused.Reason)
	r.settle(t, 1)
	eventually(t, "all calls at the stable release", func() bool { return ask(t, client, 50) == 0 })
	r.kill() // and without a control plane
	time.Sleep(50 * time.Millisecond)
	if got := ask(t, client, 200); got != 0 {
		t.Errorf("%d calls at the candidate", got)
	}
}

package xds

import (
	"testing"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const (
	crowd         = 1000
	streamsAConn  = 100
	mostForCrowd  = time.Second
	slackForTests = 5 // times; other tests run beside this one
)

// crowdOf lets this many subscribers follow, over a few connections.
func crowdOf(t testing.TB, r *rig, n int, types ...string) {
	t.Helper()
	var conn *grpc.ClientConn
	for i := range n {
		if i%streamsAConn == 0 {
			conn = dial(t, r.addr)
		}
		(&robot{}).live(t, conn, r.config.Subscribers[i].Name, types...)
	}
}

func TestThousandSubscribersAreSettledSoon(t *testing.T) {
	r := newRig(t, named(manyNamed(crowd, Envoy)...), nil)
	crowdOf(t, r, crowd, envoyTypes()...)
	r.settle(t, 0)
	for epoch := uint64(1); epoch <= 5; epoch++ {
		p := policy(epoch, 5*percent, percent*shadow.Share(epoch))
		if epoch == 5 {
			p = rolledBack(epoch)
		}
		start := time.Now()
		r.publish(t, p)
		r.settle(t, epoch)
		took := time.Since(start)
		t.Logf("policy %d: %s from the decision to the last of %d acknowledging", epoch, took.Round(time.Millisecond), crowd)
		if took > slackForTests*mostForCrowd {
			t.Errorf("policy %d took %s", epoch, took)
		}
	}
}

func BenchmarkThousandSubscribers(b *testing.B) {
	benchmarkPublish(b, crowd, Envoy, envoyTypes()...)
}

func BenchmarkLocalSidecar(b *testing.B) {
	benchmarkPublish(b, 1, Sidecar, resource.RouteType)
}

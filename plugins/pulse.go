package plugins

import (
	"context"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// missedBeats is how many heartbeats in a row may fail before a process counts as hung.
const missedBeats = 2

// pulse listens to the adapter's heart until stop is closed, and ends a process whose heart stopped: nothing else would
// notice an adapter that hangs while it is not asked anything, or that is stopped in the middle of a call.
func (r *remote) pulse(stop <-chan struct{}, kill func()) {
	tick := time.NewTicker(r.timing.Pulse)
	defer tick.Stop()
	for missed := 0; ; {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		if r.beats() {
			missed = 0
			continue
		}
		if missed++; missed < missedBeats {
			continue
		}
		if r.exited(0) == "" {
			r.hung.Store(true)
			r.metrics.failed(r.name, OpPulse)
			kill()
		}
		return
	}
}

func (r *remote) beats() bool {
	ctx, cancel := context.WithTimeout(context.Background(), r.timing.Pulse)
	defer cancel()
	_, err := r.health.Check(ctx, &healthpb.HealthCheckRequest{Service: goplugin.GRPCServiceName})
	return err == nil
}

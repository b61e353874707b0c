package app

import (
	"context"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// memberWait is how long word of an order that was just found gray may take from one sidecar to another.
const memberWait = 200 * time.Millisecond

func busLogin(b config.BusClient) bus.Login {
	return bus.Login{URL: b.URL.String(), User: b.User, Password: b.PasswordFile.Text()}
}

// sharing connects to what the sidecars of this service know together.
func (s *sidecar) sharing(context.Context) error {
	if s.cfg.Bus.Share {
		s.values = bus.NewValues(busLogin(s.cfg.Bus), s.log)
		s.part("values", partBound, s.values.Run)
	}
	return nil
}

// members are the orders that any of these sidecars found gray. One that the store did not take is tainted, since
// another sidecar may leave a request of it out.
func (s *sidecar) members(cfg proxy.Config) *proxy.SharedMembers {
	lost := func(order string) { s.sink.taint(order, shadow.CauseMembership) }
	store := fencedStore{MemberStore: s.values.Members(), raise: func(epoch uint64) {
		if err := s.fence.raise(epoch); err != nil {
			s.log.Error("another sidecar's rollback", telemetry.KeyError, err)
		}
	}}
	m := proxy.NewSharedMembers(cfg.Limits.Members, cfg.Salt, store, lost, s.registry)
	s.part("members", partBound, m.Run)
	s.health.Tell("members", func(context.Context) error { return m.Ready() })
	return m
}

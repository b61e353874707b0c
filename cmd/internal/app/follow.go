package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/proxy/xds"
)

// Why a sidecar refuses a policy.
var (
	errOtherRelease = errors.New("policy is of another release than the one that runs here")
	errRolledBack   = errors.New("policy is not newer than a rollback that is in force here")
)

// follows subscribes to the control plane. What an earlier run took last is in force before the ports open.
func (s *sidecar) follows(context.Context) error {
	c := s.cfg.ControlPlane
	if c == nil {
		return nil
	}
	cfg := xds.ClientConfig{Address: string(c.Address), Node: c.Node, Service: c.Service, File: string(c.Last)}
	if c.TLS != nil {
		server, err := c.TLS.Server()
		if err != nil {
			return fmt.Errorf("control_plane.tls: %w", err)
		}
		if cfg.TLS, err = c.TLS.Client(); err != nil {
			return fmt.Errorf("control_plane.tls: %w", err)
		}
		cfg.TLS.Certificates = server.Certificates
	}
	s.control = xds.NewClient(cfg, s.obey, s.log, s.registry)
	if _, err := s.control.Resume(); err != nil && !errors.Is(err, errRolledBack) { // a rollback that came later holds
		return fmt.Errorf("last policy: %w", err)
	}
	s.part("control-plane", partBound, s.control.Run)
	s.health.Tell("control-plane", func(context.Context) error { return s.control.Ready() })
	return nil
}

// obey puts a directive into force, all of it at once, or leaves everything as it is. A rollback that is kept here is
// never undone by it.
func (s *sidecar) obey(d xds.Directive) error {
	f := s.fence
	f.mu.Lock()
	defer f.mu.Unlock()
	switch asks := d.Gray > 0 || d.Serve > 0; {
	case d.Candidate != s.cfg.Release:
		return fmt.Errorf("%w: %s, and here it is %s", errOtherRelease, d.Candidate, s.cfg.Release)
	case asks && d.Epoch <= f.epoch:
		return fmt.Errorf("%w: epoch %d, rollback %d", errRolledBack, d.Epoch, f.epoch)
	}
	if err := s.proxy.SetSlice(controlled(s.cfg.Release, d, max(f.epoch, d.Fence))); err != nil {
		return err
	}
	f.directive = d
	if err := f.put(d.Fence); err != nil { // it is in force, and what is in force is what is acknowledged
		s.log.Error("the rollback is in force", telemetry.KeyEpoch, d.Fence, telemetry.KeyError, err)
	}
	s.log.Info("policy in force", telemetry.KeyEpoch, d.Epoch, "gray", d.Gray.String(), "serve", d.Serve.String())
	return nil
}

// controlled is what a directive samples and serves behind a rollback.
func controlled(release string, d xds.Directive, fence uint64) proxy.Slice {
	out := proxy.Slice{Release: release, Epoch: fence, Policy: d.Epoch, PerMillion: uint32(d.Gray), Serve: uint32(d.Serve)}
	if d.Epoch == 0 || d.RolledBack || d.Epoch <= fence {
		out.PerMillion, out.Serve, out.Halted = 0, 0, true
	}
	return out
}

// policy is what the control plane put into force last.
func (f *fence) policy() xds.Directive {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.directive
}

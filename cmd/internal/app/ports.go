package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/response"
	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/proxy/egress"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// egress opens the two ports for outgoing channel calls.
func (s *sidecar) egress(context.Context) error {
	e := s.cfg.Egress
	if e == nil {
		return nil
	}
	cfg := egress.Config{Channel: e.Channel, Limits: egress.Limits{MaxSamples: e.Recordings, MaxBody: int64(s.cfg.HTTP.MaxBody)}}
	for _, o := range e.Operations {
		cfg.Operations = append(cfg.Operations, egress.Operation{
			Name: o.Name, Method: o.Method, Path: o.Path, Class: o.Class, IgnoreHeaders: o.IgnoreHeaders, IgnoreFields: o.IgnoreFields, Fields: o.Fields,
		})
	}
	if errs := cfg.Validate(); len(errs) > 0 {
		return fmt.Errorf("egress: %w", errors.Join(errs...))
	}
	deps := egress.Deps{Signer: s.signer, Registry: s.registry, Now: time.Now}
	if s.values != nil {
		deps.Store, deps.Secret = s.values.Recordings(), s.cfg.Tag.SaltFile.Bytes()
		deps.Lost = func(sample string) { s.sink.void(sample, shadow.CauseGuard) }
	}
	s.guard = egress.New(cfg, deps)
	s.guard.Fence(max(s.cfg.Epoch, s.fence.at()))
	s.part("recordings", partBound, s.guard.Run)
	if err := s.serve("egress-primary", e.Primary.Listen, s.guard.Primary(), httpDrain); err != nil {
		return err
	}
	return s.serve("egress-shadow", e.Shadow.Listen, s.guard.Shadow(), httpDrain)
}

// http opens the port of the clients, behind which everything else is ready by then.
func (s *sidecar) http(context.Context) error {
	policy, err := comparing(s.cfg.Compare, s.cfg.HTTP.Routes)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	compared, errs := response.New(policy)
	if len(errs) > 0 {
		return fmt.Errorf("compare: %w", errors.Join(errs...))
	}
	cfg := s.proxyConfig()
	if s.cfg.HTTP.TLS != nil {
		var err error
		if cfg.TLS, err = s.cfg.HTTP.TLS.Server(); err != nil {
			return fmt.Errorf("http.tls: %w", err)
		}
	}
	if errs := cfg.Validate(); len(errs) > 0 {
		return fmt.Errorf("http: %w", errors.Join(errs...))
	}
	deps := proxy.Deps{
		Signer: s.signer, Publisher: s.sink, Comparer: compared, Registry: s.registry, Tracer: s.tracing.Provider, Propagator: s.tracing.Propagator,
		Log: s.log, Now: time.Now, NewSample: proxy.NewSampleID,
	}
	if s.sink.statements != nil {
		deps.Began = s.sink.statements.began
	}
	if s.guard != nil {
		deps.Calls = s.guard
	}
	if s.values != nil {
		cfg.Limits.MemberWait = memberWait
		deps.Members = s.members(cfg)
	}
	s.fence.mu.Lock() // another sidecar's rollback may come at any time
	cfg.Slice = s.slice()
	s.proxy = proxy.New(cfg, deps)
	s.fence.mu.Unlock()
	ln, err := s.listen("http", s.cfg.HTTP.Listen)
	if err != nil {
		return err
	}
	s.part("mirror", cfg.Limits.DrainTimeout+cfg.Limits.ShadowTimeout+partBound, s.proxy.Run)
	s.part("http", s.cfg.HTTP.Drain+partBound, func(ctx context.Context) error { return s.proxy.Serve(ctx, ln) })
	return nil
}

func (s *sidecar) proxyConfig() proxy.Config {
	h, t := s.cfg.HTTP, s.cfg.Tag
	cfg := proxy.Config{
		Instance: s.sink.instance, Upstream: h.Stable, Candidate: h.Candidate, Serving: h.Serving, Copies: h.Copies, Salt: t.SaltFile.Bytes(), Trusted: t.TrustedGateways,
		Slice: s.slice(),
		Limits: proxy.Limits{
			MaxBody: int64(h.MaxBody), QueueLength: h.Queue, Workers: h.Workers, Members: h.Membership, HeaderTimeout: h.ResponseHeaderTimeout,
			ShadowTimeout: h.ShadowTimeout, OrderWait: h.OrderWait, DrainTimeout: h.Drain, TotalTimeout: h.Timeout, ClientIdle: h.Idle,
			Connections: h.Connections, Streams: h.Streams, MaxHeader: int(h.MaxHeader),
		},
		BodySample: uint32(s.cfg.Compare.BodySample),
	}
	for _, r := range t.Rules {
		rule := proxy.Rule{Paths: r.Paths, Methods: r.Methods, Networks: r.Networks, Merchants: r.Merchants, PerMillion: uint32(r.Percent)}
		rule.Header, rule.Cookie = proxy.Named{Name: r.Header}, proxy.Named{Name: r.Cookie}
		if r.Header != "" {
			rule.Header.Values = r.Values
		} else {
			rule.Cookie.Values = r.Values
		}
		cfg.Rules = append(cfg.Rules, rule)
	}
	for _, r := range h.Routes {
		route := proxy.Route{Name: r.Name, Method: r.Method, Path: r.Path, Creates: r.Creates, Callback: r.Callback, CopyTo: r.CopyTo, Key: proxy.KeyRule{Source: proxy.Source(r.Key.Order())}, Mirror: r.Mirror}
		if r.Key.Merchant != nil {
			route.Key.Merchant = proxy.Source(*r.Key.Merchant)
		}
		if a := r.Amount; a != nil {
			route.Amount = proxy.AmountRule{Field: a.Field, Unit: a.Unit, Currency: recon.Currency(a.Currency)}
		}
		cfg.Routes = append(cfg.Routes, route)
	}
	return cfg
}

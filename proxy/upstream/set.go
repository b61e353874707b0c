package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Resolver is the part of net.Resolver that is used.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) (addresses []netip.Addr, err error)
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, records []*net.SRV, err error)
}

// endpoint is one address of a service.
type endpoint struct {
	addr     string // ip:port
	host     string // as DNS called it
	priority uint16
	weight   uint16

	failures int
	until    time.Time // left out until then
	idle     []*Conn   // last used last
	gone     bool      // DNS does not name it any more
}

const (
	resolveEvery   = 10 * time.Second
	resolveTimeout = 5 * time.Second
	minOut, maxOut = time.Second, 30 * time.Second
)

// set is the known addresses of a service.
type set struct {
	target   Target
	resolver Resolver
	now      func() time.Time
	fixed    bool // the host is an address, which needs no lookup

	mu        sync.Mutex
	endpoints []*endpoint // by priority
	resolved  time.Time
	under     bool // a lookup is under way
}

func newSet(cfg Config) *set {
	host, _, _ := net.SplitHostPort(cfg.Target.Host)
	return &set{target: cfg.Target, resolver: cfg.Resolver, now: cfg.Now, fixed: !cfg.Target.SRV && net.ParseIP(host) != nil}
}

var errNoAddress = errors.New("no address is known")

// pick chooses the address of one request: by weight among those of the best priority that has one that answers. With
// none of them up, the one that was left out first is tried.
func (s *set) pick(ctx context.Context) (*endpoint, error) {
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.endpoints) == 1 {
		return s.endpoints[0], nil
	}
	now := s.now()
	var up []*endpoint
	for _, e := range s.endpoints {
		if len(up) > 0 && e.priority != up[0].priority {
			break
		}
		if !e.until.After(now) {
			up = append(up, e)
		}
	}
	if len(up) == 0 {
		return slices.MinFunc(s.endpoints, func(a, b *endpoint) int { return a.until.Compare(b.until) }), nil
	}
	return byWeight(up), nil
}

// byWeight chooses as RFC 2782 says; a weight of zero is next to never chosen beside others.
func byWeight(up []*endpoint) *endpoint {
	total := 0
	for _, e := range up {
		total += int(e.weight)
	}
	if total == 0 {
		return up[rand.IntN(len(up))]
	}
	at := rand.IntN(total)
	for _, e := range up {
		if at -= int(e.weight); at < 0 {
			return e
		}
	}
	return up[len(up)-1]
}

// failed leaves an address out, longer each time.
func (s *set) failed(e *endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := min(minOut<<min(e.failures, 5), maxOut)
	e.failures++
	e.until = s.now().Add(out)
}

func (s *set) works(e *endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.failures, e.until = 0, time.Time{}
}

// refresh looks the name up when it is time: the first time somebody waits for it, later nobody does.
func (s *set) refresh(ctx context.Context) error {
	s.mu.Lock()
	known, due := len(s.endpoints) > 0, s.now().Sub(s.resolved) >= resolveEvery && !s.under
	if known && (!due || s.fixed) {
		s.mu.Unlock()
		return nil
	}
	s.under = true
	s.mu.Unlock()
	if known {
		go func() { _ = s.lookUp(context.WithoutCancel(ctx)) }() // what is known stays good enough
		return nil
	}
	return s.lookUp(ctx)
}

func (s *set) lookUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	found, err := s.find(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under, s.resolved = false, s.now()
	if err == nil && len(found) == 0 {
		err = errNoAddress
	}
	if err != nil {
		return fmt.Errorf("look up %s: %w", s.target.Host, err)
	}
	s.adopt(found)
	return nil
}

// adopt takes over what DNS said and keeps what is known of the addresses that stay.
func (s *set) adopt(found []*endpoint) {
	for i, e := range found {
		at := slices.IndexFunc(s.endpoints, func(known *endpoint) bool { return known.addr == e.addr })
		if at >= 0 {
			known := s.endpoints[at]
			known.host, known.priority, known.weight = e.host, e.priority, e.weight
			found[i] = known
		}
	}
	for _, e := range s.endpoints {
		if !slices.Contains(found, e) {
			closeAll(e.idle)
			e.idle, e.gone = nil, true
		}
	}
	slices.SortStableFunc(found, func(a, b *endpoint) int { return cmp.Compare(a.priority, b.priority) })
	s.endpoints = found
}

func (s *set) find(ctx context.Context) ([]*endpoint, error) {
	if !s.target.SRV {
		host, port, err := net.SplitHostPort(s.target.Host)
		if err != nil {
			return nil, err
		}
		return s.addresses(ctx, host, port, 0, 1)
	}
	_, records, err := s.resolver.LookupSRV(ctx, "", "", s.target.Host)
	if err != nil {
		return nil, err
	}
	var out []*endpoint
	var failed error
	for _, r := range records {
		some, err := s.addresses(ctx, strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port)), r.Priority, r.Weight)
		out, failed = append(out, some...), errors.Join(failed, err)
	}
	if len(out) > 0 {
		failed = nil // a cluster without addresses is a cluster that is down
	}
	return out, failed
}

func (s *set) addresses(ctx context.Context, host, port string, priority, weight uint16) ([]*endpoint, error) {
	if net.ParseIP(host) != nil {
		return []*endpoint{{addr: net.JoinHostPort(host, port), host: host, priority: priority, weight: weight}}, nil
	}
	ips, err := s.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var out []*endpoint
	for _, ip := range ips {
		out = append(out, &endpoint{addr: net.JoinHostPort(ip.Unmap().String(), port), host: host, priority: priority, weight: weight})
	}
	return out, nil
}

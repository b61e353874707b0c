package xds

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Guard tells every sidecar of a rollback by another way than its stream: from then on nothing that was tagged before
// passes there, and no older policy is in force. It holds back no Envoy and no gRPC client that serves from the candidate.
type Guard interface {
	Fence(ctx context.Context, epoch uint64) error
}

// Deps is what a server works with. Guard may be nil: nothing is fenced then.
type Deps struct {
	Guard    Guard
	Log      *slog.Logger
	Registry prometheus.Registerer
	Now      func() time.Time
	Patience time.Duration // a connected subscriber that is silent for longer counts as gone; 10 s
}

// Errors of Publish and Wait.
var (
	ErrStale      = errors.New("policy is older than what is in force")
	ErrRolledBack = errors.New("rolled back")
	ErrUnsettled  = errors.New("what is in force is not acknowledged by all")
	ErrNoCapacity = errors.New("there is no instance of the candidate that serves")
	ErrSuperseded = errors.New("another policy is in force")
	ErrForeign    = errors.New("policy is of another rollout")
)

// RefusedError says which subscriber refused a promotion, and that the last acknowledged policy is in force again.
type RefusedError struct {
	Epoch      uint64 `json:"epoch"`
	Subscriber string `json:"subscriber"`
	Reason     string `json:"reason"` // its own words
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("policy %d was refused by %s: %s", e.Epoch, e.Subscriber, e.Reason)
}

// Server publishes policies. It is safe for concurrent use.
//
//	Publish ──check──► in force ──► streams ──► subscribers
//	                      ▲                         │ ACK, NACK by stream and nonce
//	    last acknowledged ┘◄──── a promotion is refused
//
// A rollback stays in force whatever is said about it.
type Server struct {
	config   Config
	deps     Deps
	metrics  *metrics
	patience time.Duration

	mu      sync.Mutex
	inForce *rollout
	good    *rollout // the last that all acknowledged; nil = none was yet
	refused *RefusedError
	fence   uint64 // epoch of the last rollback
	fenced  uint64 // up to which the guards have confirmed
	members map[string]*member
	waiting map[string]bool // members that have not settled what is in force
	changed chan struct{}   // closed, and another one made, when anything of this changes
	fencing chan struct{}   // has room for one: wakes Run
	turn    uint64          // of the last state that was to be kept

	disk    disk
	unsaved chan struct{} // has room for one: something is to be kept, and nothing waits for it
}

// New makes a server whose configuration has passed Validate, with what an earlier run left in force. It fails when that
// cannot be read: it may be a rollback.
func New(config Config, deps Deps) (*Server, error) {
	s := &Server{
		config: config, deps: deps, metrics: newMetrics(deps.Registry), patience: deps.Patience,
		members: map[string]*member{}, waiting: map[string]bool{}, changed: make(chan struct{}), fencing: make(chan struct{}, 1),
		disk: disk{file: config.State, save: save}, unsaved: make(chan struct{}, 1),
	}
	if s.patience <= 0 {
		s.patience = defaultPatience
	}
	for _, n := range config.Subscribers {
		s.members[n.Name] = &member{Named: n, streams: map[*stream]bool{}}
	}
	return s, s.recover()
}

const defaultPatience = 10 * time.Second

const (
	maxMessage = 1 << 20          // bytes of what a subscriber may send
	pingEvery  = 10 * time.Second // and as long again until a connection counts as lost
	pingBound  = 5 * time.Second
)

// Serve answers subscribers until ctx ends. Without TLS it takes a listener on loopback only.
func (s *Server) Serve(ctx context.Context, ln net.Listener, secure *tls.Config) error {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: pingBound}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingBound, PermitWithoutStream: true}),
	}
	switch {
	case secure != nil:
		options = append(options, grpc.Creds(credentials.NewTLS(secure)))
	case !loopback(ln.Addr()):
		return fmt.Errorf("control plane on %s without TLS: %w", ln.Addr(), errOpen)
	}
	g := grpc.NewServer(options...)
	discovery.RegisterAggregatedDiscoveryServiceServer(g, s)
	inner, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	parts.Go(func() { s.watch(inner) })
	parts.Go(func() { s.keeps(inner) })
	parts.Go(func() {
		<-inner.Done()
		g.Stop() // a subscriber keeps what it has
	})
	err := g.Serve(ln)
	stop()
	parts.Wait()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve control plane: %w", err)
	}
	return nil
}

var errOpen = errors.New("only loopback addresses may be served in clear text")

func loopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return !ok || t.IP.IsLoopback() // not TCP: a test's pipe, or a socket file
}

// Publish puts a policy into force for all subscribers, or says why none of them may be given it. It does not wait: Wait
// does. The policy in force may be published again.
//
// A promotion is refused while what is in force is not acknowledged by all, since there would be nothing to return to; it
// is kept on disk before anybody is given it. A rollback, and anything that asks for less, is always taken; a rollback goes
// to the streams and the guards first, and is kept then.
func (s *Server) Publish(_ context.Context, p shadow.Policy) error {
	before, err := s.publish(p)
	if err != nil {
		return fmt.Errorf("publish policy %d: %w", p.Epoch, err)
	}
	if p != before && p.RolledBack {
		s.write(s.latest())
	}
	return nil
}

// publish gives the policy that was in force before.
func (s *Server) publish(p shadow.Policy) (before shadow.Policy, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.inForce.Policy
	if err := s.mayPublish(p); err != nil || p == before {
		return before, err
	}
	d := Directive{Policy: p, Fence: s.fence}
	if p.RolledBack {
		d.Fence = max(s.fence, p.Epoch)
	}
	next, err := s.prepare(d)
	if err != nil {
		return before, err
	}
	s.fence = d.Fence
	s.enforce(next, kindOf(s.inForce.Directive, d))
	if p.RolledBack {
		s.wakeFencing()
	}
	return before, nil
}

// Wait waits until the policy of an epoch is settled: every subscriber has acknowledged it, or, after a rollback, is
// fenced. It fails when the policy was refused, or another one took its place.
func (s *Server) Wait(ctx context.Context, epoch uint64) error {
	for {
		done, changed, err := s.settled(epoch)
		if done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for policy %d: %w", epoch, ctx.Err())
		}
	}
}

func (s *Server) settled(epoch uint64) (bool, <-chan struct{}, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.refused != nil && s.refused.Epoch == epoch:
		return false, nil, s.refused
	case s.inForce.Epoch != epoch:
		return false, nil, fmt.Errorf("policy %d: %w: %d", epoch, ErrSuperseded, s.inForce.Epoch)
	}
	return len(s.waiting) == 0, s.changed, nil
}

// Status is what is in force and how far it has come.
type Status struct {
	InForce     Directive     `json:"in_force"`
	Settled     bool          `json:"settled"`
	Took        time.Duration `json:"took,omitempty"` // until it was settled
	Refused     *RefusedError `json:"refused,omitempty"`
	Fenced      uint64        `json:"fenced"` // epoch that the guards have confirmed
	Subscribers []Subscriber  `json:"subscribers"`
}

// Status tells it.
func (s *Server) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{
		InForce: s.inForce.Directive, Settled: len(s.waiting) == 0, Took: s.inForce.took, Refused: s.refused, Fenced: s.fenced, Subscribers: s.subscribers(),
	}
}

// Subscribers are the named ones, in the order of the configuration.
func (s *Server) Subscribers() []Subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subscribers()
}

func (s *Server) subscribers() []Subscriber {
	out := make([]Subscriber, 0, len(s.config.Subscribers))
	for _, n := range s.config.Subscribers {
		out = append(out, s.describe(s.members[n.Name]))
	}
	return out
}

package xds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// stream is one subscription over ADS. go-control-plane's server speaks the protocol; it asks the stream what to send,
// and tells it what went out and what came back.
//
// A snapshot cache would do that for many streams, but not say which of them has what: it sends a refused version again
// and again, and takes a late answer for one to the version after it.
type stream struct {
	server *Server
	names  []string // in the certificate of its end; nil = there is no TLS
	member *member  // nil until it has said who it is
	feeds  map[string]*feed
}

// feed is one type of a stream.
type feed struct {
	offer  func() bool // answers the open watch if there is something new; nil = none is open
	handed *rollout    // given to be sent, not on the wire yet
	sent   sent
	acked  bool // what was sent last
	nacked bool
}

// sent is what went out last.
type sent struct {
	nonce   string
	version string
	of      *rollout
}

// StreamAggregatedResources serves the state of the world.
func (s *Server) StreamAggregatedResources(str discovery.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	st := s.open(str.Context())
	defer s.closed(st)
	return sotw.NewServer(str.Context(), st, st, sotw.WithOrderedADS(), sotw.WithLogger(silent{})).StreamHandler(str, resource.AnyType)
}

// DeltaAggregatedResources serves what changes.
func (s *Server) DeltaAggregatedResources(str discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	st := s.open(str.Context())
	defer s.closed(st)
	return delta.NewServer(str.Context(), st, st, delta.WithLogger(silent{})).DeltaStreamHandler(str, resource.AnyType)
}

func (s *Server) open(ctx context.Context) *stream {
	st := &stream{server: s, feeds: map[string]*feed{}}
	if p, ok := peer.FromContext(ctx); ok {
		if secure, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			st.names = []string{}
			for _, c := range secure.State.PeerCertificates[:min(1, len(secure.State.PeerCertificates))] {
				st.names = append(append(st.names, c.Subject.CommonName), c.DNSNames...)
			}
		}
	}
	return st
}

func (s *Server) closed(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st.member == nil {
		return
	}
	delete(st.member.streams, st)
	s.metrics.streams.Dec()
	s.review(st.member)
	s.conclude()
	if s.inForce.RolledBack {
		s.wakeFencing()
	}
}

var errUnknown = errors.New("is no subscriber of this control plane")

// identify takes the first word of a stream: who it is. Who is not named is not served, since no change would wait for it.
func (st *stream) identify(node *core.Node) error {
	if st.member != nil {
		return nil
	}
	m := st.server.members[node.GetId()]
	switch {
	case m == nil:
		st.server.metrics.strangers.Inc()
		return status.Error(codes.PermissionDenied, fmt.Sprintf("%q %v; try: its node id among control_plane.subscribers", node.GetId(), errUnknown))
	case m.Certificate != "" && !slices.Contains(st.names, m.Certificate):
		st.server.metrics.strangers.Inc()
		return status.Error(codes.PermissionDenied, fmt.Sprintf("%q comes with another certificate than that of %s", node.GetId(), m.Certificate))
	}
	st.member = m
	m.streams[st] = true
	st.server.metrics.streams.Inc()
	st.server.waiting[m.Name] = true
	return nil
}

func (st *stream) snapshot() snapshot { return st.server.inForce.snapshots[st.member.Kind] }

func (st *stream) feed(typ string) *feed {
	if st.feeds[typ] == nil {
		st.feeds[typ] = &feed{}
	}
	return st.feeds[typ]
}

// offer gives the stream what is new, in an order in which nothing refers to what is not there yet.
func (st *stream) offer() {
	for _, typ := range order() {
		if f := st.feeds[typ]; f != nil && f.offer != nil && f.offer() {
			f.offer = nil
		}
	}
}

// wait answers a watch now, or keeps it until there is something new.
func (st *stream) wait(typ string, offer func() bool) (cancel func()) {
	f := st.feed(typ)
	f.handed = nil // what was given for an earlier watch and not sent is not sent any more
	if f.offer = offer; offer() {
		f.offer = nil
	}
	return func() {
		st.server.mu.Lock()
		defer st.server.mu.Unlock()
		f.offer = nil
	}
}

// answered takes what a subscriber says about what was sent last. An answer to anything else is stale, and counts for
// nothing.
func (st *stream) answered(typ, nonce string, accepted bool, refusal string) {
	s, f := st.server, st.feed(typ)
	switch {
	case nonce == "": // asks, and answers nothing
		return
	case nonce != f.sent.nonce:
		s.metrics.stale.Inc()
		return
	case refusal != "":
		st.nack(f, refusal)
	case accepted && !f.nacked:
		f.acked = true
	}
	s.review(st.member)
	s.conclude()
}

const maxReason = 500 // bytes of a refusal that are kept

// nack keeps a refusal, the first of each answer.
func (st *stream) nack(f *feed, refusal string) {
	if f.nacked {
		return
	}
	f.nacked = true
	m := st.member
	m.refused, m.reason = f.sent.of.Epoch, refusal[:min(len(refusal), maxReason)]
	if f.sent.of == st.server.inForce {
		st.server.refuse(m)
	}
}

// handing marks what is about to be sent.
func (st *stream) handing(f *feed) {
	f.handed = st.server.inForce
	st.member.serves = st.member.serves || f.handed.Serve > 0
}

// went marks what is on the wire.
func (st *stream) went(typ, nonce, version string) {
	s := st.server
	s.mu.Lock()
	defer s.mu.Unlock()
	f := st.feed(typ)
	f.sent = sent{nonce: nonce, version: version, of: f.handed}
	f.acked, f.nacked, f.handed = false, false, nil
}

var _ cache.ConfigWatcher = (*stream)(nil)

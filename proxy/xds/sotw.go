package xds

import (
	"context"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// CreateWatch answers a request as soon as there is something that the stream was not sent.
func (st *stream) CreateWatch(req *discovery.DiscoveryRequest, sub cache.Subscription, out chan cache.Response) (func(), error) {
	st.server.mu.Lock()
	defer st.server.mu.Unlock()
	return st.wait(req.GetTypeUrl(), func() bool {
		current, f := st.snapshot()[req.GetTypeUrl()], st.feed(req.GetTypeUrl())
		if current == nil || (f.sent.version == current.version && !asksForMore(sub, current)) {
			return false
		}
		select {
		case out <- whole(req, sub, current):
			st.handing(f)
			return true
		default: // cannot be: the channel has room for one answer of each type
			return false
		}
	}), nil
}

// asksForMore tells whether a name is asked for now that was not before.
func asksForMore(sub cache.Subscription, current *written) bool {
	returned := sub.ReturnedResources()
	for name := range sub.SubscribedResources() {
		if _, had := returned[name]; !had && current.by[name] != nil {
			return true
		}
	}
	return false
}

// whole is all that the subscription asks for.
func whole(req *discovery.DiscoveryRequest, sub cache.Subscription, current *written) cache.Response {
	given, list := map[string]string{}, []*anypb.Any{}
	for _, name := range current.names {
		if _, asked := sub.SubscribedResources()[name]; asked || sub.IsWildcard() {
			given[name] = current.version
			list = append(list, current.by[name])
		}
	}
	return &cache.PassthroughResponse{
		Request: req, ReturnedResources: given,
		DiscoveryResponse: &discovery.DiscoveryResponse{VersionInfo: current.version, Resources: list, TypeUrl: req.GetTypeUrl()},
	}
}

// OnStreamOpen has nothing to do.
func (st *stream) OnStreamOpen(context.Context, int64, string) error { return nil }

// OnStreamClosed has nothing to do: the handler's end is the stream's.
func (st *stream) OnStreamClosed(int64, *core.Node) {}

// OnStreamRequest takes what the subscriber says about what it was sent. It accepts a version by naming it: a request that
// only changes the names it asks for, after a refusal, names the version before.
func (st *stream) OnStreamRequest(_ int64, req *discovery.DiscoveryRequest) error {
	st.server.mu.Lock()
	defer st.server.mu.Unlock()
	if err := st.identify(req.GetNode()); err != nil {
		return err
	}
	accepted := req.GetVersionInfo() == st.feed(req.GetTypeUrl()).sent.version
	st.answered(req.GetTypeUrl(), req.GetResponseNonce(), accepted, refusalOf(req.GetErrorDetail()))
	return nil
}

// OnStreamResponse marks what goes out.
func (st *stream) OnStreamResponse(_ context.Context, _ int64, req *discovery.DiscoveryRequest, res *discovery.DiscoveryResponse) {
	st.went(req.GetTypeUrl(), res.GetNonce(), res.GetVersionInfo())
}

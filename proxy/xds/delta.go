package xds

import (
	"context"
	"maps"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
)

// CreateDeltaWatch answers a request as soon as something that it asks for is not as the stream was sent it.
func (st *stream) CreateDeltaWatch(req *discovery.DeltaDiscoveryRequest, sub cache.Subscription, out chan cache.DeltaResponse) (func(), error) {
	st.server.mu.Lock()
	defer st.server.mu.Unlock()
	return st.wait(req.GetTypeUrl(), func() bool {
		current, f := st.snapshot()[req.GetTypeUrl()], st.feed(req.GetTypeUrl())
		if current == nil || (f.sent.version == current.version && !asksForMore(sub, current)) {
			return false
		}
		select {
		case out <- difference(req, sub, current):
			st.handing(f)
			return true
		default: // cannot be: the channel has room for two answers of each type
			return false
		}
	}), nil
}

// difference is what the subscriber does not have. It goes out even when it is nothing, so that a version that came back
// to what the subscriber has is acknowledged too.
func difference(req *discovery.DeltaDiscoveryRequest, sub cache.Subscription, current *written) cache.DeltaResponse {
	has := maps.Clone(sub.ReturnedResources())
	res := &discovery.DeltaDiscoveryResponse{TypeUrl: req.GetTypeUrl(), SystemVersionInfo: current.version}
	for _, name := range current.names {
		_, asked := sub.SubscribedResources()[name]
		if version := current.versions[name]; (asked || sub.IsWildcard()) && has[name] != version {
			res.Resources = append(res.Resources, &discovery.Resource{Name: name, Version: version, Resource: current.by[name]})
			has[name] = version
		}
	}
	for name := range has {
		if current.by[name] == nil {
			res.RemovedResources = append(res.RemovedResources, name)
			delete(has, name)
		}
	}
	return &cache.DeltaPassthroughResponse{DeltaRequest: req, NextVersionMap: has, DeltaDiscoveryResponse: res}
}

// OnDeltaStreamOpen has nothing to do.
func (st *stream) OnDeltaStreamOpen(context.Context, int64, string) error { return nil }

// OnDeltaStreamClosed has nothing to do: the handler's end is the stream's.
func (st *stream) OnDeltaStreamClosed(int64, *core.Node) {}

// OnStreamDeltaRequest takes what the subscriber says about what it was sent.
func (st *stream) OnStreamDeltaRequest(_ int64, req *discovery.DeltaDiscoveryRequest) error {
	st.server.mu.Lock()
	defer st.server.mu.Unlock()
	if err := st.identify(req.GetNode()); err != nil {
		return err
	}
	st.answered(req.GetTypeUrl(), req.GetResponseNonce(), true, refusalOf(req.GetErrorDetail()))
	return nil
}

// OnStreamDeltaResponse marks what goes out.
func (st *stream) OnStreamDeltaResponse(_ int64, req *discovery.DeltaDiscoveryRequest, res *discovery.DeltaDiscoveryResponse) {
	st.went(req.GetTypeUrl(), res.GetNonce(), res.GetSystemVersionInfo())
}

// refusalOf gives a NACK's words; "" = it is none.
func refusalOf(detail *status.Status) string {
	switch {
	case detail == nil:
		return ""
	case detail.GetMessage() == "":
		return "without a reason"
	}
	return detail.GetMessage()
}

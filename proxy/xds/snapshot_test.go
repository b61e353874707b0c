package xds

import (
	"errors"
	"strings"
	"testing"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestSnapshotThatWouldLoseRequestsIsRefused(t *testing.T) {
	config := named(Named{Name: "edge", Kind: Envoy})
	action := func(all map[string][]types.Resource) *route.RouteAction {
		return all[resource.RouteType][0].(*route.RouteConfiguration).VirtualHosts[0].Routes[0].GetRoute()
	}
	for name, c := range map[string]struct {
		spoil func(all map[string][]types.Resource)
		want  error
	}{
		"as it is": {func(map[string][]types.Resource) {}, nil},
		"no weight": {func(all map[string][]types.Resource) {
			for _, w := range action(all).GetWeightedClusters().Clusters {
				w.Weight = wrapperspb.UInt32(0)
			}
		}, errWeight},
		"unknown cluster": {func(all map[string][]types.Resource) { action(all).GetWeightedClusters().Clusters[1].Name = "gone" }, errDangling},
		"unknown mirror":  {func(all map[string][]types.Resource) { action(all).RequestMirrorPolicies[0].Cluster = "gone" }, errDangling},
		"no route": {func(all map[string][]types.Resource) {
			all[resource.RouteType][0].(*route.RouteConfiguration).VirtualHosts[0].Routes[0].Action = &route.Route_Route{Route: &route.RouteAction{}}
		}, errAny},
		"cluster without addresses": {func(all map[string][]types.Resource) {
			all[resource.ClusterType] = append(all[resource.ClusterType], edsCluster("more"))
			all[resource.EndpointType] = append(all[resource.EndpointType], assignment("more", nil))
		}, errEmpty},
		"endpoints of no cluster": {func(all map[string][]types.Resource) {
			all[resource.EndpointType] = append(all[resource.EndpointType], assignment("more", []string{"127.0.0.1:1"}))
		}, errAny},
		"cluster without endpoints": {func(all map[string][]types.Resource) { all[resource.EndpointType] = all[resource.EndpointType][1:] }, errAny},
		"listener to no routes":     {func(all map[string][]types.Resource) { delete(all, resource.RouteType) }, errAny},
		"invalid resource": {func(all map[string][]types.Resource) {
			all[resource.ClusterType][0].(*cluster.Cluster).Name = ""
		}, errAny},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := resources(config, Envoy, Directive{Policy: policy(1, percent, percent)})
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(all)
			err = check(Envoy, all)
			if (c.want == nil) != (err == nil) || (c.want != nil && !errors.Is(c.want, errAny) && !errors.Is(err, c.want)) {
				t.Errorf("error %v, wanted %v", err, c.want)
			}
		})
	}
}

var errAny = errors.New("any")

func TestServeWithoutInstancesIsRefused(t *testing.T) {
	config := named(Named{Name: "edge", Kind: Envoy})
	config.Routing.Candidate = nil
	r := newRig(t, config, nil)
	(&robot{}).live(t, dial(t, r.addr), "edge", resource.ClusterType, resource.RouteType)
	r.settle(t, 0)
	if err := r.Publish(t.Context(), policy(1, percent, percent)); !errors.Is(err, ErrNoCapacity) {
		t.Errorf("error %v", err)
	}
	r.publish(t, policy(1, percent, 0))
	r.settle(t, 1)
}

func TestPolicyOfAnotherRolloutIsRefused(t *testing.T) {
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}), nil)
	for name, spoil := range map[string]func(*shadow.Policy){
		"service":   func(p *shadow.Policy) { p.Service = "ship" },
		"stable":    func(p *shadow.Policy) { p.Stable = "v0" },
		"candidate": func(p *shadow.Policy) { p.Candidate = "v3" },
	} {
		p := policy(1, 0, 0)
		spoil(&p)
		if err := r.Publish(t.Context(), p); !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := policy(1, percent, 0)
	p.RolledBack = true
	if err := r.Publish(t.Context(), p); err == nil || !strings.Contains(err.Error(), "rolled back, but gray 1 %") {
		t.Errorf("a policy that contradicts itself: %v", err)
	}
}

func TestDirectiveComesBackAsItWent(t *testing.T) {
	for _, d := range []Directive{
		{Policy: policy(0, 0, 0)},
		{Policy: policy(1, percent, 0)},
		{Policy: policy(1<<60+1, 25*percent, 5*percent), Fence: 1 << 59}, // more than a float holds
		{Policy: policy(7, shadow.Whole, shadow.Whole), Fence: 6},
		{Policy: rolledBack(9), Fence: 9},
	} {
		rc, err := routeConfiguration(named(), Sidecar, d)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ReadDirective(rc); err != nil || got != d {
			t.Errorf("got %+v, %v; wanted %+v", got, err, d)
		}
	}
}

func TestDirectiveAtARollbackAsksForNothing(t *testing.T) {
	for fence, taken := range map[uint64]bool{6: true, 7: false, 8: false} {
		if err := (Directive{Policy: policy(7, percent, 0), Fence: fence}).check(); (err == nil) != taken {
			t.Errorf("rollback %d: %v", fence, err)
		}
		if err := (Directive{Policy: policy(7, 0, 0), Fence: fence}).check(); err != nil {
			t.Errorf("idle, rollback %d: %v", fence, err)
		}
	}
}

func TestRoutesThatContradictTheDirectiveAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*route.RouteConfiguration){
		"no metadata": func(rc *route.RouteConfiguration) { rc.Metadata = nil },
		"more weight": func(rc *route.RouteConfiguration) {
			rc.VirtualHosts[0].Routes[0].GetRoute().GetWeightedClusters().Clusters[1].Weight = wrapperspb.UInt32(20_000)
		},
		"more copies": func(rc *route.RouteConfiguration) {
			rc.VirtualHosts[0].Routes[0].GetRoute().RequestMirrorPolicies[0].RuntimeFraction = portion(shadow.Whole)
		},
		"no host": func(rc *route.RouteConfiguration) { rc.VirtualHosts = nil },
		"two roads": func(rc *route.RouteConfiguration) {
			h := rc.VirtualHosts[0]
			h.Routes = append(h.Routes, h.Routes[0])
		},
		"another cluster": func(rc *route.RouteConfiguration) {
			rc.VirtualHosts[0].Routes[0].GetRoute().GetWeightedClusters().Clusters[0].Name = "elsewhere"
		},
	} {
		t.Run(name, func(t *testing.T) {
			rc, err := routeConfiguration(named(), Sidecar, Directive{Policy: policy(1, percent, percent)})
			if err != nil {
				t.Fatal(err)
			}
			spoil(rc)
			if d, err := ReadDirective(rc); err == nil {
				t.Errorf("taken: %+v", d)
			}
		})
	}
}

func TestPromotionBehindItsRollbackIsNoDirective(t *testing.T) {
	if err := (Directive{Policy: policy(4, percent, 0), Fence: 5}).check(); err == nil {
		t.Error("epoch 4 behind the rollback 5 was taken")
	}
}

func TestConfigComplaints(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Config)
		want  string
	}{
		"no service":      {func(c *Config) { c.Service = "" }, "service:"},
		"no subscribers":  {func(c *Config) { c.Subscribers = nil }, "subscribers: are missing"},
		"twice":           {func(c *Config) { c.Subscribers = append(c.Subscribers, c.Subscribers[0]) }, `a name of their own (got "edge")`},
		"no routing":      {func(c *Config) { c.Routing = nil }, "routing: is missing: edge is of kind envoy"},
		"no listener":     {func(c *Config) { c.Routing.Listen = "" }, "routing.listen: is missing"},
		"no stable":       {func(c *Config) { c.Routing.Stable = nil }, "routing.stable: has no address"},
		"a name":          {func(c *Config) { c.Routing.Candidate = []string{"pay.internal:80"} }, "routing.candidate: is no IP address and port"},
		"forced too much": {func(c *Config) { c.Routing.Force.Share = shadow.Whole + 1 }, "routing.force: share must be within"},
		"release":         {func(c *Config) { c.Candidate = "v 2" }, "candidate: is no release name"},
	} {
		t.Run(name, func(t *testing.T) {
			config := named(Named{Name: "edge", Kind: Envoy})
			c.spoil(&config)
			if err := errors.Join(config.Validate()...); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}

package xds

import (
	"strconv"
	"time"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	mutation "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	router "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcher "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	fraction "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/wellknown"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Names of the clusters of every kind.
const (
	stableCluster    = "stable"
	candidateCluster = "candidate"
	mirrorCluster    = "mirror"
)

const connectTimeout = 2 * time.Second

// resources are what a kind of subscriber is given for a directive, by type.
//
//	listener ──► routes ──► stable, candidate, mirror ──► endpoints
//	             │
//	             └─ a sidecar is given the routes alone, with the directive as their metadata
func resources(c Config, kind Kind, d Directive) (map[string][]types.Resource, error) {
	routes, err := routeConfiguration(c, kind, d)
	if err != nil || kind == Sidecar {
		return map[string][]types.Resource{resource.RouteType: {routes}}, err
	}
	out := map[string][]types.Resource{resource.RouteType: {routes}}
	for name, addresses := range c.Routing.clusters(kind) {
		out[resource.ClusterType] = append(out[resource.ClusterType], edsCluster(name))
		out[resource.EndpointType] = append(out[resource.EndpointType], assignment(name, addresses))
	}
	l, err := inbound(c, kind)
	out[resource.ListenerType] = []types.Resource{l}
	return out, err
}

// clusters gives the addresses of each cluster that has any.
func (r *Routing) clusters(kind Kind) map[string][]string {
	out := map[string][]string{stableCluster: r.Stable}
	if len(r.Candidate) > 0 {
		out[candidateCluster] = r.Candidate
	}
	if len(r.Mirror) > 0 && kind == Envoy {
		out[mirrorCluster] = r.Mirror
	}
	return out
}

func routeConfiguration(c Config, kind Kind, d Directive) (*route.RouteConfiguration, error) {
	out := &route.RouteConfiguration{Name: c.Service}
	host := &route.VirtualHost{Name: c.Service, Domains: []string{"*"}}
	r := c.Routing
	if kind == Sidecar {
		r = &Routing{Candidate: []string{"its own"}, Mirror: []string{"its own"}} // a sidecar knows its upstreams
		directive, err := d.metadata()
		if err != nil {
			return nil, err
		}
		out.Metadata = &core.Metadata{FilterMetadata: map[string]*structpb.Struct{directiveFilter: directive}}
	}
	if kind == Envoy { // what comes from outside has no say in who is gray
		host.RequestHeadersToRemove = []string{shadow.HeaderTag, shadow.HeaderEpoch}
	}
	mirrors, hashes := r.mirrors(kind, d), r.hashes(kind)
	if f := r.Force; f.Header != "" && d.Serve > 0 {
		host.Routes = append(host.Routes, &route.Route{
			Match: forced(f), Action: action(&route.RouteAction{
				ClusterSpecifier: &route.RouteAction_Cluster{Cluster: candidateCluster}, RequestMirrorPolicies: mirrors, HashPolicy: hashes,
			}),
		})
	}
	if kind == GRPC && len(r.Candidate) > 0 {
		host.Routes = append(host.Routes, warm())
	}
	all := shared(d.Serve, kind == Envoy && r.Key != "")
	all.RequestMirrorPolicies, all.HashPolicy = mirrors, hashes
	host.Routes = append(host.Routes, &route.Route{Match: everything(), Action: action(all)})
	out.VirtualHosts = []*route.VirtualHost{host}
	return out, nil
}

func everything() *route.RouteMatch {
	return &route.RouteMatch{PathSpecifier: &route.RouteMatch_Prefix{Prefix: "/"}}
}

// warm matches nothing, and names both clusters: a gRPC client fails calls to a cluster that it has only just heard of, so
// it knows the candidate before a promotion and the stable release before a rollback.
func warm() *route.Route {
	never := everything()
	never.RuntimeFraction = portion(0)
	return &route.Route{Match: never, Action: action(shared(shadow.Whole/2, false))}
}

// forced matches a share of the requests that carry the header.
func forced(f Force) *route.RouteMatch {
	m := everything()
	m.RuntimeFraction = portion(f.Share)
	m.Headers = []*route.HeaderMatcher{{
		Name: f.Header, HeaderMatchSpecifier: &route.HeaderMatcher_StringMatch{StringMatch: &matcher.StringMatcher{
			MatchPattern: &matcher.StringMatcher_Exact{Exact: f.Value},
		}},
	}}
	return m
}

func action(a *route.RouteAction) *route.Route_Route { return &route.Route_Route{Route: a} }

// shared gives the candidate its share. A cluster with no weight is left out.
func shared(serve shadow.Share, sticky bool) *route.RouteAction {
	switch serve {
	case 0:
		return &route.RouteAction{ClusterSpecifier: &route.RouteAction_Cluster{Cluster: stableCluster}}
	case shadow.Whole:
		return &route.RouteAction{ClusterSpecifier: &route.RouteAction_Cluster{Cluster: candidateCluster}}
	}
	weighted := &route.WeightedCluster{Clusters: []*route.WeightedCluster_ClusterWeight{
		{Name: stableCluster, Weight: wrapperspb.UInt32(uint32(shadow.Whole - serve))},
		{Name: candidateCluster, Weight: wrapperspb.UInt32(uint32(serve))},
	}}
	if sticky {
		weighted.RandomValueSpecifier = &route.WeightedCluster_UseHashPolicy{UseHashPolicy: wrapperspb.Bool(true)}
	}
	return &route.RouteAction{ClusterSpecifier: &route.RouteAction_WeightedClusters{WeightedClusters: weighted}}
}

// hashes make an order's requests go one way.
func (r *Routing) hashes(kind Kind) []*route.RouteAction_HashPolicy {
	if kind != Envoy || r.Key == "" {
		return nil
	}
	return []*route.RouteAction_HashPolicy{{PolicySpecifier: &route.RouteAction_HashPolicy_Header_{
		Header: &route.RouteAction_HashPolicy_Header{HeaderName: r.Key},
	}}}
}

// mirrors copies requests while some orders are gray. Only the copy is stamped.
func (r *Routing) mirrors(kind Kind, d Directive) []*route.RouteAction_RequestMirrorPolicy {
	if d.Gray == 0 || len(r.Mirror) == 0 || kind == GRPC {
		return nil
	}
	share := shadow.Whole // an Envoy cannot tell a gray order by its number; the sidecar that gets the copies can
	if kind == Sidecar {
		share = d.Gray
	}
	return []*route.RouteAction_RequestMirrorPolicy{{
		Cluster: mirrorCluster, RuntimeFraction: portion(share), DisableShadowHostSuffixAppend: true,
		RequestHeadersMutations: []*mutation.HeaderMutation{
			stamped(shadow.HeaderTag, d.Candidate), stamped(shadow.HeaderEpoch, strconv.FormatUint(d.Epoch, 10)),
		},
	}}
}

func stamped(name, value string) *mutation.HeaderMutation {
	return &mutation.HeaderMutation{Action: &mutation.HeaderMutation_Append{Append: &core.HeaderValueOption{
		Header:       &core.HeaderValue{Key: name, Value: value},
		AppendAction: core.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}}}
}

func portion(s shadow.Share) *core.RuntimeFractionalPercent {
	return &core.RuntimeFractionalPercent{DefaultValue: &fraction.FractionalPercent{
		Numerator: uint32(s), Denominator: fraction.FractionalPercent_MILLION,
	}}
}

// fromHere is where a subscriber gets what a resource refers to: the same stream.
func fromHere() *core.ConfigSource {
	return &core.ConfigSource{
		ResourceApiVersion: core.ApiVersion_V3, ConfigSourceSpecifier: &core.ConfigSource_Ads{Ads: &core.AggregatedConfigSource{}},
	}
}

func edsCluster(name string) *cluster.Cluster {
	return &cluster.Cluster{
		Name: name, ConnectTimeout: durationpb.New(connectTimeout),
		ClusterDiscoveryType: &cluster.Cluster_Type{Type: cluster.Cluster_EDS},
		EdsClusterConfig:     &cluster.Cluster_EdsClusterConfig{EdsConfig: fromHere()},
		LbPolicy:             cluster.Cluster_ROUND_ROBIN,
	}
}

// assignment gives a cluster's addresses, which have passed Validate. They are of one locality: a gRPC client ignores
// localities without a weight.
func assignment(name string, addresses []string) *endpoint.ClusterLoadAssignment {
	local := &endpoint.LocalityLbEndpoints{Locality: &core.Locality{Region: "here"}, LoadBalancingWeight: wrapperspb.UInt32(1)}
	for _, a := range addresses {
		local.LbEndpoints = append(local.LbEndpoints, &endpoint.LbEndpoint{
			HostIdentifier: &endpoint.LbEndpoint_Endpoint{Endpoint: &endpoint.Endpoint{Address: socket(a)}},
		})
	}
	return &endpoint.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpoint.LocalityLbEndpoints{local}}
}

// inbound is Envoy's listener, or what a gRPC client asks for by the service's name.
func inbound(c Config, kind Kind) (*listener.Listener, error) {
	routing, err := anypb.New(&router.Router{})
	if err != nil {
		return nil, err
	}
	manager := &hcm.HttpConnectionManager{
		StatPrefix:     c.Service,
		RouteSpecifier: &hcm.HttpConnectionManager_Rds{Rds: &hcm.Rds{ConfigSource: fromHere(), RouteConfigName: c.Service}},
		HttpFilters:    []*hcm.HttpFilter{{Name: wellknown.Router, ConfigType: &hcm.HttpFilter_TypedConfig{TypedConfig: routing}}},
	}
	if kind == Envoy {
		return envoyListener(c, manager)
	}
	api, err := anypb.New(manager)
	return &listener.Listener{Name: c.Service, ApiListener: &listener.ApiListener{ApiListener: api}}, err
}

func envoyListener(c Config, manager *hcm.HttpConnectionManager) (*listener.Listener, error) {
	manager.UseRemoteAddress = wrapperspb.Bool(true)
	filter, err := anypb.New(manager)
	if err != nil {
		return nil, err
	}
	return &listener.Listener{
		Name: c.Service, Address: socket(c.Routing.Listen),
		FilterChains: []*listener.FilterChain{{Filters: []*listener.Filter{{
			Name: wellknown.HTTPConnectionManager, ConfigType: &listener.Filter_TypedConfig{TypedConfig: filter},
		}}}},
	}, nil
}

// marshal writes a message the same way each time.
func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

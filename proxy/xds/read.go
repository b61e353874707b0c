package xds

import (
	"errors"
	"fmt"

	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/seed-3356bd69/touchstone/shadow"
)

var errDisagree = errors.New("routes say otherwise than the directive in their metadata")

// ReadDirective gives what a route configuration tells a sidecar. Its routes and its metadata say the same, or it is
// refused.
func ReadDirective(rc *route.RouteConfiguration) (Directive, error) {
	d, err := readDirective(rc.GetMetadata().GetFilterMetadata()[directiveFilter])
	if err != nil {
		return d, err
	}
	if len(rc.GetVirtualHosts()) != 1 || len(rc.GetVirtualHosts()[0].GetRoutes()) != 1 {
		return d, fmt.Errorf("%w: not one route", errDisagree)
	}
	if err := checkRoutes(Sidecar, sidecarRoutes(rc)); err != nil {
		return d, err
	}
	a := rc.GetVirtualHosts()[0].GetRoutes()[0].GetRoute()
	if serve, gray := serveOf(a), grayOf(a); serve != d.Serve || gray != d.Gray {
		return d, fmt.Errorf("%w: gray %s, serve %s, and there gray %s, serve %s", errDisagree, gray, serve, d.Gray, d.Serve)
	}
	return d, nil
}

func serveOf(a *route.RouteAction) shadow.Share {
	if a.GetCluster() == candidateCluster {
		return shadow.Whole
	}
	serve := uint32(0)
	for _, c := range a.GetWeightedClusters().GetClusters() {
		if c.GetName() == candidateCluster {
			serve += c.GetWeight().GetValue()
		}
	}
	return shadow.Share(serve)
}

func grayOf(a *route.RouteAction) shadow.Share {
	gray := uint32(0)
	for _, m := range a.GetRequestMirrorPolicies() {
		gray += m.GetRuntimeFraction().GetDefaultValue().GetNumerator()
	}
	return shadow.Share(gray)
}

func sidecarRoutes(rc *route.RouteConfiguration) map[string][]types.Resource {
	return map[string][]types.Resource{resource.RouteType: {rc}}
}

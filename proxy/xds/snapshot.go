package xds

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// snapshot is all that a kind of subscriber is given, checked and written once for all of them.
type snapshot map[string]*written // by type

// written are the resources of one type. Their version is the hash of what they say: what was acknowledged before has
// the version that it had then.
type written struct {
	version  string
	names    []string
	by       map[string]*anypb.Any
	versions map[string]string // of each resource
}

// order is make before break: what is referred to goes out before what refers to it.
func order() []string {
	return []string{resource.ClusterType, resource.EndpointType, resource.ListenerType, resource.RouteType}
}

// newSnapshot makes a kind's snapshot, or says why nobody may be given it.
func newSnapshot(c Config, kind Kind, d Directive) (snapshot, error) {
	all, err := resources(c, kind, d)
	if err != nil {
		return nil, fmt.Errorf("make resources for %s: %w", kind, err)
	}
	if err := check(kind, all); err != nil {
		return nil, fmt.Errorf("check resources for %s: %w", kind, err)
	}
	out := snapshot{}
	for typ, list := range all {
		if out[typ], err = write(typ, list); err != nil {
			return nil, fmt.Errorf("write resources for %s: %w", kind, err)
		}
	}
	return out, nil
}

func write(typ string, list []types.Resource) (*written, error) {
	w := &written{by: map[string]*anypb.Any{}, versions: map[string]string{}}
	for _, r := range list {
		data, err := marshal(r)
		if err != nil {
			return nil, err
		}
		name := cache.GetResourceName(r)
		w.by[name] = &anypb.Any{TypeUrl: typ, Value: data}
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	whole := sha256.New()
	for _, name := range w.names {
		one := sha256.Sum256(w.by[name].Value)
		w.versions[name] = hex.EncodeToString(one[:8])
		fmt.Fprintf(whole, "%d:%s", len(name), name)
		whole.Write(one[:])
	}
	w.version = hex.EncodeToString(whole.Sum(nil)[:8])
	return w, nil
}

var (
	errDangling = errors.New("refers to what is not there")
	errWeight   = errors.New("has no weight at all")
	errEmpty    = errors.New("has no address")
)

type validated interface{ ValidateAll() error }

// check refuses what would lose requests: go-control-plane's own check sees neither dangling clusters nor zero weights,
// and knows no listener of gRPC clients.
func check(kind Kind, all map[string][]types.Resource) error {
	for _, list := range all {
		for _, r := range list {
			if v, ok := r.(validated); ok {
				if err := v.ValidateAll(); err != nil {
					return fmt.Errorf("validate %s: %w", cache.GetResourceName(r), err)
				}
			}
		}
	}
	if kind == Envoy {
		whole, err := cache.NewSnapshot("check", all)
		if err != nil {
			return err
		}
		if err := whole.Consistent(); err != nil {
			return err
		}
	}
	return errors.Join(checkRoutes(kind, all), checkClusters(all))
}

func checkRoutes(kind Kind, all map[string][]types.Resource) error {
	known := []string{stableCluster, candidateCluster, mirrorCluster}
	if kind != Sidecar {
		known = nil
		for _, c := range all[resource.ClusterType] {
			known = append(known, cache.GetResourceName(c))
		}
	}
	for _, r := range all[resource.RouteType] {
		for _, host := range r.(*route.RouteConfiguration).GetVirtualHosts() {
			for i, one := range host.GetRoutes() {
				if err := checkAction(one.GetRoute(), known); err != nil {
					return fmt.Errorf("route %d of %s: %w", i, host.GetName(), err)
				}
			}
		}
	}
	return nil
}

func checkAction(a *route.RouteAction, known []string) error {
	wanted := []string{}
	if name := a.GetCluster(); name != "" {
		wanted = append(wanted, name)
	} else {
		total := uint64(0)
		for _, c := range a.GetWeightedClusters().GetClusters() {
			wanted = append(wanted, c.GetName())
			total += uint64(c.GetWeight().GetValue())
		}
		if total == 0 {
			return errWeight
		}
	}
	for _, m := range a.GetRequestMirrorPolicies() {
		wanted = append(wanted, m.GetCluster())
	}
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%w: cluster %s (there are %s)", errDangling, name, strings.Join(known, ", "))
		}
	}
	return nil
}

func checkClusters(all map[string][]types.Resource) error {
	addresses := map[string]int{}
	for _, r := range all[resource.EndpointType] {
		e := r.(*endpoint.ClusterLoadAssignment)
		for _, l := range e.GetEndpoints() {
			addresses[e.GetClusterName()] += len(l.GetLbEndpoints())
		}
	}
	for _, r := range all[resource.ClusterType] {
		name := r.(*cluster.Cluster).GetName()
		if addresses[name] == 0 {
			return fmt.Errorf("cluster %s: %w", name, errEmpty)
		}
	}
	return nil
}

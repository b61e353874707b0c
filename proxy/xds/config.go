package xds

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Kind is what a subscriber is, and with it what it is given.
type Kind string

// The kinds of subscribers.
const (
	Sidecar Kind = "sidecar" // Touchstone's own proxy
	Envoy   Kind = "envoy"
	GRPC    Kind = "grpc" // a client with google.golang.org/grpc/xds, or another language's
)

// Config says whom the control plane serves.
type Config struct {
	Service     string // that is cut over; the name of its routes, and of the listener a gRPC client asks for
	Stable      string // release that answers
	Candidate   string // release under proof
	Subscribers []Named
	Routing     *Routing // nil: there are only sidecars, which know their own upstreams
	State       string   // file of what is in force; "" = it is not kept
}

// Named is a subscriber that a change waits for.
type Named struct {
	Name        string // its node id
	Kind        Kind   //
	Certificate string // common name or DNS name that its certificate must have; "" = any of the authority
}

// Routing says where the requests go that Envoys and gRPC clients route.
type Routing struct {
	Listen    string   // address of Envoy's listener; "" = there is no Envoy
	Stable    []string // host:port; hosts are IP addresses
	Candidate []string // instances that serve: with the primary's database and channel, never those of the shadow run
	Mirror    []string // sidecars before the candidate under proof, which take copies of all requests while any order is gray; none = Envoy mirrors nothing
	Key       string   // header with the order number: a request and the next one of its order have the same release; "" = drawn for each
	Force     Force
}

// Force sends requests with a header to the candidate while it serves any. Header "" = none are.
type Force struct {
	Header string
	Value  string
	Share  shadow.Share // of these requests
}

// Validate gives everything that is wrong; New must not be called with a configuration that has complaints.
func (c Config) Validate() []error {
	var errs []error
	add := func(field string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
		}
	}
	base := shadow.Policy{Service: c.Service, Stable: c.Stable, Candidate: c.Candidate, Epoch: 1}
	add("service", base.Check())
	if !shadow.ValidRelease(c.Candidate) {
		add("candidate", fmt.Errorf("is no release name (got %q)", c.Candidate))
	}
	if len(c.Subscribers) == 0 {
		add("subscribers", errors.New("are missing: a change that nobody acknowledges is not done"))
	}
	names := map[string]bool{}
	for _, n := range c.Subscribers {
		switch {
		case n.Name == "" || names[n.Name]:
			add("subscribers", fmt.Errorf("need a name of their own (got %q)", n.Name))
		case n.Kind != Sidecar && c.Routing == nil:
			add("routing", fmt.Errorf("is missing: %s is of kind %s", n.Name, n.Kind))
		case n.Kind == Envoy && c.Routing.Listen == "":
			add("routing.listen", fmt.Errorf("is missing: %s is an Envoy", n.Name))
		}
		names[n.Name] = true
	}
	if c.Routing != nil {
		c.Routing.check(add)
	}
	return errs
}

func (r *Routing) check(add func(string, error)) {
	if len(r.Stable) == 0 {
		add("routing.stable", errors.New("has no address"))
	}
	for field, addresses := range map[string][]string{"stable": r.Stable, "candidate": r.Candidate, "mirror": r.Mirror, "listen": r.listeners()} {
		for _, a := range addresses {
			if _, err := netip.ParseAddrPort(a); err != nil {
				add("routing."+field, fmt.Errorf("is no IP address and port: %w", err))
			}
		}
	}
	if r.Force.Share > shadow.Whole {
		add("routing.force", fmt.Errorf("share must be within 100 %% (got %s)", r.Force.Share))
	}
}

func (r *Routing) listeners() []string {
	if r.Listen == "" {
		return nil
	}
	return []string{r.Listen}
}

package config

import (
	"fmt"
	"net/netip"
)

// checkControl holds what a sidecar's own configuration says against the control plane that it follows.
func (s *Sidecar) checkControl(c *Checker) {
	s.checkCopies(c)
	p := s.ControlPlane
	if p == nil {
		if s.HTTP.Serving != nil {
			c.Complain("http.serving", "is used by nobody: a control plane says how much the candidate serves", "control_plane, or take it out")
		}
		return
	}
	p.TLS.check(c, "control_plane.tls")
	if p.Node == "" {
		p.Node = s.Instance
	}
	switch {
	case p.Service == "":
		c.Complain("control_plane.service", "is missing", "service: NAME, as in the comparer's control_plane")
	case p.TLS == nil && !p.Address.Loopback():
		c.Complain("control_plane.address", "is another machine's and would be reached in clear text: a forged policy promotes", "tls: {cert_file: …, key_file: …, ca_file: …, server_name: …}")
	}
	if s.Tag.Percent > 0 {
		c.Complain("tag.percent", "is the control plane's to say", "0%")
	}
	if s.Epoch != 1 {
		c.Complain("epoch", "is the control plane's to say", "take it out")
	}
	if s.RollbackFile == "" {
		c.Complain("rollback_file", "is missing: a rollback would be forgotten", "rollback_file: FILE")
	}
}

// checkCopies wants exactly one source of requests.
func (s *Sidecar) checkCopies(c *Checker) {
	switch {
	case !s.HTTP.Copies && s.HTTP.Stable == nil && !c.Blamed("http"):
		c.Complain("http.stable", "is missing", "the address of the release that answers")
	case s.HTTP.Copies && s.HTTP.Stable != nil:
		c.Complain("http.stable", "stands beside copies: the proxy that makes them gets the answers", "one of the two")
	case s.HTTP.Copies && s.HTTP.Serving != nil:
		c.Complain("http.serving", "stands beside copies: nobody gets an answer here", "one of the two")
	case s.HTTP.Copies && len(s.Tag.TrustedGateways) == 0:
		c.Complain("tag.trusted_gateways", "are missing: no copy would be taken", "the networks of the proxies that make copies")
	}
}

// check holds the rules of the control plane's side.
func (p *ControlPlane) check(c *Checker, candidate string) {
	p.TLS.check(c, "control_plane.tls")
	switch {
	case p.TLS == nil && !p.Listen.Loopback():
		c.Complain("control_plane.listen", "is open to other machines in clear text", "tls: {cert_file: …, key_file: …, client_ca_file: …}")
	case p.TLS != nil && p.TLS.ClientCA == "":
		c.Complain("control_plane.tls", "asks for no certificate of the proxies", "client_ca_file: FILE")
	}
	if p.Stable == candidate {
		c.Complain("control_plane.stable", "is the candidate too", "the release that answers")
	}
	names := map[string]bool{}
	for i, s := range p.Subscribers {
		at := fmt.Sprintf("control_plane.subscribers[%d]", i)
		if s.Name != "" && names[s.Name] {
			c.Complain(child(at, "name"), "stands here a second time", "one entry a proxy")
		}
		names[s.Name] = true
		p.checkKind(c, at, s)
	}
	if p.Routing != nil {
		p.Routing.check(c)
	}
}

func (p *ControlPlane) checkKind(c *Checker, at string, s Subscriber) {
	switch {
	case s.Kind == "sidecar" && s.Admin == nil:
		c.Complain(at, "has no admin: a rollback must reach a sidecar that does not follow any more", "admin: http://HOST:PORT, its admin.listen")
	case s.Kind != "sidecar" && s.Admin != nil:
		c.Complain(child(at, "admin"), "is of a sidecar only", "take it out")
	case s.Kind != "sidecar" && p.Routing == nil && !c.Blamed("control_plane.routing"):
		c.Complain(child(at, "kind"), "needs to be told its routes", "control_plane.routing, with stable")
	case s.Kind == "envoy" && p.Routing.Listen == "":
		c.Complain(child(at, "kind"), "needs to be told where it listens", "control_plane.routing.listen")
	case s.Certificate != "" && p.TLS == nil:
		c.Complain(child(at, "certificate"), "is never seen without TLS", "control_plane.tls")
	}
}

func (r *Routing) check(c *Checker) {
	lists := map[string][]Addr{"stable": r.Stable, "candidate": r.Candidate, "mirror": r.Mirror}
	if r.Listen != "" {
		lists["listen"] = []Addr{r.Listen}
	}
	for field, list := range lists {
		for i, a := range list {
			at := child("control_plane.routing", field)
			if field != "listen" {
				at = fmt.Sprintf("%s[%d]", at, i)
			}
			if _, err := netip.ParseAddrPort(string(a)); err != nil {
				c.Complain(at, "is no IP address with a port: names are not looked up", "an address such as 10.0.0.7:8080")
			}
		}
	}
	for i, a := range r.Mirror {
		for _, taken := range append(r.Stable, r.Candidate...) {
			if sameAddr(a, taken) {
				c.Complain(fmt.Sprintf("control_plane.routing.mirror[%d]", i), "answers clients too", "a sidecar with http.copies, before the candidate under proof")
			}
		}
	}
}

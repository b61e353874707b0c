package upstream

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Target is a service by its URL.
//
//	http://10.0.0.7:9001            an address
//	https://pay.internal:9443       a name: every address it has, in turn
//	srv+http://_pay._tcp.internal   an SRV name: priorities and weights from DNS
type Target struct {
	TLS  *tls.Config // nil = plain text
	Host string      // host:port, or the SRV name
	SRV  bool
}

// ErrURL is a URL that names no service.
var ErrURL = errors.New("must be http://host:port, https://host:port or srv+http://_service._tcp.domain")

const srvPrefix = "srv+"

// Parse reads the URL of a service. Encrypted ones are checked against roots, and nil means the system's.
func Parse(u *url.URL, base *tls.Config) (Target, error) {
	if u == nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return Target{}, fmt.Errorf("%w (got %v)", ErrURL, u)
	}
	scheme, srv := strings.CutPrefix(u.Scheme, srvPrefix)
	t := Target{Host: u.Host, SRV: srv}
	port := "80"
	switch scheme {
	case "http":
	case "https":
		port, t.TLS = "443", &tls.Config{MinVersion: tls.VersionTLS12}
		if base != nil {
			t.TLS = base.Clone()
		}
		if t.TLS.ServerName == "" {
			t.TLS.ServerName = u.Hostname()
		}
	default:
		return Target{}, fmt.Errorf("%w (got %v)", ErrURL, u)
	}
	switch {
	case srv && u.Port() != "":
		return Target{}, fmt.Errorf("%w: an SRV name has no port (got %v)", ErrURL, u)
	case srv && t.TLS != nil && base == nil:
		t.TLS.ServerName = "" // the certificate is of the host that DNS names
	case !srv && u.Port() == "":
		t.Host = net.JoinHostPort(u.Hostname(), port)
	}
	return t, nil
}

// Scheme gives "http" or "https".
func (t Target) Scheme() string {
	if t.TLS != nil {
		return "https"
	}
	return "http"
}

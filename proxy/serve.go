package proxy

import (
	"net/http"

	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// servedBy tells which release answers: nil = the stable one. All requests of an order go to the same one; those without
// an order, or of no route, go to the candidate when everything does.
func (s *Sidecar) servedBy(key business, slice *Slice) *upstream.Pool {
	switch {
	case slice.Serve == 0 || s.serving == nil:
		return nil
	case slice.Serve == shadow.PerMillion:
		return s.serving
	}
	if key.order != "" && s.serveDraw.BornGray(key.name(), slice.Serve) {
		return s.serving
	}
	return nil
}

// twoWays sends a request to the release that answers it.
type twoWays struct{ stable, candidate http.RoundTripper }

// RoundTrip sends it.
func (w twoWays) RoundTrip(r *http.Request) (*http.Response, error) {
	if c := crossingOf(r.Context()); c != nil && c.serves != nil {
		return w.candidate.RoundTrip(r)
	}
	return w.stable.RoundTrip(r)
}

func (s *Sidecar) ways() http.RoundTripper {
	stable := newTransports(s.service, s.config.Limits)
	if s.serving == nil {
		return stable
	}
	return twoWays{stable: stable, candidate: newTransports(s.serving, s.config.Limits)}
}

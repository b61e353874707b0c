package proxy

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/proxy/front"
)

// inbound is what decides about a request, whichever way it came: as plain bytes or through net/http.
type inbound struct {
	method, uri string
	path, query string
	remote      string // ip:port
	length      int64  // Content-Length; -1 = chunked
	upgrade     bool
	body        []byte // whole, of a plain request

	library *http.Request  // one of the two
	plain   *front.Request //
}

func fromLibrary(r *http.Request) *inbound {
	return &inbound{
		method: r.Method, uri: r.URL.RequestURI(), path: r.URL.Path, query: r.URL.RawQuery, remote: r.RemoteAddr,
		length: r.ContentLength, upgrade: r.Header.Get("Upgrade") != "" && !isH2C(r.Header), library: r,
	}
}

// isH2C tells whether a client offers to go on in HTTP/2: the offer is not taken.
func isH2C(h http.Header) bool { return strings.EqualFold(h.Get("Upgrade"), "h2c") }

func fromPlain(r *front.Request) inbound {
	in := inbound{method: methodOf(r.Method), uri: string(r.Target), remote: r.Remote, length: max(r.Length, 0), body: r.Body, plain: r}
	in.path, in.query, _ = strings.Cut(in.uri, "?")
	if strings.IndexByte(in.path, '%') >= 0 {
		if plain, err := url.PathUnescape(in.path); err == nil {
			in.path = plain
		}
	}
	return in
}

// methodOf makes no text for the methods that nearly all requests have.
func methodOf(name []byte) string {
	switch string(name) {
	case http.MethodGet:
		return http.MethodGet
	case http.MethodPost:
		return http.MethodPost
	case http.MethodPut:
		return http.MethodPut
	}
	return string(name)
}

func (in *inbound) host() string {
	if in.plain != nil {
		return string(in.plain.Host)
	}
	return in.library.Host
}

// values gives the values of a header field.
func (in *inbound) values(name string) (out []string) {
	if in.plain == nil {
		return in.library.Header.Values(name)
	}
	for i := range in.plain.Fields {
		if f := &in.plain.Fields[i]; f.Is(name) {
			out = append(out, string(f.Value))
		}
	}
	return out
}

// value gives the first value of a header field, or "".
func (in *inbound) value(name string) string {
	if in.plain == nil {
		return in.library.Header.Get(name)
	}
	return string(in.plain.Value(name))
}

// mentions tells whether a text stands in a header field.
func (in *inbound) mentions(name, text string) bool {
	if in.plain != nil && in.plain.Value(name) == nil {
		return false
	}
	return slices.ContainsFunc(in.values(name), func(v string) bool { return strings.Contains(v, text) })
}

// parameter gives a parameter of the query, or "".
func (in *inbound) parameter(name string) string {
	if in.query == "" {
		return ""
	}
	all, _ := url.ParseQuery(in.query) // what can be read counts
	return all.Get(name)
}

// carrier lets a propagator read the header.
type carrier struct{ *inbound }

// Get gives the value of a field.
func (c carrier) Get(name string) string {
	if c.plain != nil && c.plain.Value(name) == nil {
		return ""
	}
	return strings.Join(c.values(name), ",")
}

// Set is not for reading.
func (c carrier) Set(string, string) {}

// Keys names the fields that are looked at.
func (c carrier) Keys() []string { return carriedFields() }

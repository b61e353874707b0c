package proxy

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-3356bd69/touchstone/proxy/front"
)

// inbound is what decides about a request, whichever way it came: as plain bytes or through net/http.
type inbound struct {
	method, uri, host string
	path, query       string
	remote            string // ip:port
	length            int64  // Content-Length; -1 = chunked
	upgrade           bool
	values            func(name string) []string // of a header field
	body              []byte                     // whole, of a plain request
}

func fromLibrary(r *http.Request) *inbound {
	return &inbound{
		method: r.Method, uri: r.URL.RequestURI(), host: r.Host, path: r.URL.Path, query: r.URL.RawQuery, remote: r.RemoteAddr,
		length: r.ContentLength, upgrade: r.Header.Get("Upgrade") != "" && !isH2C(r.Header), values: r.Header.Values,
	}
}

// isH2C tells whether a client offers to go on in HTTP/2: the offer is not taken.
func isH2C(h http.Header) bool { return strings.EqualFold(h.Get("Upgrade"), "h2c") }

func fromPlain(r *front.Request) *inbound {
	uri := string(r.Target)
	in := &inbound{method: string(r.Method), uri: uri, host: string(r.Host), remote: r.Remote, length: max(r.Length, 0), body: r.Body}
	in.path, in.query, _ = strings.Cut(uri, "?")
	if strings.IndexByte(in.path, '%') >= 0 {
		if plain, err := url.PathUnescape(in.path); err == nil {
			in.path = plain
		}
	}
	in.values = func(name string) (out []string) {
		for _, f := range r.Fields {
			if f.Is(name) {
				out = append(out, string(f.Value))
			}
		}
		return out
	}
	return in
}

// value gives the first value of a header field, or "".
func (in *inbound) value(name string) string {
	if v := in.values(name); len(v) > 0 {
		return v[0]
	}
	return ""
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
func (c carrier) Get(name string) string { return strings.Join(c.values(name), ",") }

// Set is not for reading.
func (c carrier) Set(string, string) {}

// Keys names the fields that are looked at.
func (c carrier) Keys() []string { return carriedFields() }

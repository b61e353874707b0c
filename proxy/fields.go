package proxy

import (
	"net/http"
	"slices"

	"go.opentelemetry.io/otel/propagation"
)

// field stands in place of all fields of its name that a request came with; value "" = none goes on.
type field struct{ name, value string }

// fields are the few that are replaced in a request, with canonical names. They are a propagator's carrier.
type fields []field

// carriedMost is how many there can be: of carriedFields, each once.
const carriedMost = 6

// at gives the index of a field; -1 = it is not there.
func (f fields) at(name string) int {
	for i := range f {
		if f[i].name == name {
			return i
		}
	}
	return -1
}

func (f fields) has(name string) bool { return f.at(name) >= 0 }

func (f fields) value(name string) string {
	if i := f.at(name); i >= 0 {
		return f[i].value
	}
	return ""
}

// lines writes them behind out, each as "Name: value" with its CRLF.
func (f fields) lines(out []byte) []byte {
	for i := range f {
		if f[i].value != "" {
			out = append(append(append(append(out, f[i].name...), ": "...), f[i].value...), "\r\n"...)
		}
	}
	return out
}

// over puts them into a header.
func (f fields) over(h http.Header) {
	for i := range f {
		delete(h, f[i].name)
		if f[i].value != "" {
			h[f[i].name] = []string{f[i].value}
		}
	}
}

// Get gives a value, or "".
func (f *fields) Get(name string) string { return f.value(canonical(name)) }

// Set sets a value.
func (f *fields) Set(name, value string) {
	name = canonical(name)
	if i := f.at(name); i >= 0 {
		(*f)[i].value = value
		return
	}
	*f = append(*f, field{name, value})
}

// Keys gives the names.
func (f *fields) Keys() (out []string) {
	for i := range *f {
		out = append(out, (*f)[i].name)
	}
	return out
}

// canonical is http.CanonicalHeaderKey, for the names of propagators without making a text each time.
func canonical(name string) string {
	switch name {
	case "traceparent":
		return headerParent
	case "tracestate":
		return headerState
	case "baggage":
		return headerBaggage
	case "uber-trace-id":
		return headerUber
	}
	if slices.Contains([]string{headerBaggage, headerState, headerParent, headerUber, headerUberMember}, name) {
		return name
	}
	return http.CanonicalHeaderKey(name)
}

var _ propagation.TextMapCarrier = (*fields)(nil)

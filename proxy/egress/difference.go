package egress

import (
	"bytes"
	"maps"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const (
	maxMismatches = 50  // of one call
	maxValue      = 200 // bytes of a value in a mismatch
)

// insignificant are headers that transport, tracing and tagging set, never the business.
func insignificant(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect",
		"Content-Length", "Accept-Encoding", "User-Agent", "Date", "Baggage", "Traceparent", "Tracestate",
		"Uber-Trace-Id", "B3", shadow.HeaderTag,
		"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto":
		return true
	}
	return strings.HasPrefix(name, "Uberctx-") || strings.HasPrefix(name, "X-B3-")
}

// differences compares two channel requests of an operation, after removing only what its policy lets it ignore.
// Differences in hard fields come first, and are the last to fall to the bound.
func differences(op Operation, stable, candidate shadow.Exchange) []shadow.Mismatch {
	c := &comparison{op: op}
	c.value("method", stable.Method, candidate.Method)
	stablePath, stableQuery, _ := strings.Cut(stable.URI, "?")
	path, query, _ := strings.Cut(candidate.URI, "?")
	c.value("path", stablePath, path)
	c.queries(stableQuery, query)
	c.headers(stable.RequestHeader, candidate.RequestHeader)
	c.bodies(stable, candidate)
	slices.SortStableFunc(c.found, func(a, b shadow.Mismatch) int {
		switch {
		case op.hard(a.Field) == op.hard(b.Field):
			return strings.Compare(a.Field, b.Field)
		case op.hard(a.Field):
			return -1
		}
		return 1
	})
	return c.found[:min(len(c.found), maxMismatches)]
}

type comparison struct {
	op    Operation
	found []shadow.Mismatch
}

func (c *comparison) add(field string, kind shadow.MismatchKind, expected, actual string) {
	if !c.op.ignored(field) {
		c.found = append(c.found, shadow.Mismatch{
			Place: shadow.InCall, Name: c.op.Name, Field: field, Kind: kind, Class: c.op.class(field),
			Expected: clip(expected), Actual: clip(actual), Call: c.op.Class,
		})
	}
}

func (c *comparison) value(field, expected, actual string) {
	if expected != actual {
		c.add(field, shadow.KindValue, expected, actual)
	}
}

func (c *comparison) queries(stable, candidate string) {
	a, errA := url.ParseQuery(stable)
	b, errB := url.ParseQuery(candidate)
	if errA != nil || errB != nil {
		c.value("query", stable, candidate)
		return
	}
	c.lists("query.", a, b)
}

// lists compares values by name: the order of names is free, the order of one name's values is not.
func (c *comparison) lists(prefix string, stable, candidate map[string][]string) {
	for _, name := range union(stable, candidate) {
		a, b := stable[name], candidate[name]
		switch {
		case len(b) == 0 && len(a) > 0:
			c.add(prefix+name, shadow.KindMissing, strings.Join(a, ", "), "")
		case len(a) == 0 && len(b) > 0:
			c.add(prefix+name, shadow.KindExtra, "", strings.Join(b, ", "))
		case !slices.Equal(a, b):
			c.add(prefix+name, shadow.KindValue, strings.Join(a, ", "), strings.Join(b, ", "))
		}
	}
}

func (c *comparison) headers(stable, candidate shadow.Header) {
	significant := func(h shadow.Header) map[string][]string {
		out := maps.Clone(map[string][]string(h))
		maps.DeleteFunc(out, func(name string, _ []string) bool { return insignificant(name) || name == "Content-Type" })
		return out
	}
	c.lists("header.", significant(stable), significant(candidate))
	c.value("header.Content-Type", mediaType(stable.Get("Content-Type")), mediaType(candidate.Get("Content-Type")))
}

func (c *comparison) bodies(stable, candidate shadow.Exchange) {
	a, b := stable.Request.Bytes, candidate.Request.Bytes
	if bytes.Equal(a, b) {
		return
	}
	if mediaType(stable.RequestHeader.Get("Content-Type")) == "application/x-www-form-urlencoded" {
		formA, errA := url.ParseQuery(string(a))
		formB, errB := url.ParseQuery(string(b))
		if errA == nil && errB == nil {
			c.lists("", formA, formB)
			return
		}
	}
	leavesA, errA := flatten(a)
	leavesB, errB := flatten(b)
	if errA != nil || errB != nil {
		c.value("body", string(a), string(b))
		return
	}
	c.leaves(leavesA, leavesB)
}

func (c *comparison) leaves(stable, candidate map[string]leaf) {
	for _, path := range union(stable, candidate) {
		a, inStable := stable[path]
		b, inCandidate := candidate[path]
		switch {
		case !inCandidate:
			c.add(path, shadow.KindMissing, a.text, "")
		case !inStable:
			c.add(path, shadow.KindExtra, "", b.text)
		case a.within != b.within:
			c.add(path, shadow.KindValue, a.literal()+" in "+a.within, b.literal()+" in "+b.within)
		case a.kind != b.kind:
			c.add(path, shadow.KindValue, a.literal(), b.literal())
		default:
			c.value(path, a.text, b.text)
		}
	}
}

// literal shows the kind of a value too.
func (l leaf) literal() string {
	if l.kind == 's' {
		return `"` + l.text + `"`
	}
	return l.text
}

func union[V any](a, b map[string]V) []string {
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func mediaType(header string) string {
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		return header
	}
	return media
}

func clip(text string) string {
	if len(text) <= maxValue {
		return text
	}
	return strings.ToValidUTF8(text[:maxValue], "") + "…"
}

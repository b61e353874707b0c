package config

import (
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// textual is a scalar of this package that reads itself.
type textual interface{ parse(text string) *complaint }

// located is a textual that depends on the configuration file's folder.
type located interface {
	resolve(folder, text string) *complaint
}

func isScalar(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return isBare(t) || t == reflect.TypeFor[time.Duration]() || t == reflect.TypeFor[netip.Prefix]() || t == reflect.TypeFor[*url.URL]() ||
		p.Implements(reflect.TypeFor[textual]()) || p.Implements(reflect.TypeFor[located]())
}

// isBare tells whether a type is read as YAML's own string, number or boolean.
func isBare(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	if t == reflect.TypeFor[time.Duration]() || p.Implements(reflect.TypeFor[textual]()) || p.Implements(reflect.TypeFor[located]()) {
		return false
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Uint64:
		return true
	}
	return false
}

// wrongTag holds what YAML took a text for against what the field is.
func wrongTag(n *yaml.Node, kind reflect.Kind) *complaint {
	tag := n.ShortTag()
	switch {
	case kind == reflect.String && tag != "!!str":
		return &complaint{"is not text", strconv.Quote(n.Value) + " in quotes"}
	case kind == reflect.Bool && tag != "!!bool":
		return &complaint{"is not true or false", "true or false"}
	case (kind == reflect.Int || kind == reflect.Uint64) && tag != "!!int":
		return &complaint{"is not a whole number", "a number without unit or quotes, such as 100"}
	}
	return nil
}

func parseScalar(v reflect.Value, text, folder string) *complaint {
	switch p := v.Addr().Interface().(type) {
	case textual:
		return p.parse(text)
	case located:
		return p.resolve(folder, text)
	case *time.Duration:
		return parseDuration(p, text)
	case *netip.Prefix:
		return parsePrefix(p, text)
	case **url.URL:
		return parseURL(p, text)
	}
	return parseBare(v, text)
}

func parseBare(v reflect.Value, text string) *complaint {
	const hint = "decimal digits, such as 100"
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return &complaint{"is not true or false", "true or false"}
		}
		v.SetBool(text == "true")
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return &complaint{"is not a whole number", hint}
		}
		v.SetInt(n)
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return &complaint{"is not a whole number from 0", hint}
		}
		v.SetUint(n)
	}
	return nil
}

func parseDuration(into *time.Duration, text string) *complaint {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return &complaint{"is not a duration with its unit", "a duration such as 250ms, 10s or 1h"}
	case d < 0:
		return &complaint{"is negative", "a duration such as 250ms, 10s or 1h"}
	}
	*into = d
	return nil
}

func parsePrefix(into *netip.Prefix, text string) *complaint {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return &complaint{"is not an address range", "a range such as 10.0.0.0/8, or one address as 10.0.0.1/32"}
	}
	*into = p.Masked()
	return nil
}

func parseURL(into **url.URL, text string) *complaint {
	const hint = "a URL such as http://127.0.0.1:9001"
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || u.Hostname() == "" || u.Opaque != "":
		return &complaint{"is not a URL", hint}
	case u.User != nil:
		return &complaint{"holds credentials", "take them out; secrets are read from files"}
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return &complaint{"has a query or a fragment", hint}
	}
	*into = u
	return nil
}

// checkRange applies the tags oneof, schemes, min and max.
func checkRange(v reflect.Value, text string, tag reflect.StructTag) *complaint {
	if names, ok := tag.Lookup("oneof"); ok && !slices.Contains(strings.Split(names, ","), text) {
		return &complaint{"is not one of " + strings.ReplaceAll(names, ",", ", "), nearestName(text, strings.Split(names, ","))}
	}
	if u, ok := v.Interface().(*url.URL); ok {
		if schemes := tag.Get("schemes"); schemes != "" && !slices.Contains(strings.Split(schemes, ","), u.Scheme) {
			return &complaint{"does not begin with " + strings.ReplaceAll(schemes, ",", ":// or ") + "://", ""}
		}
	}
	if tag.Get("required") == "true" && text == "" {
		return &complaint{"is empty", "a value"}
	}
	if low, ok := tag.Lookup("min"); ok && less(v, limit(v, low)) {
		return &complaint{"is less than " + low, "at least " + low}
	}
	if high, ok := tag.Lookup("max"); ok && less(limit(v, high), v) {
		return &complaint{"is more than " + high, "at most " + high}
	}
	return nil
}

func limit(like reflect.Value, text string) reflect.Value {
	v := reflect.New(like.Type()).Elem()
	mustParse(v, text)
	return v
}

func less(a, b reflect.Value) bool {
	if a.CanUint() {
		return a.Uint() < b.Uint()
	}
	return a.Int() < b.Int()
}

// mustParse reads a text out of a tag, which is part of the program.
func mustParse(v reflect.Value, text string) {
	if bad := parseScalar(v, text, ""); bad != nil {
		panic("config: tag text " + text + " " + bad.what)
	}
}

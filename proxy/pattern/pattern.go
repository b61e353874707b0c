package pattern

import (
	"fmt"
	"strings"
)

// Match tells whether a path matches: literal segments are equal, "{name}" is one segment that is not empty,
// and a pattern that ends in "/" also matches everything below it.
func Match(pattern, path string) bool {
	_, ok := walk(pattern, path, "")
	return ok
}

// Value gives the segment that the wildcard "{name}" stands for; "" when the path does not match or has none.
func Value(pattern, path, name string) string {
	v, ok := walk(pattern, path, name)
	if !ok {
		return ""
	}
	return v
}

// Check tells what is wrong with a pattern.
func Check(pattern string) error {
	if !strings.HasPrefix(pattern, "/") {
		return fmt.Errorf("path pattern must begin with / (got %q)", pattern)
	}
	seen := map[string]bool{}
	for segment := range strings.SplitSeq(pattern, "/") {
		name, wild := wildcard(segment)
		switch {
		case !wild && strings.ContainsAny(segment, "{}"):
			return fmt.Errorf("path pattern: a wildcard is a whole segment, for example /payments/{id} (got %q)", pattern)
		case wild && (name == "" || seen[name]):
			return fmt.Errorf("path pattern: wildcards have different names (got %q)", pattern)
		}
		seen[name] = wild
	}
	return nil
}

func walk(pattern, path, want string) (value string, ok bool) {
	for {
		p, restPattern, moreP := strings.Cut(pattern, "/")
		s, restPath, moreS := strings.Cut(path, "/")
		if pattern == "" {
			return value, true // ended after a slash: everything below
		}
		name, wild := wildcard(p)
		if (wild && s == "") || (!wild && p != s) {
			return "", false
		}
		if wild && name == want {
			value = s
		}
		if moreP != moreS {
			return "", false
		}
		if !moreP {
			return value, true
		}
		pattern, path = restPattern, restPath
	}
}

func wildcard(segment string) (string, bool) {
	if len(segment) > 1 && segment[0] == '{' && segment[len(segment)-1] == '}' {
		return segment[1 : len(segment)-1], true
	}
	return "", false
}

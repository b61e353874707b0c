package proxy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/proxy/pattern"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Rule gives a share of its own to some of the orders when they are created. All that is set must hold.
type Rule struct {
	Header    Named
	Cookie    Named
	Paths     []string // as in routes
	Methods   []string
	Networks  []netip.Prefix // of the client
	Merchants []string

	PerMillion uint32 // of these orders are born gray
}

// Named is a header field or a cookie with one of some values; Name "" = not looked at.
type Named struct {
	Name   string
	Values []string // none = it is there
}

func (r Rule) check() error {
	if r.PerMillion > shadow.PerMillion {
		return fmt.Errorf("per million must be at most %d (got %d)", shadow.PerMillion, r.PerMillion)
	}
	for _, p := range r.Paths {
		if err := pattern.Check(p); err != nil {
			return err
		}
	}
	if r.Header.Name == "" && r.Cookie.Name == "" && len(r.Paths)+len(r.Methods)+len(r.Networks)+len(r.Merchants) == 0 {
		return errors.New("a rule without a condition: set the share of the slice instead")
	}
	return nil
}

func (r Rule) fits(in *inbound, key business) bool {
	return (len(r.Methods) == 0 || slices.Contains(r.Methods, in.method)) &&
		(len(r.Paths) == 0 || slices.ContainsFunc(r.Paths, func(p string) bool { return pattern.Match(p, in.path) })) &&
		(len(r.Merchants) == 0 || slices.Contains(r.Merchants, key.merchant)) &&
		(len(r.Networks) == 0 || within(r.Networks, in.remote)) &&
		r.Header.among(in.values) && r.Cookie.among(in.cookies)
}

func (n Named) among(values func(string) []string) bool {
	if n.Name == "" {
		return true
	}
	there := values(n.Name)
	if len(n.Values) == 0 {
		return len(there) > 0
	}
	return slices.ContainsFunc(there, func(v string) bool { return slices.Contains(n.Values, v) })
}

// cookies gives the values of a cookie.
func (in *inbound) cookies(name string) (out []string) {
	for _, line := range in.values("Cookie") {
		for pair := range strings.SplitSeq(line, ";") {
			if k, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok && k == name {
				out = append(out, strings.Trim(v, `"`))
			}
		}
	}
	return out
}

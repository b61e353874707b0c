package proxy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// gray tells whether the stable release was called with a tag, for each request it saw.
func (r *rig) gray() (out []bool) {
	for _, a := range r.stable.asked() {
		out = append(out, a.header.Get(shadow.HeaderTag) != "")
	}
	return out
}

func TestRulesGiveSharesOfTheirOwn(t *testing.T) {
	all, none := uint32(shadow.PerMillion), uint32(0)
	for name, c := range map[string]struct {
		rules  []Rule
		slice  uint32
		header []string
		want   bool
	}{
		"header with a value":       {[]Rule{{Header: Named{"X-Beta", []string{"1", "2"}}, PerMillion: all}}, none, []string{"X-Beta", "2"}, true},
		"header with another value": {[]Rule{{Header: Named{"X-Beta", []string{"1"}}, PerMillion: all}}, none, []string{"X-Beta", "2"}, false},
		"header that is there":      {[]Rule{{Header: Named{Name: "X-Beta"}, PerMillion: all}}, none, []string{"X-Beta", ""}, true},
		"header that is not":        {[]Rule{{Header: Named{Name: "X-Beta"}, PerMillion: all}}, none, nil, false},
		"cookie":                    {[]Rule{{Cookie: Named{"beta", []string{"yes"}}, PerMillion: all}}, none, []string{"Cookie", "a=b; beta=yes"}, true},
		"path":                      {[]Rule{{Paths: []string{"/payments"}, PerMillion: all}}, none, nil, true},
		"another path":              {[]Rule{{Paths: []string{"/refunds/"}, PerMillion: all}}, none, nil, false},
		"method":                    {[]Rule{{Methods: []string{"PUT", "POST"}, PerMillion: all}}, none, nil, true},
		"network":                   {[]Rule{{Networks: loopback(), PerMillion: all}}, none, nil, true},
		"another network":           {[]Rule{{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, PerMillion: all}}, none, nil, false},
		"merchant":                  {[]Rule{{Merchants: []string{"M1"}, PerMillion: all}}, none, []string{"X-Merchant", "M1"}, true},
		"first that fits":           {[]Rule{{Merchants: []string{"M1"}, PerMillion: none}, {Methods: []string{"POST"}, PerMillion: all}}, all, []string{"X-Merchant", "M1"}, false},
		"all that is set must hold": {[]Rule{{Methods: []string{"POST"}, Merchants: []string{"M2"}, PerMillion: all}}, none, []string{"X-Merchant", "M1"}, false},
		"no rule fits":              {[]Rule{{Methods: []string{"GET"}, PerMillion: none}}, all, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(cfg *Config, _ *Deps) {
				cfg.Rules, cfg.Slice.PerMillion = c.rules, c.slice
				if strings.Contains(name, "merchant") || len(c.header) > 0 && c.header[0] == "X-Merchant" {
					cfg.Routes[0].Key.Merchant = Source{Header: "X-Merchant"}
				}
			})
			r.do("POST", "/payments", `{}`, append([]string{"X-Order", "P1"}, c.header...)...)
			if got := r.gray(); len(got) != 1 || got[0] != c.want {
				t.Errorf("gray: %v", got)
			}
		})
	}
}

func TestOrderNumbersInBodies(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) {
		c.Routes = []Route{
			{Name: "json", Method: "POST", Path: "/json", Creates: true, Mirror: true, Key: KeyRule{Source: Source{JSON: "order.id"}, Merchant: Source{JSON: "merchant"}}},
			{Name: "form", Method: "POST", Path: "/form", Creates: true, Mirror: true, Key: KeyRule{Source: Source{Header: "X-Order", Form: "out_trade_no"}}},
		}
	})
	r.do("POST", "/json", `{"merchant":"M1","order":{"id":17}}`)
	r.do("POST", "/json", `{"order":{"id":18}}`)
	r.do("POST", "/json", `{"merchant":"M1","order":`)
	r.do("POST", "/form", "a=b&out_trade_no=P%201", "Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.do("POST", "/form", "a=b", "Content-Type", "application/x-www-form-urlencoded", "X-Order", "P2")
	r.verdicts(3)
	var orders []string
	for _, e := range r.auditor.closed() {
		orders = append(orders, e.Order)
	}
	slices.Sort(orders) // orders run beside each other
	if got := strings.Join(orders, " | "); got != "17 | P 1 | P2" {
		t.Errorf("orders %s", got)
	}
	for i, a := range r.stable.asked() {
		if want := []int{35, 19, 25, 22, 3}[i]; len(a.body) != want {
			t.Errorf("body %d is %q", i, a.body)
		}
	}
}

// The order number of one merchant and the next one's must not be taken for each other's.
func TestMerchantsDoNotShareOrderNumbers(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) {
		c.Rules = []Rule{{Merchants: []string{"M1"}, PerMillion: shadow.PerMillion}}
		c.Slice.PerMillion = 0
		for i := range c.Routes {
			c.Routes[i].Key.Merchant = Source{Header: "X-Merchant"}
		}
	})
	r.do("POST", "/payments", `{}`, "X-Order", "P1", "X-Merchant", "M1")
	r.do("POST", "/payments", `{}`, "X-Order", "P1", "X-Merchant", "M2")
	r.do("POST", "/payments/P1/refunds", `{}`, "X-Merchant", "M1")
	r.do("POST", "/payments/P1/refunds", `{}`, "X-Merchant", "M2")
	r.do("POST", "/payments/P1/refunds", `{}`)
	if got := r.gray(); !equal(got, []bool{true, false, true, false, false}) {
		t.Errorf("gray: %v", got)
	}
	if a, b := (business{"1", "2:34"}).name(), (business{"12:3", "4"}).name(); a == b {
		t.Errorf("both are %q", a)
	}
}

func equal(a, b []bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestTagTravelsInEveryForm(t *testing.T) {
	r := newRig(t, nil)
	r.do("POST", "/payments", `{}`, "X-Order", "P1", "Baggage", "a=1, gray=forged;x", "Tracestate", "gray=forged,other=2",
		"Uber-Trace-Id", "1:2:3:1", "Uberctx-Gray", "forged", "Uberctx-Other", "kept")
	r.expect("match()")
	for side, a := range map[string]asked{"stable": r.stable.asked()[0], "candidate": r.candidate.asked()[0]} {
		for name, want := range map[string]string{"Baggage": "a=1,gray=v2", "Tracestate": "gray=v2,other=2", "Uberctx-Gray": "v2", "Uberctx-Other": "kept"} {
			if got := strings.Join(a.header.Values(name), ","); got != want {
				t.Errorf("%s: %s is %q, want %q", side, name, got, want)
			}
		}
	}
	r.do("POST", "/other", `{}`, "Baggage", "gray=forged,a=1", "Tracestate", "gray=forged", "Uberctx-Gray", "forged")
	last := r.stable.asked()[1].header
	if got := last.Get("Baggage") + "|" + last.Get("Tracestate") + "|" + last.Get("Uberctx-Gray"); got != "a=1||" {
		t.Errorf("an untagged request came with %q", got)
	}
}

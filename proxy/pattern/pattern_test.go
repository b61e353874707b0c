package pattern

import "testing"

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/payments", "/payments", true},
		{"/payments", "/payments/1", false},
		{"/payments", "/payment", false},
		{"/payments", "/payments/", false},
		{"/payments/{id}", "/payments/P1", true},
		{"/payments/{id}", "/payments/", false},
		{"/payments/{id}", "/payments/P1/refunds", false},
		{"/payments/{id}/refunds", "/payments/P1/refunds", true},
		{"/v3/", "/v3/pay/transactions", true},
		{"/v3/", "/v3/", true},
		{"/v3/", "/v3", false},
		{"/v3/", "/v30/x", false},
		{"/", "/anything/at/all", true},
		{"/", "/", true},
	} {
		if got := Match(c.pattern, c.path); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.path, got)
		}
	}
}

func TestValue(t *testing.T) {
	if got := Value("/p/{id}/refunds/{no}", "/p/P1/refunds/R2", "no"); got != "R2" {
		t.Errorf("no = %q", got)
	}
	if got := Value("/p/{id}", "/q/P1", "id"); got != "" {
		t.Errorf("a path that does not match gave %q", got)
	}
}

func TestCheck(t *testing.T) {
	for pattern, ok := range map[string]bool{"/a/{id}": true, "/": true, "a": false, "": false, "/a{id}": false, "/{}": false, "/{a}/{a}": false} {
		if err := Check(pattern); (err == nil) != ok {
			t.Errorf("Check(%q) = %v", pattern, err)
		}
	}
}

package shadow_test

import (
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestPolicy(t *testing.T) {
	good := shadow.Policy{Service: "pay", Stable: "v1", Candidate: "v2", Epoch: 3, Gray: 10_000}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*shadow.Policy){
		"are needed":  func(p *shadow.Policy) { p.Candidate = "" },
		"are both":    func(p *shadow.Policy) { p.Candidate = p.Stable },
		"epoch is 0":  func(p *shadow.Policy) { p.Epoch = 0 },
		"within 100":  func(p *shadow.Policy) { p.Serve = shadow.Whole + 1 },
		"rolled back": func(p *shadow.Policy) { p.RolledBack = true },
	} {
		bad := good
		spoil(&bad)
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", bad, err, want)
		}
		if bad.Hash() == good.Hash() {
			t.Errorf("%+v has the hash of another policy", bad)
		}
	}
}

func TestShareString(t *testing.T) {
	for share, want := range map[shadow.Share]string{0: "0 %", 10_000: "1 %", 12_500: "1.25 %", shadow.Whole: "100 %"} {
		if got := share.String(); got != want {
			t.Errorf("%d: %s, want %s", share, got, want)
		}
	}
}

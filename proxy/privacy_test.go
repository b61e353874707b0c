package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// What leaves the sidecar is searched for numbers and credentials that went through it.
func TestEvidenceLeaksNothing(t *testing.T) {
	leaks := []string{"4111111111111111", "5555555555554444", "13800138000", "11010519491231002X", "s3cr3t-one", "s3cr3t-two"}
	r := newRig(t, func(_ *Config, d *Deps) {
		d.Comparer = comparing(func(p shadow.Pair) shadow.Verdict {
			return shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{Field: "card", Kind: shadow.KindValue, Expected: string(p.Primary.Response.Bytes), Actual: string(p.Shadow.Response.Bytes)}}}
		})
	})
	answer := func(card string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Phone", "13800138000")
			fmt.Fprintf(w, `{"card":"%s","token":"s3cr3t-one"}`, card)
		}
	}
	r.stable.answers(answer("4111111111111111"))
	r.candidate.answers(answer("5555555555554444"))
	r.do("POST", "/any/1?order=A&access_token=s3cr3t-two", `{"id":"11010519491231002X","note":"4111 1111 1111 1111"}`, "Authorization", "Bearer s3cr3t-one", "X-Card", "4111111111111111")
	r.expect("mismatch()")
	closed := r.auditor.closed()
	text, err := json.Marshal(closed)
	if err != nil {
		t.Fatal(err)
	}
	bodies := string(closed[0].Primary.Request.Bytes) + string(closed[0].Primary.Response.Bytes) + string(closed[0].Shadow.Response.Bytes)
	for _, leak := range leaks {
		if strings.Contains(string(text)+bodies, leak) {
			t.Errorf("%s is in the evidence: %s %s", leak, text, bodies)
		}
	}
	if m := closed[0].Verdict.Mismatches[0]; m.Expected == m.Actual || !strings.Contains(m.Expected, "<pan:") {
		t.Errorf("the difference did not survive: %+v", m)
	}
	if got := r.candidate.asked()[0].body; !strings.Contains(got, "11010519491231002X") {
		t.Errorf("the candidate got %s", got)
	}
}

// comparing is a comparer made of a function.
type comparing func(shadow.Pair) shadow.Verdict

func (f comparing) Compare(p shadow.Pair) (shadow.Verdict, []shadow.Binding) { return f(p), nil }

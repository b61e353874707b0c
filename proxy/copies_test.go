package proxy

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func copiesRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	return newRig(t, func(c *Config, _ *Deps) {
		c.Upstream, c.Copies, c.Trusted, c.BodySample = nil, true, loopback(), shadow.PerMillion
		if change != nil {
			change(c)
		}
	})
}

func stamps(epoch string) []string {
	return []string{shadow.HeaderTag, "v2", shadow.HeaderEpoch, epoch}
}

func TestCopyOfAGrayOrderGoesToTheCandidate(t *testing.T) {
	r := copiesRig(t, nil)
	status, answer, _ := r.do("POST", "/payments", `{"amount":{"total":"12.30"}}`, append(stamps("9"), "X-Order", "a", "X-Kept", "yes")...)
	if status != http.StatusNoContent || answer != "" {
		t.Errorf("answer %d %q", status, answer)
	}
	r.do("POST", "/payments/a/refunds", `{}`, stamps("9")...)
	r.expect("excluded(unpaired)", "excluded(unpaired)") // the first taints nothing
	r.stop()
	asked := r.candidate.asked()
	if len(asked) != 2 || asked[0].body != `{"amount":{"total":"12.30"}}` || asked[0].header.Get("X-Kept") != "yes" || asked[0].header.Get(shadow.HeaderEpoch) != "" {
		t.Fatalf("the candidate was asked %+v", asked)
	}
	tag, err := r.signer.Verify(asked[0].header.Get(shadow.HeaderTag), r.deps.Now())
	if err != nil || tag.Side != shadow.Shadow || tag.Release != "v2" || tag.Epoch != 7 {
		t.Errorf("tag %+v, %v", tag, err)
	}
	e := r.auditor.closed()[0]
	if e.Shadow == nil || e.Shadow.Status != 200 || e.Primary != nil || e.Order != "a" || e.Amount == nil || e.Amount.Minor != 1230 {
		t.Errorf("captured %+v", e)
	}
	if len(r.stable.asked()) > 0 {
		t.Error("a copy reached the stable release")
	}
}

func TestCopyThatIsNotGrayGoesNowhere(t *testing.T) {
	r := copiesRig(t, func(c *Config) { c.Slice.PerMillion = 0 })
	if status, _, _ := r.do("POST", "/payments", `{}`, append(stamps("7"), "X-Order", "a")...); status != http.StatusNoContent {
		t.Errorf("answer %d", status)
	}
	r.do("GET", "/elsewhere", "", stamps("7")...)
	r.stop()
	if len(r.candidate.asked()) > 0 || len(r.auditor.closed()) > 0 {
		t.Errorf("the candidate was asked %+v", r.candidate.asked())
	}
}

func TestCopiesThatAreTurnedAway(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		header []string
		body   string
		reason string
	}{
		"no stamp":            {nil, nil, "{}", copyUnstamped},
		"no epoch":            {nil, []string{shadow.HeaderTag, "v2"}, "{}", copyUnstamped},
		"two epochs":          {nil, append(stamps("7"), shadow.HeaderEpoch, "8"), "{}", copyUnstamped},
		"no number":           {nil, stamps("seven"), "{}", copyUnstamped},
		"another release":     {nil, []string{shadow.HeaderTag, "v3", shadow.HeaderEpoch, "7"}, "{}", copyUnstamped},
		"before the rollback": {nil, stamps("6"), "{}", copyRolledBack},
		"rolled back":         {func(c *Config) { c.Slice.Halted = true }, stamps("7"), "{}", copyRolledBack},
		"a stranger":          {func(c *Config) { c.Trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, stamps("7"), "{}", copyUntrusted},
		"too long":            {func(c *Config) { c.Limits.MaxBody = 8 }, stamps("7"), "0123456789", copyTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			r := copiesRig(t, c.change)
			status, answer, _ := r.do("POST", "/payments", c.body, append(c.header, "X-Order", "a")...)
			if status != http.StatusForbidden || strings.TrimSpace(answer) != c.reason {
				t.Errorf("answer %d %q", status, answer)
			}
			if n := testutil.ToFloat64(r.sidecar.metrics.copiesRefused.WithLabelValues(c.reason)); n != 1 {
				t.Errorf("counted %v", n)
			}
			r.stop()
			if len(r.candidate.asked()) > 0 {
				t.Errorf("the candidate was asked %+v", r.candidate.asked())
			}
		})
	}
}

// TestCopyWhoseRunBreaksTaintsItsOrder: the candidate's state of it is wrong from then on.
func TestCopyWhoseRunBreaksTaintsItsOrder(t *testing.T) {
	r := copiesRig(t, nil)
	r.candidate.answers(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	r.do("POST", "/payments", `{}`, append(stamps("7"), "X-Order", "a")...)
	r.verdicts(1)
	r.candidate.answers(nil)
	r.do("POST", "/payments/a/refunds", `{}`, stamps("7")...)
	r.expect("mismatch()", "inconclusive(tainted)")
}

func TestCopiesNeedACandidateAndNothingElse(t *testing.T) {
	r := copiesRig(t, nil)
	for name, spoil := range map[string]func(*Config){
		"a stable release": func(c *Config) { c.Upstream = c.Candidate },
		"no candidate":     func(c *Config) { c.Candidate = nil },
	} {
		c := r.config
		spoil(&c)
		if errs := c.Validate(); len(errs) != 1 || !strings.Contains(errs[0].Error(), "copies: go to a candidate, and to no stable release") {
			t.Errorf("%s: %v", name, errs)
		}
	}
}

package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/comparer/server"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// desk is a comparer whose gate stands where a test wants it, and which keeps what it was asked.
type desk struct {
	gate  server.Gate
	asked []string
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var wish server.Wish
	_ = json.NewDecoder(r.Body).Decode(&wish) // a GET has none
	d.asked = append(d.asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+wish.Reason+" "+wish.Policy)
	_ = json.NewEncoder(w).Encode(d.gate)
}

func standing(t *testing.T, v gate.Verdict, phase rollout.Phase) (*desk, comparerFlag) {
	t.Helper()
	policy := shadow.Policy{Service: "pay", Stable: "v1", Candidate: "v2", Epoch: 3, Gray: 50_000}
	status := rollout.Status{Phase: phase, Stage: 2, Stages: 5, Policy: policy, Hash: policy.Hash(), Proposed: "cafe"}
	d := &desk{gate: server.Describe(gate.Decision{Verdict: v, Judged: 812, Bad: 1, Needed: 30_701, Wait: time.Hour, Reasons: []string{"not enough"}}, time.Unix(90, 0), time.Unix(100, 0), nil, &status)}
	s := httptest.NewServer(d)
	t.Cleanup(s.Close)
	return d, comparerFlag{Comparer: s.URL}
}

func TestGateStatusExitsWithTheVerdict(t *testing.T) {
	for verdict, c := range map[gate.Verdict]struct {
		phase rollout.Phase
		code  int
	}{gate.Pass: {rollout.Climbing, 0}, gate.Hold: {rollout.Climbing, 2}, gate.Rollback: {rollout.Climbing, 3}} {
		_, at := standing(t, verdict, c.phase)
		var out strings.Builder
		err := (&gateStatusCmd{at}).Run(nil, &streams{out: &out})
		if code := codeOf(err); code != c.code {
			t.Errorf("%s: code %d", verdict, code)
		}
		for _, want := range []string{string(verdict), "judged 10s ago", "812 orders judged", "30701 clean orders", "stage 2 of 5", "gray 5 %", "policy cafe", "  - not enough"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", verdict, want, &out)
			}
		}
	}
	_, at := standing(t, gate.Pass, rollout.Back)
	if err := (&gateStatusCmd{at}).Run(nil, &streams{out: &strings.Builder{}}); codeOf(err) != codeRollback {
		t.Errorf("rolled back, and the code is %d", codeOf(err))
	}
}

func codeOf(err error) int {
	if err == nil {
		return 0
	}
	return exitCode(&strings.Builder{}, err)
}

func TestGateActsBearATokenThatIsNowhereElse(t *testing.T) {
	d, at := standing(t, gate.Pass, rollout.Waiting)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := wishFlags{comparerFlag: at, Reason: "why", TokenFile: file}
	var out strings.Builder
	for _, run := range []func() error{
		func() error { return (&gateHoldCmd{flags}).Run(nil, &streams{out: &out}) },
		func() error { return (&gateClearCmd{flags}).Run(nil, &streams{out: &out}) },
		func() error { return (&gateRollbackCmd{flags}).Run(nil, &streams{out: &out}) },
		func() error { return (&gateApproveCmd{wishFlags: flags}).Run(nil, &streams{out: &out}) },
	} {
		if err := run(); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"POST /api/v1/gate/hold Bearer s3cret why ", "POST /api/v1/gate/clear Bearer s3cret why ", "POST /api/v1/gate/rollback Bearer s3cret why ",
		"GET /api/v1/gate   ", "POST /api/v1/gate/approve Bearer s3cret why cafe",
	}
	if strings.Join(d.asked, "\n") != strings.Join(want, "\n") || strings.Contains(out.String(), "s3cret") {
		t.Errorf("asked\n%s\nprinted\n%s", strings.Join(d.asked, "\n"), &out)
	}
	t.Setenv(tokenVariable, "")
	flags.TokenFile = ""
	if err := (&gateHoldCmd{flags}).Run(nil, &streams{out: &out}); err == nil || !strings.Contains(err.Error(), "try: --token-file") {
		t.Errorf("without a token: %v", err)
	}
}

func TestGateSimulate(t *testing.T) {
	var out strings.Builder
	cmd := &gateSimulateCmd{Budget: 0.01, PromoteError: 0.05, RollbackError: 0.05, Runs: 500, PerHour: 1000, Seed: 4}
	if err := cmd.Run(nil, &streams{out: &out}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"seed 4", "half, in time", "a clean candidate passes after 314 orders", "100.00 %"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	for field, spoil := range map[string]func(*gateSimulateCmd){
		"--budget":    func(c *gateSimulateCmd) { c.Budget = 0 },
		"--max-bound": func(c *gateSimulateCmd) { c.MaxBound = 0.02 },
		"--error":     func(c *gateSimulateCmd) { c.PromoteError = 1 },
		"--runs":      func(c *gateSimulateCmd) { c.Runs = 0 },
		"--rate":      func(c *gateSimulateCmd) { c.Rate = []float64{-1} },
	} {
		bad := *cmd
		spoil(&bad)
		if err := bad.Run(nil, &streams{out: &out}); err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

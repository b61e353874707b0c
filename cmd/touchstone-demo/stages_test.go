package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/load"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/payservice"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
)

// playStages runs a scenario up the ladder and gives the audit of its rollout.
func playStages(t *testing.T, bug payservice.Bug) (played, []rollout.Entry) {
	t.Helper()
	s, p := perform(t, options{Payments: 400, Bug: bug, Stages: true})
	return p, auditOf(t, s.options.Out)
}

func auditOf(t *testing.T, folder string) (entries []rollout.Entry) {
	t.Helper()
	f, err := os.Open(filepath.Join(folder, "rollout-audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e rollout.Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries
}

func TestAFaithfulCandidateGoesUpTheLadder(t *testing.T) {
	t.Parallel()
	p, audit := playStages(t, payservice.NoBug)
	if r := p.gate.Rollout; r.Phase != rollout.Proved || r.Stage != 3 || p.gate.OK != 1 {
		t.Errorf("%+v", r)
	}
	live := 0
	for _, e := range audit {
		if e.Change == rollout.Promoted && e.Judged < p.report.Judged {
			live++
		}
	}
	if len(audit) != 4 || live == 0 {
		t.Errorf("%d promotions while the payments ran: %+v", live, audit)
	}
}

// A cent is a hard stop: it takes less evidence than the test asks of a candidate that passes, and the rest of the orders
// never come to the candidate.
func TestRoundingIsRolledBackWhileThePaymentsRun(t *testing.T) {
	t.Parallel()
	p, audit := playStages(t, payservice.Rounding)
	if p.gate.Rollout.Phase != rollout.Back || p.gate.Failed != 1 {
		t.Errorf("%+v", p.gate.Rollout)
	}
	last := audit[len(audit)-1]
	needs := gate.Test{Budget: 0.025, MaxBound: 0.025, PromoteError: 0.05, RollbackError: 0.05}.Needed(0, 0) // 400 payments ask for 0.025
	if last.Change != rollout.RolledBack || last.Bad == 0 || last.Judged >= needs {
		t.Errorf("rolled back after %d orders, %d of them bad; a clean candidate needs %d: %+v", last.Judged, last.Bad, needs, last)
	}
	if all := load.Requests(grayOrders(p)); p.report.Ledger.Sampled >= all {
		t.Errorf("%d of %d gray requests were sampled: nothing was spared", p.report.Ledger.Sampled, all)
	}
	t.Logf("rolled back after %d orders, %d of them bad; %d requests were sampled", last.Judged, last.Bad, p.report.Ledger.Sampled)
}

func TestADeadCandidateIsHeldAndNotPromoted(t *testing.T) {
	t.Parallel()
	p, audit := playStages(t, bugCrash)
	if p.gate.Rollout.Phase != rollout.Climbing || p.gate.OK != 0 {
		t.Errorf("%+v", p.gate.Rollout)
	}
	if last := audit[len(audit)-1]; last.Change == rollout.Completed {
		t.Errorf("%+v", last)
	}
}

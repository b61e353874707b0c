package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/seed-3356bd69/touchstone/cmd/internal/app"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/load"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/payservice"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/recon/audit"
)

// audited is an entry of a rollout's audit log.
type audited struct {
	action      string
	judged, bad int
}

// playStages runs a scenario up the ladder and gives the audit of its rollout.
func playStages(t *testing.T, bug payservice.Bug) (played, []audited) {
	t.Helper()
	s, p := perform(t, options{Payments: 400, Bug: bug, Stages: true})
	return p, auditOf(t, s.options.Out)
}

// auditOf reads the log as anybody can who has the public half of its key, and holds it to be whole.
func auditOf(t *testing.T, folder string) (entries []audited) {
	t.Helper()
	log := app.AuditLog{Folder: filepath.Join(folder, "rollout-audit"), Key: filepath.Join(folder, "audit.key.pub")}
	if err := log.Verify(t.Context(), app.Process{Log: slog.New(slog.DiscardHandler)}, io.Discard); err != nil {
		t.Fatal(err)
	}
	verifier, err := audit.ReadVerifier(log.Key)
	if err != nil {
		t.Fatal(err)
	}
	found, err := audit.Find(t.Context(), log.Folder, verifier, "pay/v2")
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	for _, f := range found {
		entries = append(entries, audited{f.Entry.Action, number(t, f.Entry.Basis["judged"]), number(t, f.Entry.Basis["bad"])})
	}
	return entries
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAFaithfulCandidateGoesUpTheLadder(t *testing.T) {
	t.Parallel()
	p, audit := playStages(t, payservice.NoBug)
	if r := p.gate.Rollout; r.Phase != rollout.Proved || r.Stage != 3 || p.gate.OK != 1 {
		t.Errorf("%+v", r)
	}
	live := 0
	for _, e := range audit {
		if e.action == "rollout promoted" && e.judged < p.report.Judged {
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
	if last.action != "rollout rolled-back" || last.bad == 0 || last.judged >= needs {
		t.Errorf("rolled back after %d orders, %d of them bad; a clean candidate needs %d: %+v", last.judged, last.bad, needs, last)
	}
	if all := load.Requests(grayOrders(p)); p.report.Ledger.Sampled >= all {
		t.Errorf("%d of %d gray requests were sampled: nothing was spared", p.report.Ledger.Sampled, all)
	}
	t.Logf("rolled back after %d orders, %d of them bad; %d requests were sampled", last.judged, last.bad, p.report.Ledger.Sampled)
}

func TestADeadCandidateIsHeldAndNotPromoted(t *testing.T) {
	t.Parallel()
	p, audit := playStages(t, bugCrash)
	if p.gate.Rollout.Phase != rollout.Climbing || p.gate.OK != 0 {
		t.Errorf("%+v", p.gate.Rollout)
	}
	if last := audit[len(audit)-1]; last.action == "rollout completed" {
		t.Errorf("%+v", last)
	}
}

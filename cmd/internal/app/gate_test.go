package app

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/steer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/comparer/server"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/loopback"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// rolloutConfig is a ladder whose looks are quick. The token of ann is "ann".
const rolloutConfig = `gate:
  max_bound: 0.01
  rollout:
    every: 1s
    settle: 300ms
    stale: 3s
    self_test: 5s
    audit: {folder: rollout-log, key_file: audit.key, witness: outside}
    stages: [{gray: 1%%}, {gray: 100%%}]
    people: [{name: ann, roles: [operator], token_sha256: "49915e0d7d4b402e3017d010bc1c0e83cac6c797d6c16e66340fe3268693a6a1"}]
control_plane: {listen: %s, service: pay, stable: v1, subscribers: [{name: pay-1, kind: sidecar, admin: "%s"}]}
`

// gateRig is a comparer over two real databases, with a sidecar whose fence is a real one.
type gateRig struct {
	*comparerRig
	primary, shadow *sql.DB
	fence           *fence
	tell            func(shadow.Event)
	told            shadow.Tally
	tallies         int
}

func newGateRig(t *testing.T) *gateRig {
	t.Helper()
	db, err := mariadb.Start(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Stop)
	g := &gateRig{comparerRig: newComparerRig(t), fence: &fence{file: filepath.Join(t.TempDir(), "fence"), take: func(uint64) error { return nil }}}
	sidecar := http.NewServeMux()
	sidecar.Handle("/rollback", g.fence)
	admin := httptest.NewServer(sidecar)
	t.Cleanup(admin.Close)
	g.write(db, admin.URL)
	for schema, at := range map[string]**sql.DB{"a": &g.primary, "b": &g.shadow} {
		if *at, err = db.Open(schema); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = (*at).Close() })
		if _, err := (*at).Exec("CREATE TABLE payments (order_id VARCHAR(64) PRIMARY KEY, amount DECIMAL(12,2) NOT NULL, state VARCHAR(20) NOT NULL)"); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// write puts the databases and the rollout into the configuration.
func (g *gateRig) write(db *mariadb.Server, admin string) {
	g.t.Helper()
	root, err := db.Open("")
	if err != nil {
		g.t.Fatal(err)
	}
	defer root.Close()
	for _, schema := range []string{"a", "b"} {
		if _, err := root.Exec("CREATE DATABASE " + schema); err != nil {
			g.t.Fatal(err)
		}
		name := map[string]string{"a": "primary.dsn", "b": "shadow.dsn"}[schema]
		if err := os.WriteFile(filepath.Join(g.folder, name), []byte(db.Config(schema).FormatDSN()), 0o600); err != nil {
			g.t.Fatal(err)
		}
	}
	g.addRollout(admin)
}

// addRollout puts a rollout with its audit log into the configuration; the admin port is that of the one sidecar.
func (r *comparerRig) addRollout(admin string) {
	r.t.Helper()
	free, err := loopback.FreeAddrs(1)
	if err != nil {
		r.t.Fatal(err)
	}
	path := filepath.Join(r.folder, "comparer.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	changed := strings.Replace(string(text), "gate: {max_bound: 0.01}\n", fmt.Sprintf(rolloutConfig, free[0], admin), 1)
	err = errors.Join(os.WriteFile(path, []byte(changed), 0o600), os.Mkdir(filepath.Join(r.folder, "outside"), 0o700), audit.NewKey(filepath.Join(r.folder, "audit.key"), "test/rollouts"))
	if err != nil {
		r.t.Fatal(err)
	}
	if r.config, err = config.LoadComparer(path); err != nil {
		r.t.Fatal(err)
	}
}

// order is one request that both releases answered alike, and what each side booked.
func (g *gateRig) order(id, primary, second string) {
	g.t.Helper()
	for db, amount := range map[*sql.DB]string{g.primary: primary, g.shadow: second} {
		if _, err := db.Exec("INSERT INTO payments VALUES (?, ?, 'PAID')", id, amount); err != nil {
			g.t.Fatal(err)
		}
	}
	pay(g.tell, id, primary, second)
	g.told.Sampled, g.told.Closed, g.told.WriteSets = g.told.Sampled+1, g.told.Closed+1, g.told.WriteSets+2
	g.tally()
}

func (g *gateRig) tally() {
	g.tallies++
	told := g.told
	g.tell(shadow.Event{ID: fmt.Sprintf("tally:%d", g.tallies), Kind: shadow.EventTally, Instance: "i", Time: time.Now(), Tally: &told})
}

func (g *gateRig) stands() (out server.Gate) {
	g.t.Helper()
	if status := g.get("/api/v1/gate", &out); status != http.StatusOK {
		g.t.Fatal(status)
	}
	return out
}

// awaitGate keeps the sidecar's word fresh meanwhile.
func (g *gateRig) awaitGate(what string, ok func(server.Gate) bool) server.Gate {
	g.t.Helper()
	var last server.Gate
	defer func() {
		if g.t.Failed() {
			g.t.Logf("the gate stands at %+v, rollout %+v", last.Decision, last.Rollout)
		}
	}()
	told := time.Now()
	g.await(what, func() bool {
		if time.Since(told) > time.Second {
			told = time.Now()
			g.tally()
		}
		last = g.stands()
		return ok(last)
	})
	return last
}

func reasons(g server.Gate) string { return strings.Join(g.Reasons, "\n") }

// TestARolloutIsRolledBackOverACent runs the comparer with its own bus, over databases that move, against a real fence.
func TestARolloutIsRolledBackOverACent(t *testing.T) {
	t.Parallel()
	g := newGateRig(t)
	g.start()
	tell, stop := g.sidecar()
	defer stop()
	g.tell = tell
	for i := range 5 {
		g.order(fmt.Sprintf("P%d", i), "19.99", "19.99")
	}
	seen := g.awaitGate("judgement", func(s server.Gate) bool { return len(s.Strata) > 0 && s.Strata[0].Inconclusive == 5 })
	if seen.Verdict != gate.Hold || seen.Rollout.Phase != rollout.Climbing || len(seen.SelfTest) != 3 || slices.ContainsFunc(seen.SelfTest, func(p gate.Probe) bool { return !p.Found }) || strings.Contains(reasons(seen), "gate-invalid") {
		t.Errorf("got %+v, self-test %+v", seen.Decision, seen.SelfTest)
	}
	g.order("P9", "0.29", "0.28")
	back := g.awaitGate("rollback", func(s server.Gate) bool { return s.Rollout.Phase == rollout.Back && s.Rollout.Subscribers[0].Settled })
	if back.Failed != 1 || g.fence.at() != 2 {
		t.Errorf("failed %d, fence %d, %+v", back.Failed, g.fence.at(), back.Rollout)
	}
	g.stop() // and again: it is where it was
	g.start()
	if s := g.stands(); s.Rollout.Phase != rollout.Back || s.Failed != 1 {
		t.Errorf("after a restart: %+v", s.Rollout)
	}
	g.clear()
	cleared := g.awaitGate("look", func(s server.Gate) bool {
		return s.AgeSeconds >= 0 && s.Rollout.Policy.Epoch == 3 && len(s.Reasons) > 0 && s.Judged == 0
	})
	if cleared.Rollout.Phase != rollout.Climbing || cleared.Rollout.Stage != 1 {
		t.Errorf("cleared, and what was before counts: %+v %+v", cleared.Decision, cleared.Rollout)
	}
	g.checkAudit("begun", "rolled-back", "cleared")
	var metrics string
	g.get("/metrics", &metrics)
	for _, want := range []string{"touchstone_rollout_stage 1", `touchstone_rollout_share{of="gray"} 0.01`, `touchstone_rollout_changes_total{change="cleared"} 1`, "touchstone_rollout_rolled_back 0"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics have no line %s", want)
		}
	}
}

// clear is what a person does with touchstone gate clear; a stranger's token does nothing.
func (g *gateRig) clear() {
	g.t.Helper()
	c, err := steer.New("http://" + string(g.config.Listen))
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := c.Act(g.t.Context(), "mallory", rollout.ActClear, server.Wish{Reason: "mended"}); err == nil || !strings.Contains(err.Error(), "401") {
		g.t.Errorf("a stranger: %v", err)
	}
	s, err := c.Act(g.t.Context(), "ann", rollout.ActClear, server.Wish{Reason: "mended"})
	if err != nil || s.Rollout.Phase != rollout.Climbing {
		g.t.Fatalf("%+v %v", s.Rollout, err)
	}
	var text strings.Builder
	if err := steer.Explain(&text, s); err != nil || !strings.Contains(text.String(), "stage 1 of 2") {
		g.t.Errorf("%s %v", &text, err)
	}
}

// TestASilentSidecarIsNoEvidence: what was good is not good for ever when nobody says anything any more.
func TestASilentSidecarIsNoEvidence(t *testing.T) {
	t.Parallel()
	g := newGateRig(t)
	g.start()
	tell, stop := g.sidecar()
	defer stop()
	g.tell = tell
	g.order("P1", "19.99", "19.99")
	g.await("stale evidence", func() bool { return strings.Contains(reasons(g.stands()), "stale: no word from any sidecar for") })
}

// way takes a canary's events to where they are counted, as the bus does, and may change them on the way.
type way struct {
	to     *canary
	change func(*shadow.Event) bool // false: it is lost
}

func (w *way) Publish(ev shadow.Event) {
	if w.change == nil || w.change(&ev) {
		w.to.take([]shadow.Event{ev})
	}
}

func TestCanaries(t *testing.T) {
	policy := gate.Policy{Test: gate.Test{Budget: 0.01, MaxBound: 0.01, PromoteError: 0.05, RollbackError: 0.05}}
	for name, c := range map[string]struct {
		change func(*shadow.Event) bool
		found  bool
	}{
		"all is well":         {nil, true},
		"nothing comes":       {func(*shadow.Event) bool { return false }, false},
		"the end is lost":     {func(ev *shadow.Event) bool { return ev.Kind != shadow.EventTally }, false},
		"the closing is lost": {func(ev *shadow.Event) bool { return ev.Kind != shadow.EventClosed }, false},
		"the cent is lost": {func(ev *shadow.Event) bool {
			if ev.Kind == shadow.EventClosed {
				e := *ev.Evidence
				e.Verdict = shadow.Verdict{Outcome: shadow.Match}
				ev.Evidence = &e
			}
			return true
		}, false},
		"it is another's": {func(ev *shadow.Event) bool { ev.Instance = canaryInstance + "other"; return true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := &way{change: c.change}
			w.to = newCanary(w, "v2", policy)
			if what := w.to.prove(t.Context(), 50*time.Millisecond); (what == "") != c.found {
				t.Errorf("got %q", what)
			}
		})
	}
	real := shadow.Event{ID: "1", Instance: "sidecar-1", Kind: shadow.EventTally}
	if left := newCanary(nil, "v2", policy).take([]shadow.Event{real, {ID: "2", Instance: canaryInstance + "x"}}); len(left) != 1 || left[0].ID != "1" {
		t.Errorf("evidence and canaries are mixed: %+v", left)
	}
}

package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/comparer/rows"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// lookRig is a rollout whose looks a test takes one by one. Its ladder follows nobody.
type lookRig struct {
	t     *testing.T
	run   *grayRun
	loop  *rolloutLoop
	sides *config.Sides       // of databases that are not there
	waits int                 // for the bus
	wait  func(nth int) error // nil: it is waited for
}

// CatchUp is the wait for the bus.
func (r *lookRig) CatchUp(context.Context) error {
	if r.waits++; r.wait != nil {
		return r.wait(r.waits)
	}
	return nil
}

var errGone = errors.New("the bus is gone")

func (r *lookRig) Append(context.Context, rollout.Entry) error  { return nil }
func (r *lookRig) Publish(context.Context, shadow.Policy) error { return nil }
func (r *lookRig) InForce() (shadow.Policy, uint64)             { return shadow.Policy{}, 0 }
func (r *lookRig) Subscribers() []rollout.Subscriber            { return nil }

func newLookRig(t *testing.T) *lookRig {
	t.Helper()
	r := &lookRig{t: t}
	cfg := newComparerRig(t).config
	cfg.Data, r.sides, cfg.Sides = config.Path(t.TempDir()), cfg.Sides, nil
	cfg.Gate.Budget, cfg.Gate.MaxBound, cfg.Gate.PromoteError, cfg.Gate.RollbackError = 10_000_000, 950_000_000, 500_000_000, 50_000_000
	quiet := slog.New(slog.DiscardHandler)
	var err error
	if r.run, err = openRun(t.Context(), string(cfg.Data), judge{config: cfg, log: quiet}, newRunMetrics(prometheus.NewRegistry()), r, quiet); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.run.store.Close() })
	r.loop = &rolloutLoop{run: r.run, config: &config.Rollout{Settle: time.Millisecond, Stale: time.Hour, SelfTest: time.Second}, log: quiet}
	w := &way{}
	w.to = newCanary(w, "v2", r.run.judge.policy())
	r.loop.canary = w.to
	r.loop.ladder, err = rollout.Open(t.Context(), rollout.Config{
		Service: "pay", Stable: "v1", Candidate: "v2", State: filepath.Join(string(cfg.Data), rolloutFile), Stages: []rollout.Stage{{Gray: percent, Bound: 0.95}, {Gray: shadow.Whole, Bound: 0.95}},
	}, rollout.Deps{Audit: r, Publisher: r, Metrics: rollout.NewMetrics(prometheus.NewRegistry()), Clock: rollout.NewClock(), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	r.run.rollout = r.loop
	return r
}

// TestARolloutWithoutItsStateIsStillRolledBack: its file was moved away, and the control plane goes on where it was.
func TestARolloutWithoutItsStateIsStillRolledBack(t *testing.T) {
	g := newGoverned(t, true)
	g.must(g.wait(0))
	for epoch := range uint64(3) {
		g.must(g.put(asks(epoch+1, 5*percent, shadow.Whole)))
	}
	g.answers("candidate")
	quiet := &lookRig{}
	ladder, err := rollout.Open(t.Context(), rollout.Config{
		Service: "pay", Stable: "v1", Candidate: "v2", State: filepath.Join(g.folder, rolloutFile), Stages: []rollout.Stage{{Gray: percent, Bound: 0.95}},
	}, rollout.Deps{Audit: quiet, Publisher: followers{g.plane}, Metrics: rollout.NewMetrics(prometheus.NewRegistry()), Clock: rollout.NewClock(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	g.must(ladder.Publish(t.Context()))
	g.must(g.wait(4))
	g.answers("stable")
	g.must(ladder.Step(t.Context(), ladder.Terms(), gate.Decision{Verdict: gate.Rollback, Reasons: []string{"a cent"}}))
	g.must(g.wait(5))
	if at := g.sidecar.fence.at(); at != 5 {
		t.Errorf("the fence is at %d", at)
	}
}

// answered tells of an order that both releases answered alike, or with a cent between them, at a sidecar that has drained.
func (r *lookRig) answered(order string, cent bool) {
	r.t.Helper()
	e := shadow.Evidence{Sample: order, Order: order, Route: "pay", Creates: true, Verdict: shadow.Verdict{Outcome: shadow.Pending}}
	closed := e
	closed.Verdict = shadow.Verdict{Outcome: shadow.Match}
	if cent {
		closed.Verdict = shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{{
			Place: shadow.InResponse, Name: "pay", Field: "amount", Kind: shadow.KindValue, Class: shadow.ClassMoney, Expected: "1.00", Actual: "1.01",
		}}}
	}
	now := time.Now()
	if err := r.run.take(r.t.Context(), []shadow.Event{
		{ID: order + ":opened", Kind: shadow.EventOpened, Instance: order, Time: now, Evidence: &e},
		{ID: order + ":closed", Kind: shadow.EventClosed, Instance: order, Time: now, Evidence: &closed},
		{ID: order + ":tally", Kind: shadow.EventTally, Instance: order, Time: now, Tally: &shadow.Tally{Sampled: 1, Closed: 1, Final: true}},
	}); err != nil {
		r.t.Fatal(err)
	}
}

// rowsOfNothing compares rows of databases that are not there.
func (r *lookRig) rowsOfNothing() {
	r.t.Helper()
	dead, err := openDSN(r.sides.Primary.DSN.Text())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = dead.Close() })
	c, err := rows.New(rows.Config{
		Primary: dead, Shadow: dead, Tables: []rows.Table{{Name: "payments", Key: []string{"id"}, Order: "id"}}, Metrics: rows.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.run.judge.rows = &rowSides{comparer: c, primary: dead, shadow: dead}
}

// TestNothingBesideARollbackKeepsItBack: what fails on the way is told, and a cent in the ledger rolls back all the same;
// and without the cent it holds.
func TestNothingBesideARollbackKeepsItBack(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*lookRig)
		told  string // among the reasons of a hold, or by the look's error
	}{
		"the sides are not there": {func(r *lookRig) { r.run.judge.config.Sides = r.sides }, "the sides could not be read"},
		"the rows are not there":  {(*lookRig).rowsOfNothing, "the rows could not be compared"},
		"the bus is not there":    {func(r *lookRig) { r.wait = func(int) error { return errGone } }, "evidence under way could not be waited for"},
		"nothing can be stored":   {func(r *lookRig) { _ = r.run.store.Close() }, "database is closed"},
	} {
		for _, cent := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				r := newLookRig(t)
				r.answered("P1", cent)
				c.spoil(r)
				out, err := r.loop.look(t.Context())
				phase := r.loop.ladder.Status().Phase
				if back := phase == rollout.Back; back != cent || (out.decision.Verdict == gate.Rollback) != cent {
					t.Errorf("cent %v: %s, %s %q", cent, phase, out.decision.Verdict, out.decision.Reasons)
				}
				if said := strings.Join(out.report.Ledger.Problems, "\n") + errorText(err); !strings.Contains(said, c.told) {
					t.Errorf("told %q, wanted %q", said, c.told)
				}
				if out.decision.Verdict == gate.Pass {
					t.Error("passed")
				}
			})
		}
	}
}

// TestASidecarThatWasKilledHoldsUpNoRollback: it said something a moment ago and says nothing any more. One whose clock is
// late is not taken for it.
func TestASidecarThatWasKilledHoldsUpNoRollback(t *testing.T) {
	for _, killed := range []bool{true, false} {
		r := newLookRig(t)
		r.run.patience = 2 * time.Second
		r.answered("P1", true)
		says := func(n int) {
			ev := shadow.Event{ID: fmt.Sprintf("late:%d", n), Kind: shadow.EventTally, Instance: "late", Time: time.Now().Add(-time.Hour), Tally: &shadow.Tally{}}
			if err := r.run.take(t.Context(), []shadow.Event{ev}); err != nil {
				t.Error(err)
			}
		}
		says(0)
		stop := running(t, func(ctx context.Context) error {
			for n := 1; !killed && pause(ctx, 20*time.Millisecond) == nil; n++ {
				says(n)
			}
			return nil
		})
		out, err := r.loop.look(t.Context())
		stop()
		told := strings.Contains(strings.Join(out.report.Ledger.Problems, "\n"), "no word from 1 sidecars since the sides were read, the first is late")
		if err != nil || out.decision.Verdict != gate.Rollback || r.loop.ladder.Status().Phase != rollout.Back || told != killed {
			t.Errorf("killed %v: %s, %q, %v", killed, out.decision.Verdict, out.report.Ledger.Problems, err)
		}
	}
}

// TestCanariesAreNoEvidenceWithoutARollout: those of an earlier process are still on the bus.
func TestCanariesAreNoEvidenceWithoutARollout(t *testing.T) {
	r := newLookRig(t)
	r.run.rollout = nil
	if err := r.run.take(t.Context(), (&canary{release: "v2"}).events(canaryInstance+"left", time.Now())); err != nil {
		t.Fatal(err)
	}
	if c := r.run.Counts(); c.Sampled != 0 || len(c.Problems) > 0 {
		t.Errorf("counted: %+v", c)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestASecondLookThatSeesLessTakesNothingBack: what the first one found stands.
func TestASecondLookThatSeesLessTakesNothingBack(t *testing.T) {
	for second, want := range map[error]gate.Verdict{nil: gate.Hold, errGone: gate.Rollback} {
		r := newLookRig(t)
		r.answered("P1", true)
		r.wait = func(nth int) error {
			if nth < 2 {
				return nil
			}
			void := shadow.Event{ID: "void", Kind: shadow.EventTaint, Instance: "P1", Time: time.Now(), Taint: &shadow.TaintNote{Sample: "P1", Cause: "replayed"}}
			if err := r.run.take(t.Context(), []shadow.Event{void}); err != nil {
				t.Error(err)
			}
			return second
		}
		out, err := r.loop.look(t.Context())
		if err != nil || out.decision.Verdict != want || r.waits != 2 || (r.loop.ladder.Status().Phase == rollout.Back) != (want == gate.Rollback) {
			t.Errorf("the second look: %v; %d waits, %s %q, %v", second, r.waits, out.decision.Verdict, out.decision.Reasons, err)
		}
	}
}

// TestAStatementOfAnotherDayDoesNotPass: every order lacks its line, none is sound, and nothing shows that a fault would be
// found. Without sides there is nothing to be found in them.
func TestAStatementOfAnotherDayDoesNotPass(t *testing.T) {
	for name, c := range map[string]struct {
		sides bool
		want  gate.Verdict
	}{
		"another day": {true, gate.Hold}, "no sides": {false, gate.Pass},
	} {
		r := newLookRig(t)
		r.answered("P1", false)
		if c.sides {
			r.run.judge.config.Sides = r.sides
		}
		side := func(name string, all ...recon.Record) match.Side {
			return match.Side{Name: name, Records: func(yield func(recon.Record, error) bool) {
				for _, r := range all {
					yield(r, nil)
				}
			}}
		}
		booked := recon.Record{Order: "P1", Key: recon.Key{Kind: recon.KindPayment, ID: "P1"}, Amount: recon.Money{Minor: 100, Currency: "CNY"}, Status: recon.StatusSuccess}
		joined, err := match.Join(t.Context(), side("primary", booked), side("shadow", booked), side("channel"))
		if err != nil {
			t.Fatal(err)
		}
		w, err := r.run.judge.weigh(r.run.ledger, reading{joined: joined, scope: comparer.Scope{ChannelFinal: true}}, loose())
		if err != nil {
			t.Fatal(err)
		}
		out, err := r.run.judge.conclude(t.Context(), w, loose(), gate.Facts{})
		said := strings.Join(out.decision.Reasons, "\n")
		if err != nil || out.decision.Verdict != c.want || strings.Contains(said, "gate-invalid: no sound order to put a fault into") != c.sides {
			t.Errorf("%s: %s %s, %v", name, out.decision.Verdict, said, err)
		}
	}
}

// TestASelfTestThatFailsHoldsAndNoMore: its database is gone after the sides were read.
func TestASelfTestThatFailsHoldsAndNoMore(t *testing.T) {
	for _, cent := range []bool{true, false} {
		r := newLookRig(t)
		r.answered("P1", false)
		r.answered("P2", cent)
		r.run.judge.config.Sides = r.sides
		booked := func(yield func(recon.Record, error) bool) {
			for _, id := range []string{"P1", "P2"} {
				yield(recon.Record{Order: id, Key: recon.Key{Kind: recon.KindPayment, ID: id}, Amount: recon.Money{Minor: 100, Currency: "CNY"}, Status: recon.StatusSuccess}, nil)
			}
		}
		joined, err := match.Join(t.Context(), match.Side{Name: "primary", Records: booked}, match.Side{Name: "shadow", Records: booked}, match.Side{Name: "channel", Records: booked})
		if err != nil {
			t.Fatal(err)
		}
		j := &r.run.judge
		w, err := j.weigh(r.run.ledger, reading{joined: joined, scope: comparer.Scope{ChannelFinal: true}}, loose())
		if err != nil || w.trial == nil {
			t.Fatalf("no sound order: %v", err)
		}
		out, err := j.conclude(t.Context(), w, loose(), gate.Facts{})
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]gate.Verdict{true: gate.Rollback, false: gate.Hold}[cent]
		if said := strings.Join(out.decision.Reasons, "\n"); out.decision.Verdict != want || strings.Contains(said, "gate-invalid: the self-test failed") == cent {
			t.Errorf("cent %v: %s %s", cent, out.decision.Verdict, said)
		}
	}
}

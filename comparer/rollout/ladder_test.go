package rollout

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// rig is a ladder with everything around it in the test's hands.
type rig struct {
	t       *testing.T
	mu      sync.Mutex // of published
	config  Config
	ladder  *Ladder
	reading time.Duration
	now     time.Time

	published []shadow.Policy
	forced    shadow.Policy // in force at the publisher, which outlives the process
	highest   uint64        // epoch that it has taken
	entries   []Entry
	deaf      bool   // subscribers stay where they are
	refuses   uint64 // epoch
	inForce   uint64
	auditErr  error
	stuck     *stuck          // nil: the audit takes entries at once
	stuckDisk *stuck          // nil: the disk takes states at once
	kill      func(at string) // called before each act on the world
}

func (r *rig) Publish(_ context.Context, p shadow.Policy) error {
	r.strike("publish")
	if p != r.forced && p.Epoch <= r.highest {
		return fmt.Errorf("%w: %d", errStale, r.highest)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.published = append(r.published, p)
	r.highest = max(r.highest, p.Epoch)
	if p.RolledBack || p.Epoch != r.refuses { // otherwise it returns to the one before
		r.forced = p
	}
	if !r.deaf && p.Epoch != r.refuses {
		r.inForce = p.Epoch
	}
	return nil
}

var errStale = errors.New("policy is older than what is in force")

func (r *rig) InForce() (shadow.Policy, uint64) { return r.forced, r.highest }

// save is a disk whose process may be killed before it has anything.
func (r *rig) save(s *state, path string) error {
	r.strike("save")
	if err := r.stuckDisk.wait(context.Background()); err != nil {
		return err
	}
	return s.save(path)
}

func (r *rig) Subscribers() []Subscriber {
	s := Subscriber{Name: "proxy-1", State: "acked", Settled: true, Epoch: r.inForce}
	if r.refuses > 0 {
		s.Refused, s.Reason = r.refuses, "no such cluster"
	}
	return []Subscriber{s}
}

func (r *rig) Append(ctx context.Context, e Entry) error {
	r.strike("audit")
	if r.auditErr != nil {
		return r.auditErr
	}
	if err := r.stuck.wait(ctx); err != nil {
		return err
	}
	r.entries = append(r.entries, e)
	return nil
}

func (r *rig) strike(at string) {
	if r.kill != nil {
		r.kill(at)
	}
}

func stages() []Stage {
	return []Stage{
		{Gray: 10_000, MinOrders: 100, Hold: time.Minute, Bound: 0.1},
		{Gray: 250_000, MinOrders: 100, Hold: time.Minute, Bound: 0.01},
		{Gray: shadow.Whole, Serve: 10_000, MinOrders: 100, Hold: time.Minute, Bound: 0.001},
	}
}

func person(name string, roles ...Role) Person {
	return Person{Name: name, Roles: roles, Token: sha256.Sum256([]byte("token of " + name))}
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, now: time.Unix(1_700_000_000, 0), config: Config{
		Service: "pay", Stable: "v1", Candidate: "v2", Stages: stages(), State: filepath.Join(t.TempDir(), "rollout.json"),
		People: []Person{person("ann", Operator), person("bob", Approver), person("eve", Operator, Approver)},
	}}
	for _, c := range change {
		c(&r.config)
	}
	r.open()
	return r
}

// open is a start of the process.
func (r *rig) open() {
	r.t.Helper()
	if err := r.tryOpen(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.ladder.Publish(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) tryOpen() (err error) {
	r.reading = 0
	r.ladder, err = Open(r.t.Context(), r.config, Deps{
		Audit: r, Publisher: r, Metrics: NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler),
		Clock: Clock{Now: func() time.Time { return r.now }, Reading: func() time.Duration { return r.reading }},
	})
	if err == nil {
		r.ladder.disk.save = r.save
	}
	return err
}

func (r *rig) step(after time.Duration, d gate.Decision) {
	r.t.Helper()
	r.reading += after
	if err := r.ladder.Step(r.t.Context(), r.ladder.Terms(), d); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) do(name string, act Act, hash string) error {
	return r.ladder.Do(r.t.Context(), "token of "+name, act, "because", hash)
}

func pass(judged int) gate.Decision { return gate.Decision{Verdict: gate.Pass, Judged: judged} }

func rollback() gate.Decision {
	return gate.Decision{Verdict: gate.Rollback, Reasons: []string{"a cent"}, Judged: 50, Bad: 1}
}

func (r *rig) want(phase Phase, stage int) {
	r.t.Helper()
	if s := r.ladder.Status(); s.Phase != phase || s.Stage != stage {
		r.t.Fatalf("%s at stage %d, want %s at %d; waits for %q", s.Phase, s.Stage, phase, stage, s.WaitsFor)
	}
}

func TestEachStageNeedsItsEvidenceAndItsTime(t *testing.T) {
	r := newRig(t)
	r.step(time.Second, pass(1000))
	r.want(Climbing, 1) // not long enough
	r.step(time.Minute, pass(99))
	r.want(Climbing, 1) // too few orders
	r.step(0, gate.Decision{Verdict: gate.Hold, Judged: 1000, Reasons: []string{"stale"}})
	r.want(Climbing, 1)
	r.step(0, pass(100))
	r.want(Climbing, 2)
	r.step(time.Hour, pass(199)) // of them 99 in this stage
	r.want(Climbing, 2)
	r.step(0, pass(200))
	r.want(Climbing, 3)
	r.step(time.Minute, pass(300))
	r.want(Proved, 3)
	r.step(time.Minute, rollback())
	r.want(Back, 3)
	kinds := []Change{}
	for _, e := range r.entries {
		kinds = append(kinds, e.Change)
	}
	if !slices.Equal(kinds, []Change{Begun, Promoted, Promoted, Completed, RolledBack}) {
		t.Errorf("audit: %v", kinds)
	}
	if last := r.published[len(r.published)-1]; !last.RolledBack || last.Gray != 0 || last.Epoch != 4 {
		t.Errorf("in force: %+v", last)
	}
}

func TestBoundsAreThoseOfTheStage(t *testing.T) {
	r := newRig(t)
	if b := r.ladder.Terms().Bound; b != 0.1 {
		t.Errorf("bound %g", b)
	}
	r.step(time.Minute, pass(100))
	if b := r.ladder.Terms().Bound; b != 0.01 {
		t.Errorf("bound %g", b)
	}
}

func TestNoStageBeforeAllHaveTheOneBefore(t *testing.T) {
	r := newRig(t)
	r.deaf, r.inForce = true, 0
	r.step(time.Hour, pass(1000))
	r.want(Climbing, 1)
	if w := r.ladder.Status().WaitsFor; len(w) != 2 || !strings.Contains(w[1], "proxy-1") {
		t.Errorf("waits for %q", w)
	}
	r.deaf = false
	r.step(0, pass(1000)) // published again, and acknowledged
	r.step(0, pass(1000))
	r.want(Climbing, 1) // the hour was not in this stage
	r.step(time.Minute, pass(1000))
	r.want(Climbing, 2)
}

// What is judged while the policy is on its way is evidence of the stage before.
func TestOrdersCountOnceThePolicyIsInForce(t *testing.T) {
	r := newRig(t)
	r.deaf = true
	r.step(time.Minute, pass(100))
	r.want(Climbing, 2)
	r.step(time.Hour, pass(1000))
	r.deaf = false
	r.step(0, pass(1000)) // acknowledged
	r.step(time.Minute, pass(1099))
	r.want(Climbing, 2)
	r.step(0, pass(1100))
	r.want(Climbing, 3)
}

// Time between two looks counts from when the policy is in force everywhere, not from the look before.
func TestTimeCountsOnceThePolicyIsInForce(t *testing.T) {
	r := newRig(t)
	r.deaf, r.inForce = true, 0 // it is published, and on its way
	r.step(0, pass(0))
	r.reading += time.Hour
	r.deaf, r.inForce = false, 1
	if err := r.ladder.Catch(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.step(59*time.Second, pass(1000))
	r.want(Climbing, 1)
	r.step(time.Second, pass(1000))
	r.want(Climbing, 2)
}

// A subscriber refuses the first stage, before which there is nothing to go back to: who mends it and clears the hold gives
// the stage another epoch, since the refused one is not taken again.
func TestARefusedFirstStageCanBeCleared(t *testing.T) {
	r := newRig(t)
	r.refuses, r.inForce, r.forced = 1, 0, shadow.Policy{}
	for range 3 {
		if err := r.ladder.Step(t.Context(), r.ladder.Terms(), pass(0)); err != nil && !errors.Is(err, errStale) {
			t.Fatal(err)
		}
	}
	r.want(OnHold, 1)
	if n := len(r.entries); n != 2 {
		t.Errorf("audit: %v", r.changes())
	}
	if err := r.do("ann", ActClear, ""); err != nil {
		t.Fatal(err)
	}
	r.step(0, pass(0))
	r.want(Climbing, 1)
	if p := r.inForceNow(); p.Epoch != 2 || p.Gray != stages()[0].Gray {
		t.Errorf("in force: %+v", p)
	}
	r.step(time.Minute, pass(100))
	r.want(Climbing, 2)
}

// What all had acknowledged is refused later, by a proxy that was rolled back by hand: it is told once, and cleared alike.
func TestAPolicyThatIsRefusedLater(t *testing.T) {
	r := newRig(t)
	r.step(0, pass(0))
	r.refuses = 1
	for range 3 {
		r.step(0, pass(0))
	}
	r.want(OnHold, 1)
	if got := r.changes(); !slices.Equal(got, []Change{Begun, Retreated}) {
		t.Errorf("audit: %v", got)
	}
	if err := r.do("ann", ActClear, ""); err != nil {
		t.Fatal(err)
	}
	r.step(0, pass(0))
	r.want(Climbing, 1)
	if p := r.inForceNow(); p.Epoch != 2 {
		t.Errorf("in force: %+v", p)
	}
}

func TestARefusedPromotionGoesBackAndWaitsForAPerson(t *testing.T) {
	r := newRig(t)
	r.step(0, pass(0))
	r.refuses = 2
	r.step(time.Minute, pass(100))
	r.want(Climbing, 2)
	r.step(0, pass(100))
	r.want(OnHold, 1)
	for range 3 {
		r.step(time.Hour, pass(5000))
	}
	r.want(OnHold, 1)
	if last := r.published[len(r.published)-1]; last.Epoch != 1 || len(r.entries) != 3 {
		t.Errorf("in force %+v, audit %+v", last, r.entries)
	}
	if err := r.do("ann", ActClear, ""); err != nil {
		t.Fatal(err)
	}
	r.step(time.Minute, pass(6000))
	r.step(0, pass(6000))
	r.want(Climbing, 2)
	if last := r.published[len(r.published)-1]; last.Epoch != 3 {
		t.Errorf("a refused epoch came again: %+v", last)
	}
}

func TestARefusedRollbackStays(t *testing.T) {
	r := newRig(t)
	r.step(0, pass(0))
	r.step(0, rollback())
	r.refuses = 2
	for range 3 {
		r.step(time.Hour, pass(5000))
	}
	r.want(Back, 1)
	if last := r.published[len(r.published)-1]; !last.RolledBack {
		t.Errorf("in force: %+v", last)
	}
}

func TestRollbackIsStickyUntilAPersonClearsIt(t *testing.T) {
	r := newRig(t)
	r.step(time.Minute, pass(100))
	r.step(0, rollback())
	for range 3 {
		r.step(time.Hour, pass(100_000))
		r.want(Back, 2)
		r.open() // the process is killed and comes again
		r.want(Back, 2)
	}
	for name, c := range map[string]struct {
		who  string
		want error
	}{"a stranger": {"mallory", ErrUnknown}, "no operator": {"bob", ErrForbidden}} {
		if err := r.do(c.who, ActClear, ""); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.do("ann", ActClear, ""); err != nil {
		t.Fatal(err)
	}
	r.want(Climbing, 1)
	if terms := r.ladder.Terms(); !terms.Since.Equal(r.now) || terms.Epoch != 4 {
		t.Errorf("the evidence of before counts: %+v", terms)
	}
	r.step(time.Minute, pass(100))
	r.want(Climbing, 2)
}

func TestWithoutAuditNoPromotionButARollback(t *testing.T) {
	r := newRig(t)
	r.auditErr = errors.New("disk full")
	r.reading = time.Hour
	if err := r.ladder.Step(t.Context(), r.ladder.Terms(), pass(1000)); err == nil {
		t.Error("no error")
	}
	r.want(Climbing, 1)
	if err := r.ladder.Step(t.Context(), r.ladder.Terms(), rollback()); err == nil {
		t.Error("no error")
	}
	r.want(Back, 1)
	if last := r.published[len(r.published)-1]; !last.RolledBack {
		t.Errorf("in force: %+v", last)
	}
	r.auditErr = nil
	r.open() // what is owed survives the process
	r.step(0, pass(0))
	if e := r.entries[len(r.entries)-1]; e.Change != RolledBack || len(r.entries) != 2 {
		t.Errorf("audit: %+v", r.entries)
	}
}

func TestAStageIsNeverMadeShorterByAClock(t *testing.T) {
	r := newRig(t)
	r.step(30*time.Second, pass(1000))
	r.now = r.now.Add(10 * 365 * 24 * time.Hour) // the time of day jumps
	r.step(0, pass(1000))
	r.want(Climbing, 1)
	r.now = r.now.Add(-20 * 365 * 24 * time.Hour)
	r.step(-time.Hour, pass(1000)) // a reading that goes back, which it must not, takes nothing away
	r.want(Climbing, 1)
	r.open() // and an hour without the process does not count
	r.now = r.now.Add(time.Hour)
	r.step(29*time.Second, pass(1000))
	r.want(Climbing, 1)
	r.step(time.Second, pass(1000))
	r.want(Climbing, 2)
}

func TestWhatCannotBeTakenUp(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*rig)
		want  string
	}{
		"cut short": {func(r *rig) { truncate(t, r.config.State) }, "is not whole"},
		"changed": {func(r *rig) {
			replace(t, r.config.State, `"stage":0`, `"stage":1`)
		}, "is not whole"},
		"another candidate": {func(r *rig) { r.config.Candidate = "v3" }, "data folder of its own"},
		"fewer stages":      {func(r *rig) { r.config.Stages = r.config.Stages[:1] }, "give the stage back"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.step(time.Minute, pass(100))
			if name == "changed" {
				r = newRig(t)
			}
			c.spoil(r)
			if err := r.tryOpen(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), r.config.State+":1:1: ") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, info.Size()-20)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func replace(t *testing.T, path, before, after string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), before) {
		t.Fatalf("%v, %s", err, text)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), before, after, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestValidate(t *testing.T) {
	for want, spoil := range map[string]func(*Config){
		"no stages":            func(c *Config) { c.Stages = nil },
		"below the one before": func(c *Config) { c.Stages[1].Gray = 1 },
		"asks for nothing":     func(c *Config) { c.Stages[0].Gray = 0 },
		"nobody is an":         func(c *Config) { c.Stages[0].Approval, c.People = true, nil },
		"within 100":           func(c *Config) { c.Stages[2].Serve = shadow.Whole + 1 },
		"are both":             func(c *Config) { c.Stable = "v2" },
	} {
		c := newRig(t).config
		spoil(&c)
		if err := errors.Join(c.Validate()...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

package rollout

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const saverFile = "TOUCHSTONE_TEST_SAVER" // file that this process saves states into until it is killed

func TestMain(m *testing.M) {
	if path := os.Getenv(saverFile); path != "" {
		saveForEver(path)
	}
	os.Exit(m.Run())
}

func saveForEver(path string) {
	for epoch := uint64(1); ; epoch++ {
		s := state{Policy: shadow.Policy{Service: "pay", Stable: "v1", Candidate: "v2", Epoch: epoch, RolledBack: true}, Epoch: epoch}
		if err := s.save(path); err != nil {
			panic(err)
		}
		fmt.Println(epoch)
	}
}

// A process that is killed while it saves leaves a whole state, and none older than the last one that it told.
func TestAStateSurvivesKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for range 10 {
		path := filepath.Join(t.TempDir(), "rollout.json")
		child := exec.CommandContext(t.Context(), self)
		child.Env = append(os.Environ(), saverFile+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		told, stop := uint64(0), uint64(1+rng.IntN(20))
		lines := bufio.NewScanner(out)
		for told < stop && lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &told); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(rng.IntN(3000)) * time.Microsecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		s, err := load(path)
		if err != nil || s == nil || s.Epoch < told || told == 0 {
			t.Fatalf("told %d, loaded %+v, %v", told, s, err)
		}
	}
}

type killed struct{ at string }

// Killed before any act on the world, again and again, a rollout goes on where it was: each promotion is one stage and was
// in the audit before it was published, and after a rollback nothing is asked for until a person clears it; the audit gets
// what it is owed.
func TestARolloutSurvivesKillAnywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	kills, done, back := 0, 0, 0
	for range 60 {
		r := newRig(t)
		r.kill = func(at string) {
			if rng.IntN(6) == 0 {
				kills++
				panic(killed{at})
			}
		}
		judged := 0
		for range 40 {
			r.survive(func() error {
				judged += rng.IntN(80)
				d := pass(judged)
				switch n := rng.IntN(60); {
				case n == 0:
					d = rollback()
				case n < 10:
					d = gate.Decision{Verdict: gate.Hold, Judged: judged}
				}
				r.reading += time.Duration(rng.IntN(60)) * time.Second
				return r.ladder.Step(t.Context(), r.ladder.Terms(), d)
			})
			if r.ladder.Status().Phase == Back && rng.IntN(8) == 0 {
				r.survive(func() error { return r.do("ann", ActClear, "") })
				judged = 0
			}
		}
		r.kill = nil
		if err := r.ladder.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.check()
		switch r.ladder.Status().Phase {
		case Proved:
			done++
		case Back:
			back++
		}
	}
	if kills < 50 || done == 0 || back == 0 {
		t.Fatalf("%d kills, %d done, %d rolled back: the test could not fail", kills, done, back)
	}
}

// survive runs a part of a process's life; when it is killed another process takes up what is on disk.
func (r *rig) survive(do func() error) {
	r.t.Helper()
	defer func() {
		switch p := recover().(type) {
		case nil:
		case killed:
			stage, phase := r.ladder.state.Stage, r.ladder.state.Rollback != nil
			kill := r.kill
			r.kill = nil
			r.open()
			r.kill = kill
			unheard := p.at == "publish" && phase && !r.forced.RolledBack // killed before anybody knew of the rollback
			if s := r.ladder.state; s.Stage != stage || (s.Rollback != nil) != (phase && !unheard) {
				r.t.Fatalf("killed at %s in stage %d (rolled back %v), taken up in stage %d (%v)", p.at, stage, phase, s.Stage, s.Rollback != nil)
			}
		default:
			panic(p)
		}
	}()
	if err := do(); err != nil && !strings.Contains(err.Error(), "rollout is not where") {
		r.t.Fatal(err)
	}
}

// check holds what was published against the audit.
func (r *rig) check() {
	r.t.Helper()
	audited := map[string]Entry{}
	for _, e := range r.entries {
		if old, known := audited[e.Hash]; known && old.Policy != e.Policy {
			r.t.Fatalf("two policies of hash %s", e.Hash)
		}
		audited[e.Hash] = e
	}
	epoch, rank := uint64(0), 0
	for _, p := range r.published {
		if _, ok := audited[p.Hash()]; !ok {
			r.t.Fatalf("published, and not in the audit: %+v", p)
		}
		if p.Epoch < epoch {
			r.t.Fatalf("epoch %d after %d", p.Epoch, epoch)
		}
		now := rankOf(p)
		if p.Epoch > epoch && now > rank+1 {
			r.t.Fatalf("stage %d after %d", now, rank)
		}
		epoch, rank = p.Epoch, now
	}
	cleared := true
	for _, e := range r.entries {
		switch {
		case e.Change == RolledBack:
			cleared = false
		case e.Change == Cleared:
			cleared = true
		case !cleared:
			r.t.Fatalf("%s after a rollback that nobody cleared: %+v", e.Change, e)
		}
	}
}

// rankOf is the stage of a policy from 1; 0 = rolled back.
func rankOf(p shadow.Policy) int {
	for i, s := range stages() {
		if p.Gray == s.Gray {
			return i + 1
		}
	}
	return 0
}

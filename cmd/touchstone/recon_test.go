package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// compareRig has the built binary and two files of a generated day.
type compareRig struct {
	t      *testing.T
	dir    string
	binary string
	files  []string
}

func newCompareRig(t *testing.T, records int64) *compareRig {
	t.Helper()
	r := &compareRig{t: t, dir: t.TempDir()}
	r.binary = filepath.Join(r.dir, "touchstone")
	if out, err := exec.Command("go", "build", "-o", r.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	g, err := recongen.New(recongen.Config{Records: records, Seed: 5, Sides: 2, Rates: recongen.EveryClass(0.001)})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.WriteFiles(t.Context(), r.dir, false); err != nil {
		t.Fatal(err)
	}
	r.files, _ = g.Names(r.dir)
	return r
}

func (r *compareRig) command(args ...string) *exec.Cmd {
	all := append([]string{"recon", "compare"}, r.files...)
	all = append(all, "--key", "order_id,refund_id", "--kind", "kind", "--amount", "amount:yuan", "--currency", "currency", "--status", "status",
		"--fee", "fee:yuan", "--map", "paid=success,pending=processing", "--temp", r.dir)
	return exec.Command(r.binary, append(all, args...)...)
}

func exitOf(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

func TestCompareExitCodes(t *testing.T) {
	r := newCompareRig(t, 2000)
	if err := r.command().Run(); exitOf(err) != 1 {
		t.Errorf("breaks: %v", err)
	}
	r.files[1] = r.files[0]
	if err := r.command().Run(); err != nil {
		t.Errorf("equal: %v", err)
	}
	for name, args := range map[string][]string{"no such size": {"--memory", "much"}, "no such column": {"--time", "when"}} {
		if out, err := r.command(args...).CombinedOutput(); exitOf(err) != 2 || !strings.Contains(string(out), "try: ") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// TestCompareKilled kills runs that spill at random moments. They leave nothing but a partial report, which the next run
// takes over, and that run's answer is the answer.
func TestCompareKilled(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	r := newCompareRig(t, 150_000)
	breaks := filepath.Join(r.dir, "breaks.csv")
	args := []string{"--plan", "spill", "--memory", "1MiB", "--parts", "16", "--breaks", breaks}
	start := time.Now()
	if err := r.command(args...).Run(); exitOf(err) != 1 {
		t.Fatal(err)
	}
	took := time.Since(start)
	want, err := os.ReadFile(breaks)
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for range 8 {
		if err := os.Remove(breaks); err != nil {
			t.Fatal(err)
		}
		cmd := r.command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rng.Int64N(int64(took))), func() { _ = cmd.Process.Kill() })
		if err := cmd.Wait(); exitOf(err) == -1 {
			killed++
		}
		timer.Stop()
		if err := r.command(args...).Run(); exitOf(err) != 1 {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(breaks); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("after a kill: %v, %d bytes, want %d", err, len(got), len(want))
		}
	}
	if killed == 0 {
		t.Error("no run was killed")
	}
	left, err := filepath.Glob(filepath.Join(r.dir, "*touchstone-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// resumeRig has the built binary, a day with a bill in GBK that states its sums, and a folder for parts.
type resumeRig struct {
	*testing.T
	dir    string
	binary string
	files  []string
	folder string
}

func newResumeRig(t *testing.T, records int64) *resumeRig {
	t.Helper()
	r := &resumeRig{T: t, dir: t.TempDir(), folder: adapters(t, "alipay")}
	r.binary = filepath.Join(r.dir, "touchstone")
	if out, err := exec.Command("go", "build", "-o", r.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	g, err := recongen.New(recongen.Config{Records: records, Seed: 11, Sides: 2, Rates: recongen.FormatAlipay.Rates(0.002), Format: recongen.FormatAlipay})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.WriteFiles(t.Context(), r.dir, false); err != nil {
		t.Fatal(err)
	}
	r.files, _ = g.Names(r.dir)
	return r
}

// command compares; with a folder for parts, it keeps them there.
func (r *resumeRig) command(breaks, resume string) *exec.Cmd {
	all := append([]string{"recon", "compare"}, r.files...)
	all = append(all, "--key", "booking_id", "--kind", "kind", "--amount", "amount:yuan", "--fee", "fee:yuan", "--time", "created_at",
		"--format", "alipay", "--adapters", r.folder, "--temp", r.dir, "--json", "--breaks", breaks, "--threads", "2")
	if resume != "" {
		all = append(all, "--resume", resume, "--part-size", "1000000")
	}
	return exec.Command(r.binary, all...)
}

// answer is a report without what tells how it came about.
func (r *resumeRig) answer(report []byte) string {
	r.Helper()
	var out map[string]any
	if err := json.Unmarshal(report, &out); err != nil {
		r.Fatalf("%v\n%s", err, report)
	}
	for _, name := range []string{"seconds", "plan", "reused", "spilled_bytes"} {
		delete(out, name)
	}
	text, err := json.Marshal(out)
	if err != nil {
		r.Fatal(err)
	}
	return string(text)
}

var (
	secondsLine = regexp.MustCompile(`"seconds": [0-9.e+-]+`)
	goesOn      = regexp.MustCompile(`goes on: (\d+) of (\d+) parts are there`)
)

func TestResumed(t *testing.T) {
	r := newResumeRig(t, 120_000)
	t.Run("after kills", func(t *testing.T) { (&resumeRig{t, r.dir, r.binary, r.files, r.folder}).kills(t) })
	t.Run("folder", func(t *testing.T) { (&resumeRig{t, r.dir, r.binary, slices.Clone(r.files), r.folder}).emptied(t) })
}

// killed kills a run once some more parts are there, or at any moment.
func (r *resumeRig) killed(rng *rand.Rand, run *exec.Cmd, parts string, took time.Duration) error {
	r.Helper()
	if err := run.Start(); err != nil {
		r.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- run.Wait() }()
	count := func() int {
		all, err := filepath.Glob(filepath.Join(parts, "*.part"))
		if err != nil {
			r.Fatal(err)
		}
		return len(all)
	}
	begun, more, at := count(), 1+rng.IntN(4), time.After(time.Duration(rng.Int64N(int64(took))))
	if rng.IntN(4) > 0 {
		at = nil
	}
	for {
		select {
		case err := <-ended:
			return err
		case <-at:
			more = 0
		case <-time.After(time.Millisecond):
		}
		if count()-begun >= more {
			time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
			_ = run.Process.Kill() // one that is over is not killed
			return <-ended
		}
	}
}

// kills kills a comparison at random moments and starts it again until it ends. Its breaks and its report are those of a
// run that nobody disturbed, and what was done once is not done again.
func (r *resumeRig) kills(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	read := func(name string) []byte {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	plain, err := r.command(filepath.Join(r.dir, "plain.csv"), "").Output()
	if exitOf(err) != exitBreaks {
		t.Fatal(err)
	}
	start := time.Now()
	undisturbed, err := r.command(filepath.Join(r.dir, "undisturbed.csv"), filepath.Join(r.dir, "once")).Output()
	if exitOf(err) != exitBreaks {
		t.Fatal(err)
	}
	took := time.Since(start)
	if r.answer(plain) != r.answer(undisturbed) || !bytes.Equal(read("plain.csv"), read("undisturbed.csv")) || bytes.Count(plain, []byte(`"break"`)) < 4 {
		t.Fatalf("in parts:\n%s\nas a whole:\n%s", undisturbed, plain)
	}
	parts, before, kills := filepath.Join(r.dir, "parts"), 0, 0
	for ; ; kills++ {
		run := r.command(filepath.Join(r.dir, "resumed.csv"), parts)
		var out, log bytes.Buffer
		run.Stdout, run.Stderr = &out, &log
		err := r.killed(rng, run, parts, took)
		there, all := 0, 0
		if m := goesOn.FindStringSubmatch(log.String()); m != nil {
			if _, err := fmt.Sscan(strings.Join(m[1:], " "), &there, &all); err != nil {
				t.Fatal(err)
			}
			if there < before || all < 60 {
				t.Fatalf("%d of %d parts are there, %d were before", there, all, before)
			}
			before = there
		}
		if code := exitOf(err); code == exitBreaks {
			if kills < 10 {
				t.Fatalf("only %d kills", kills)
			}
			t.Logf("%d kills, the last run found %d of %d parts", kills, there, all)
			if got, want := secondsLine.ReplaceAllString(out.String(), ""), secondsLine.ReplaceAllString(string(undisturbed), ""); got != want {
				t.Errorf("after kills:\n%s\nundisturbed:\n%s", got, want)
			}
			break
		} else if run.ProcessState.Exited() {
			t.Fatalf("exit code %d\n%s", code, log.String())
		}
		if _, err := os.Stat(filepath.Join(r.dir, "resumed.csv")); err == nil {
			break // killed between the report and the end: nothing is left to compare but the breaks
		}
	}
	if !bytes.Equal(read("resumed.csv"), read("undisturbed.csv")) {
		t.Error("the breaks after kills are others")
	}
	if before < 20 {
		t.Errorf("the last run found %d parts", before)
	}
}

// emptied looks at what stays, what is refused and what begins anew.
func (r *resumeRig) emptied(t *testing.T) {
	parts, breaks := filepath.Join(r.dir, "parts"), filepath.Join(r.dir, "breaks.csv")
	run := func(want int, change ...string) string {
		t.Helper()
		cmd := r.command(breaks, parts)
		cmd.Args = append(cmd.Args, change...)
		out, err := cmd.CombinedOutput()
		if exitOf(err) != want {
			t.Fatalf("exit code %d, want %d\n%s", exitOf(err), want, out)
		}
		return string(out)
	}
	run(exitBreaks)
	if left, err := os.ReadDir(parts); err != nil || len(left) > 0 {
		t.Errorf("%v stay, %v", left, err)
	}
	for name, args := range map[string][]string{
		"a plan": {"--plan", "spill"}, "a recheck": {"--recheck", "1s"}, "tables that are summed up": {"--pushdown"},
	} {
		if out := run(exitError, args...); !strings.Contains(out, "try: ") {
			t.Errorf("%s: %s", name, out)
		}
	}
	stdin := slices.Clone(r.files)
	r.files[1] = "-"
	if out := run(exitError); !strings.Contains(out, "try: a file") {
		t.Errorf("standard input: %s", out)
	}
	r.files = stdin
	bad := filepath.Join(r.dir, "missing", "breaks.csv")
	good := breaks
	breaks = bad
	run(exitError) // before anything is read
	breaks = good
	text, err := os.ReadFile(r.files[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.files[1], text[:len(text)-200], 0o600); err != nil { // its sums are cut off
		t.Fatal(err)
	}
	if out := run(exitError); !strings.Contains(out, "try: ") {
		t.Errorf("cut off: %s", out)
	}
	if err := os.WriteFile(r.files[1], text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(exitBreaks); !strings.Contains(out, "begins anew") {
		t.Errorf("the whole file after the one that was cut off: %s", out)
	}
	if left, err := os.ReadDir(parts); err != nil || len(left) > 0 {
		t.Errorf("%v stay, %v", left, err)
	}
}

package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/test/bench/internal/duck"
)

const childEnv = "TOUCHSTONE_BENCH_CHILD"

// TestMain lets the test binary be the program that is measured.
func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		if err := child(os.Getenv(childEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(4)
		}
		os.Exit(3)
	}
	os.Exit(m.Run())
}

const childBytes = 96 << 20

// child touches memory of its own, or the pages of a mapped file, and stays for some looks.
func child(mapped string) error {
	flags, fd := syscall.MAP_ANON|syscall.MAP_PRIVATE, -1
	if mapped != "own" {
		f, err := os.Open(mapped)
		if err != nil {
			return err
		}
		defer f.Close()
		flags, fd = syscall.MAP_SHARED, int(f.Fd())
	}
	prot := syscall.PROT_READ
	if fd < 0 {
		prot |= syscall.PROT_WRITE
	}
	pages, err := syscall.Mmap(fd, 0, childBytes, prot, flags)
	if err != nil {
		return err
	}
	var sum byte
	for i := 0; i < len(pages); i += 4096 {
		if fd < 0 {
			pages[i] = 1
		}
		sum += pages[i]
	}
	time.Sleep(20 * lookEvery)
	_, err = fmt.Println(sum)
	return err
}

func measureChild(t *testing.T, what string) run {
	t.Helper()
	t.Setenv(childEnv, what)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := measure(t.Context(), self)
	if err != nil || r.code != 3 {
		t.Fatalf("exit code %d, %v: %s", r.code, err, r.stderr)
	}
	return r
}

func TestMemoryOfItsOwnIsCountedAndMappedFilesAreNot(t *testing.T) {
	if r := measureChild(t, "own"); r.anon < childBytes || r.wall < 0.09 || r.cpu <= 0 {
		t.Errorf("own memory: %+v", r.sample)
	}
	file := filepath.Join(t.TempDir(), "mapped")
	if err := os.WriteFile(file, make([]byte, childBytes), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := measureChild(t, file); r.anon > childBytes/2 || r.peak < childBytes {
		t.Errorf("mapped file: %+v", r.sample)
	}
}

func TestMissingProgramSaysHowToGetIt(t *testing.T) {
	if _, err := measure(t.Context(), "/nonexistent/touchstone"); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v", err)
	}
}

func TestMeasureEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := measure(ctx, "/bin/sleep", "60"); err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
}

func TestPeersFindWhatWasPlanted(t *testing.T) {
	for seed := range uint64(3) {
		files, err := generate(t.Context(), t.TempDir(), "peers", config(common{Seed: seed}, 20_000, 0.001))
		if err != nil {
			t.Fatal(err)
		}
		want := files.want
		got := map[string]duck.Counts{}
		for _, peer := range []string{peerJoin, peerClasses} {
			answer, err := (&askCmd{Peer: peer, Files: files.sides, Threads: 2}).ask(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got[peer] = answer.(duck.Counts)
		}
		if err := agree(got[peerClasses], want); err != nil || len(want) != 5 {
			t.Errorf("seed %d, all classes: %v; %v", seed, err, want)
		}
		if err := agree(joinable(got[peerJoin]), joinable(want)); err != nil {
			t.Errorf("seed %d, join: %v", seed, err)
		}
	}
}

func TestSumsAreThoseOfTheFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%x", sha256.Sum256([]byte("text")))
	if got, err := sums([]string{name, name}); err != nil || len(got) != 2 || got[0] != want || got[1] != want {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := sums([]string{name, name + "2"}); err == nil {
		t.Error("a missing file was hashed")
	}
}

func TestAnswersThatDifferAreNotCompared(t *testing.T) {
	want := duck.Counts{"duplicate": {Count: 2, Ours: 10}, "missing-at-channel": {Count: 1, Ours: 5}}
	for name, got := range map[string]duck.Counts{
		"a cent":   {"duplicate": {Count: 2, Ours: 11}, "missing-at-channel": {Count: 1, Ours: 5}},
		"a break":  {"duplicate": {Count: 3, Ours: 10}, "missing-at-channel": {Count: 1, Ours: 5}},
		"a class":  {"duplicate": {Count: 2, Ours: 10}},
		"a class+": {"duplicate": {Count: 2, Ours: 10}, "missing-at-channel": {Count: 1, Ours: 5}, "x": {Count: 1}},
	} {
		if agree(got, want) == nil {
			t.Errorf("%s went unnoticed", name)
		}
	}
	if err := agree(duck.Counts{"duplicate": {Count: 2, Ours: 10}, "missing-at-channel": {Count: 1, Ours: 5}, "matched": {Count: 7}}, want); err != nil {
		t.Error(err)
	}
}

func TestFilesAreUsedAgainOnlyIfTheyAreTheSame(t *testing.T) {
	dir := t.TempDir()
	first, err := generate(t.Context(), dir, "x", config(common{Seed: 1}, 1000, 0.001))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first.sides[0], []byte("marked"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := generate(t.Context(), dir, "x", config(common{Seed: 1}, 1000, 0.001))
	if err != nil || again.bytes >= first.bytes {
		t.Errorf("the same files were made twice: %+v, %v", again, err)
	}
	other, err := generate(t.Context(), dir, "x", config(common{Seed: 2}, 1000, 0.001))
	if err != nil || other.bytes < again.bytes+100_000 {
		t.Errorf("other files were not made: %+v, %v", other, err)
	}
}

func TestGoalsSayWhetherTheyAreReached(t *testing.T) {
	for want, g := range map[string]goal{
		"at least 3: reached": {got: 3, atLeast: 3}, "at least 3: missed": {got: 2.99, atLeast: 3},
		"at most 40: reached": {got: 40, most: 40}, "at most 40: missed": {got: 40.1, most: 40},
	} {
		if got := g.String(); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPlotIsDrawnFromItsDataFile(t *testing.T) {
	dir := t.TempDir()
	cmd := plotCmd{Data: filepath.Join(dir, "d.csv"), Image: filepath.Join(dir, "d.svg"), Keep: true}
	var out strings.Builder
	if err := cmd.Run(t.Context(), &out); err == nil {
		t.Error("drew without data")
	}
	if err := writePoints(cmd.Data, []point{{10_000, 0.02, 0.03, 9e6}, {100_000, 0.04, 0.06, 12e6}, {1_000_000, 0.3, 0.5, 60e6}}); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(cmd.Image)
	if err != nil || !strings.Contains(string(svg), "records a side") || strings.Count(string(svg), "<path") < 20 {
		t.Errorf("%d bytes, %v", len(svg), err)
	}
	if err := os.WriteFile(cmd.Data, []byte("a,b,c,d\n1,2,x,4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Run(t.Context(), &out); err == nil || !strings.Contains(err.Error(), "d.csv:2") {
		t.Errorf("got %v", err)
	}
}

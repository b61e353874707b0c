package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// built gives a folder with the product and the adapters that describe the channels' lines.
func built(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	programs := map[string]string{"touchstone": "../touchstone"}
	for _, c := range dayChannels() {
		programs[plugins.BinaryPrefix+c.name] = "../../plugins/" + c.name
	}
	for name, folder := range programs {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), folder).CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v: %s", name, err, out)
		}
	}
	return filepath.Join(dir, "touchstone")
}

// TestADayFromFilesToCases closes a small day in each of the ways the benchmark has, with many faults of every class.
func TestADayFromFilesToCases(t *testing.T) {
	program := built(t)
	for name, o := range map[string]dayOptions{
		"at once":      {Records: 20_000, Seed: 1},
		"one by one":   {Records: 5_000, Seed: 2, Apart: true},
		"by a worker":  {Records: 5_000, Seed: 3, Worker: true},
		"worker apart": {Records: 5_000, Seed: 4, Worker: true, Apart: true},
	} {
		t.Run(name, func(t *testing.T) {
			o.FaultRate, o.Memory, o.Dir = 0.002, "64MiB", t.TempDir()
			var out bytes.Buffer
			if err := day(t.Context(), options{Sidecar: program, Day: o}, &out); err != nil {
				t.Fatalf("seed %d: %v\n%s", o.Seed, err, &out)
			}
			for _, words := range []string{"closed\n", "of 14 classes", "each fault is one case, and nothing else is"} {
				if !strings.Contains(out.String(), words) {
					t.Errorf("no %q in: %s", words, &out)
				}
			}
			if left, err := filepath.Glob(filepath.Join(o.Dir, "*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

// TestADayWithACaseTooFewOrTooManyIsFound holds what is planted against cases that are not the same.
func TestADayWithACaseTooFewOrTooManyIsFound(t *testing.T) {
	a := fault{"bank", recon.Key{Kind: recon.KindPayment, ID: "P1"}, recon.AmountMismatch}
	for name, left := range map[string]map[fault]int{"too few": {a: 1}, "too many": {a: -1}} {
		if err := unequal(left); err == nil || !strings.Contains(err.Error(), "bank payment P1 amount-mismatch") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := unequal(map[fault]int{a: 0}); err != nil {
		t.Error(err)
	}
}

// TestTheDayHasEveryClass wants each class of fault to be planted at some channel.
func TestTheDayHasEveryClass(t *testing.T) {
	planted, share := map[recongen.Class]bool{}, int64(0)
	for _, c := range dayChannels() {
		share += c.share
		for _, class := range c.format.Classes() {
			planted[class] = true
		}
	}
	if len(planted) != len(recongen.EveryClass(0)) || share != 100 {
		t.Errorf("%d classes of %d, %d per cent", len(planted), len(recongen.EveryClass(0)), share)
	}
}

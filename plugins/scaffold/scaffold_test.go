package scaffold

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/plugins/check"
)

// run runs the go command in a folder outside of this module.
func run(t *testing.T, folder string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestNewAdapterWorksAtOnce writes an adapter, builds it, runs its own tests, and checks the binary, as its author would.
func TestNewAdapterWorksAtOnce(t *testing.T) {
	folder, err := New(Options{Name: "examplebank", Source: "../..", Folder: filepath.Join(t.TempDir(), "adapter")})
	if err != nil {
		t.Fatal(err)
	}
	run(t, folder, "build", "-o", "touchstone-adapter-examplebank", ".")
	run(t, folder, "test", "./...")
	fixtures, err := check.Fixtures(filepath.Join(folder, "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(folder, "touchstone-adapter-examplebank")
	report, err := check.Run(t.Context(), check.Config{Binary: binary, Fixtures: fixtures})
	var text bytes.Buffer
	if err != nil || report.Failed() != 0 || report.Print(&text) != nil {
		t.Fatalf("%v\n%s", err, text.String())
	}
	t.Run("a broken promise is found", func(t *testing.T) {
		fixtures[0].Lines++
		report, err := check.Run(t.Context(), check.Config{Binary: binary, Fixtures: fixtures})
		if err != nil || report.Failed() != 1 {
			t.Errorf("%d steps failed, %v", report.Failed(), err)
		}
		var text bytes.Buffer
		if err := report.Print(&text); err != nil || !strings.Contains(text.String(), "FAIL decode day") || !strings.Contains(text.String(), "the file has 5 lines") {
			t.Errorf("report:\n%s", text.String())
		}
	})
}

func TestNothingIsOverwritten(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "go.mod"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Name: "x", Folder: folder}); err == nil {
		t.Error("wrote over a module")
	}
	if text, err := os.ReadFile(filepath.Join(folder, "go.mod")); err != nil || string(text) != "mine" {
		t.Errorf("go.mod is %q, %v", text, err)
	}
}

func TestComplaints(t *testing.T) {
	for _, o := range []Options{{Name: ""}, {Name: "My Bank"}, {Name: "../x"}, {Name: "x", Source: "/nonexistent"}} {
		if folder, err := New(o); err == nil {
			t.Errorf("%+v wrote %s", o, folder)
		}
	}
}

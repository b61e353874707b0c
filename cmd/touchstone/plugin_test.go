package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// command runs a command line in this process.
func command(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Name("touchstone"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return "", err
	}
	var text, log bytes.Buffer
	err = parsed.Run(&c, &streams{out: &text, log: &log})
	return text.String(), err
}

// TestPluginCommands runs the commands of adapters' authors on a built adapter.
func TestPluginCommands(t *testing.T) {
	folder := t.TempDir()
	binary := filepath.Join(folder, "touchstone-adapter-bank")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../plugins/bank")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	file := filepath.Join("..", "..", "plugins", "profile", "testdata", "netsunion.txt")
	for _, tt := range []struct {
		name string
		args []string
		want string // in the output; "" = an error
		says string // in the error
	}{
		{"list", []string{"list", folder}, "touchstone-adapter-bank", ""},
		{"list of nothing", []string{"list", t.TempDir()}, "", "no executable"},
		{"describe", []string{"describe", binary, "--profile", "boc"}, `"contract": 2`, ""},
		{"describe without a profile", []string{"describe", binary}, "", "TOUCHSTONE_PROFILE"},
		{"check", []string{"check", binary, "--profile", "boc"}, "0 of", ""},
		{"check without fixtures there", []string{"check", binary, "--profile", "boc", "--fixtures", folder}, "", "fixtures.json"},
		{"run", []string{"run", binary, "--profile", "netsunion", "--file", file}, `"id":"O2"`, ""},
		{"run on another file", []string{"run", binary, "--profile", "boc", "--file", file}, "", "quarantine"},
		{"new", []string{"new", "mybank", "--folder", filepath.Join(folder, "new")}, "wrote", ""},
		{"new with a bad name", []string{"new", "My Bank"}, "", "one lower-case word"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := command(t, append([]string{"plugin"}, tt.args...)...)
			if (tt.want == "") != (err != nil) || !strings.Contains(out, tt.want) || (err != nil && !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %q, %v", out, err)
			}
			if tt.want == "" && strings.Contains(out, `"id"`) {
				t.Errorf("records of a file that failed: %s", out)
			}
		})
	}
}

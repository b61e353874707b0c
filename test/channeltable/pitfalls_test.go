package channeltable

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPitfallsHaveTheirTests looks for every test that the page of pitfalls names.
func TestPitfallsHaveTheirTests(t *testing.T) {
	text, err := os.ReadFile("../../docs/channel-pitfalls.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| pitfall") {
			continue
		}
		rows++
		named := regexp.MustCompile("`([a-z/]+)\\.(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(line, -1)
		if len(named) == 0 {
			t.Errorf("no test is named in: %s", line)
		}
		for _, n := range named {
			if !declared(t, n[1], n[2]) {
				t.Errorf("%s has no %s, which stands in: %s", n[1], n[2], line)
			}
		}
	}
	if rows < 21 {
		t.Errorf("the page has %d pitfalls", rows)
	}
}

// declared tells whether a package has a test of this name.
func declared(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}

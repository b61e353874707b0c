package config

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzLoad feeds any bytes to both roles: complaints, never a panic, and never a file without its role.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	folder, _ := workplace(f, "unused.yaml", nil)
	file := filepath.Join(folder, "fuzzed.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		s, m := &Sidecar{}, &Comparer{}
		if c, err := Parse(file, data, s); err == nil {
			if s.check(c); c.Err() == nil && (s.Role != "sidecar" || s.Release == "" || !s.Tag.KeyFile.Set()) {
				t.Errorf("no complaint about %q", data)
			}
		}
		if c, err := Parse(file, data, m); err == nil {
			if m.check(c); c.Err() == nil && (m.Role != "comparer" || m.Data == "") {
				t.Errorf("no complaint about %q", data)
			}
		}
	})
}

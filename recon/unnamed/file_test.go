package unnamed

import (
	"os"
	"testing"
)

func TestFilesHaveNoName(t *testing.T) {
	for name, make := range map[string]func(string) (*os.File, error){"unnamed": File, "unlinked": unlinked} {
		dir := t.TempDir()
		f, err := make(dir)
		if err != nil {
			t.Fatal(name, err)
		}
		defer f.Close()
		if _, err := f.WriteString("kept"); err != nil {
			t.Fatal(name, err)
		}
		b := [4]byte{}
		if _, err := f.ReadAt(b[:], 0); err != nil || string(b[:]) != "kept" {
			t.Errorf("%s: read %q, %v", name, b, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
	if _, err := File("/nonexistent"); err == nil {
		t.Error("a file in no folder")
	}
}

package retention

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/test/stores"
)

func tableOf(name string) (Table, string) {
	table, key, _ := strings.Cut(name, ": ")
	return Table(table), key
}

func lineOf(name string) string {
	for _, line := range []string{bank, wechat} {
		if strings.Contains(name, line) {
			return line
		}
	}
	return ""
}

// TestFilesAreFound lists by day and table, and looks for ids in files.
func TestFilesAreFound(t *testing.T) {
	w := newWorld(t, stores.Open(t, stores.File(t)), t.TempDir(), 2)
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	ofDay, err := Files(t.Context(), w.DB, w.Archive, Filter{Day: dayBack(118)})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[Table]int64{}
	for _, f := range ofDay {
		rows[f.Table] += f.Rows
	}
	if rows[Findings] != 8 || rows[WriteOffs] != 4 || rows[Settlements] != 4 || rows[Batches] != 4 || rows[Cases] != 1 {
		t.Errorf("of %s: %v", dayBack(118), rows)
	}
	all, err := Files(t.Context(), w.DB, w.Archive, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{bank + dayBack(118) + "@2": 5, "C03-0000000000000003": 1, "R03-0000000000000003": 1, "refund/P0/1": 1, "refund/P2/1": 0, "nobody": 0} {
		var out bytes.Buffer
		found, err := Search(t.Context(), w.Archive, all, id, &out)
		if err != nil || found != want || strings.Count(out.String(), "\n") != want || (want > 0 && !strings.Contains(out.String(), id)) {
			t.Errorf("%s: %d, want %d, %v: %s", id, found, want, err, out.String())
		}
	}
}

// remarks checks the archive and gives what it says, by content.
func (w *world) remarks(t *testing.T) map[string]Trouble {
	t.Helper()
	cited, err := Cited(t.Context(), w.DB, w.Archive)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]Trouble{}
	if _, err := Check(t.Context(), w.Archive.Folder, cited, 0, func(r Remark) error {
		said[r.SHA256] = r.Trouble
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return said
}

func same(t *testing.T, what string, got, want map[string]Trouble) {
	t.Helper()
	for sha256, trouble := range want {
		if got[sha256] != trouble {
			t.Errorf("%s: %s is %q, want %q", what, sha256, got[sha256], trouble)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestCheckAndSweep has files damaged, missing, cited by nobody, and moved to other storage behind links.
func TestCheckAndSweep(t *testing.T) {
	w := newWorld(t, stores.Open(t, stores.File(t)), t.TempDir(), 1)
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	old, young := w.archived("a pull that never committed"), w.archived("one that is under way")
	aged := today().Add(-25 * time.Hour)
	w.touch(t, old, aged)
	w.touch(t, young, today())
	cold := t.TempDir()
	linked, folder := w.archived("raw "+bank+dayBack(120)+"@1"), w.archived("raw "+bank+dayBack(39)+"@1") // cited by a retired batch, and by one in the store
	w.link(t, w.Archive.Path(linked), filepath.Join(cold, linked))
	w.link(t, filepath.Dir(w.Archive.Path(folder)), filepath.Join(cold, folder[:2]))
	same(t, "links", w.remarks(t), map[string]Trouble{old: Uncited, young: Uncited})

	damaged, gone := w.archived("raw "+bank+dayBack(118)+"@1"), w.archived("carried "+wechat+dayBack(120))
	w.damage(t, w.Archive.Path(damaged))
	if err := os.Remove(w.Archive.Path(gone)); err != nil {
		t.Fatal(err)
	}
	want := map[string]Trouble{old: Uncited, young: Uncited, damaged: Damaged, gone: Missing}
	same(t, "troubles", w.remarks(t), want)

	w.sweep(t, true, 1)
	same(t, "told only", w.remarks(t), want)
	w.sweep(t, false, 1)
	delete(want, old)
	same(t, "swept", w.remarks(t), want)
	swept := filepath.Join(w.Archive.Folder, "incoming", "swept-"+old)
	if err := w.Archive.Sweep(today().Add(23 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(swept); err != nil {
		t.Errorf("within a day: %v", err)
	}
	if err := w.Archive.Sweep(today().Add(25 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(swept); !os.IsNotExist(err) {
		t.Errorf("after a day: %v", err)
	}
}

// TestSweepPutsBack has a pull bring the same content between the look and the move.
func TestSweepPutsBack(t *testing.T) {
	w := &world{tb: t, Keeper: &Keeper{}}
	w.Archive.Folder = t.TempDir()
	sha256 := w.archived("twice")
	w.touch(t, sha256, today())
	f := stored{sha256: sha256, path: w.Archive.Path(sha256)}
	if moved, err := f.moveOut(w.Archive.Folder, today().Add(time.Hour)); moved || err != nil {
		t.Errorf("moved %v, %v", moved, err)
	}
	if _, err := os.Stat(f.path); err != nil {
		t.Error(err)
	}
}

// TestPaceIsKept reads a file no faster than allowed.
func TestPaceIsKept(t *testing.T) {
	w := &world{tb: t, Keeper: &Keeper{}}
	w.Archive.Folder = t.TempDir()
	sha256 := w.archived(strings.Repeat("x", 200_000))
	begun := time.Now()
	s, err := Check(t.Context(), w.Archive.Folder, Citations{sha256: "the test"}, 1_000_000, func(r Remark) error {
		t.Errorf("%+v", r)
		return nil
	})
	if took := time.Since(begun); err != nil || s.Bytes != 200_000 || took < 190*time.Millisecond {
		t.Errorf("%+v in %v, %v", s, took, err)
	}
}

func (w *world) touch(t *testing.T, sha256 string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(w.Archive.Path(sha256), at, at); err != nil {
		t.Fatal(err)
	}
}

// link moves a file or folder to other storage, and leaves a link.
func (w *world) link(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err == nil && info.IsDir() {
		err = os.CopyFS(to, os.DirFS(from))
	} else if err == nil {
		var text []byte
		if text, err = os.ReadFile(from); err == nil {
			err = os.WriteFile(to, text, 0o444)
		}
	}
	if err == nil {
		err = os.RemoveAll(from)
	}
	if err == nil {
		err = os.Symlink(to, from)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) damage(t *testing.T, path string) {
	t.Helper()
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("something else"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (w *world) sweep(t *testing.T, dry bool, want int) {
	t.Helper()
	cited, err := Cited(t.Context(), w.DB, w.Archive)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	s, err := Sweep(t.Context(), w.Archive.Folder, cited, today(), dry, func(Remark) error {
		told++
		return nil
	})
	if err != nil || s.Uncited != want || told != want {
		t.Errorf("sweep, dry %v: %+v, told %d, %v", dry, s, told, err)
	}
}

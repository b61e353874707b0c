package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/tessera/api"
	"golang.org/x/mod/sumdb/note"

	"github.com/seed-3356bd69/touchstone/recon/audit"
)

func verifier(tb testing.TB, p place) note.Verifier {
	tb.Helper()
	v, err := audit.ReadVerifier(p.key + ".pub")
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// edit changes the entries of one bundle file, as somebody with the disk could.
func (p place) edit(t *testing.T, bundle string, change func([][]byte) [][]byte) {
	t.Helper()
	file := filepath.Join(p.dir, "tile/entries", bundle)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b api.EntryBundle
	if err := b.UnmarshalText(raw); err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, data := range change(b.Entries) {
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(data))), data...)
	}
	if err := os.WriteFile(file, out, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p place) remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(p.dir, path)); err != nil {
		t.Fatal(err)
	}
}

// TestTamperingIsFound tries what somebody could do who owns the disk; each is named by what it touched.
func TestTamperingIsFound(t *testing.T) {
	const entries = 600 // two whole bundles and a part
	for name, c := range map[string]struct {
		do   func(*testing.T, place)
		want string
	}{
		"an amount edited": {func(t *testing.T, p place) {
			p.edit(t, "001", func(all [][]byte) [][]byte {
				all[5] = bytes.Replace(all[5], []byte("1.00 CNY"), []byte("9.00 CNY"), 1)
				return all
			})
		}, "entry 261 was changed"},
		"one of the last edited": {func(t *testing.T, p place) {
			p.edit(t, "002.p/88", func(all [][]byte) [][]byte {
				all[87] = bytes.Replace(all[87], []byte(`"li"`), []byte(`"wu"`), 1)
				return all
			})
		}, "entry 599 was changed"},
		"two swapped": {func(t *testing.T, p place) {
			p.edit(t, "000", func(all [][]byte) [][]byte { all[1], all[2] = all[2], all[1]; return all })
		}, "entry 1 was changed"},
		"one removed": {func(t *testing.T, p place) {
			p.edit(t, "000", func(all [][]byte) [][]byte { return append(all[:9:9], all[10:]...) })
		}, "entries 255 to 255: 1 entries are missing"},
		"one removed, another doubled": {func(t *testing.T, p place) {
			p.edit(t, "000", func(all [][]byte) [][]byte { return append(all[:9:9], append(all[10:], all[255])...) })
		}, "entry 9 was changed"},
		"a bundle removed": {func(t *testing.T, p place) { p.remove(t, "tile/entries/001") }, "entries 256 to 511"},
		"a leaf forged with its entry": {func(t *testing.T, p place) {
			forge(t, p, 3)
		}, "the entries' root is"},
		"an inner tile spoilt": {func(t *testing.T, p place) {
			spoil(t, filepath.Join(p.dir, "tile/1/000.p/2"))
		}, "tiles: "},
		"a leaf tile removed":    {func(t *testing.T, p place) { p.remove(t, "tile/0/001") }, "leaves of entries 256 to 511"},
		"the checkpoint altered": {func(t *testing.T, p place) { spoil(t, filepath.Join(p.dir, "checkpoint")) }, "read checkpoint"},
		"the checkpoint removed": {func(t *testing.T, p place) { p.remove(t, "checkpoint") }, "read checkpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			p := filled(t, entries)
			if r := p.verify(t, true); !r.Whole() || r.Size != entries {
				t.Fatalf("before: %d entries, %q", r.Size, r.Problems)
			}
			c.do(t, p)
			r := p.verify(t, true)
			if r.Whole() || !strings.Contains(strings.Join(r.Problems, "\n"), c.want) {
				t.Fatalf("got %q, want %q", r.Problems, c.want)
			}
			var out bytes.Buffer
			if err := r.Print(&out); err != nil || !strings.Contains(out.String(), "NOT verified") {
				t.Errorf("printed %q, %v", out.String(), err)
			}
		})
	}
}

func spoil(t *testing.T, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw[20] ^= 1
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// forge edits an entry of the first bundle and its leaf, so that the two agree.
func forge(t *testing.T, p place, at int) {
	t.Helper()
	var data []byte
	p.edit(t, "000", func(all [][]byte) [][]byte {
		all[at] = bytes.Replace(all[at], []byte("1.00 CNY"), []byte("9.00 CNY"), 1)
		data = all[at]
		return all
	})
	file := filepath.Join(p.dir, "tile/0/000")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	leaf := sha256.Sum256(append([]byte{0}, data...)) // RFC 6962
	copy(raw[32*at:], leaf[:])
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestOnlyTheWitnessFindsAHolderOfTheKey cuts a log back to an earlier signed state, and builds one anew.
func TestOnlyTheWitnessFindsAHolderOfTheKey(t *testing.T) {
	cut := func(t *testing.T, p place) {
		early := filepath.Join(t.TempDir(), "early")
		if err := os.CopyFS(early, os.DirFS(p.dir)); err != nil {
			t.Fatal(err)
		}
		l := p.open(t)
		if _, err := l.Append(t.Context(), entry(1000)); err != nil {
			t.Fatal(err)
		}
		closed(t, l)
		p.remove(t, ".")
		if err := os.CopyFS(p.dir, os.DirFS(early)); err != nil {
			t.Fatal(err)
		}
	}
	rebuilt := func(n int) func(*testing.T, place) {
		return func(t *testing.T, p place) {
			p.remove(t, ".")
			cfg, err := p.config()
			if err != nil {
				t.Fatal(err)
			}
			cfg.Witness = nil
			l, err := audit.Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			var entries []audit.Entry
			for i := range n {
				e := entry(i)
				e.Actor = "somebody else"
				entries = append(entries, e)
			}
			if _, err := l.AppendBatch(t.Context(), entries); err != nil {
				t.Fatal(err)
			}
			closed(t, l)
		}
	}
	for name, c := range map[string]struct {
		do   func(*testing.T, place)
		want error
	}{
		"cut":                {cut, audit.ErrTruncated},
		"rebuilt":            {rebuilt(20), audit.ErrRebuilt},
		"rebuilt and longer": {rebuilt(300), audit.ErrRebuilt},
		"rebuilt, shorter":   {rebuilt(5), audit.ErrTruncated},
		"all gone":           {func(t *testing.T, p place) { p.remove(t, ".") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := filled(t, 20)
			c.do(t, p)
			if c.want != nil {
				alone := p.verify(t, false)
				if !alone.Whole() || !strings.Contains(fmt.Sprint(alone.Remarks), "there is no witness") {
					t.Errorf("without witness: %q, remarks %q", alone.Problems, alone.Remarks)
				}
				if r := p.verify(t, true); r.Whole() || !strings.Contains(strings.Join(r.Problems, "\n"), c.want.Error()) {
					t.Errorf("with witness: %q", r.Problems)
				}
			}
			cfg, err := p.config()
			if err != nil {
				t.Fatal(err)
			}
			switch l, err := audit.Open(t.Context(), cfg); {
			case err == nil:
				closed(t, l)
				t.Error("such a log goes on")
			case c.want == nil && !errors.Is(err, audit.ErrTruncated), c.want != nil && !errors.Is(err, c.want):
				t.Errorf("opening it: %v", err)
			}
		})
	}
}

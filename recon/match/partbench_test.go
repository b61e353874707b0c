package match

import (
	"path/filepath"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// BenchmarkParts does one day as a whole and in parts that are kept, in turn.
func BenchmarkParts(b *testing.B) {
	dir := b.TempDir()
	files := benchFiles(b, dir)
	open := func(h *entry.Hasher) []*scan.Side {
		return benchSides(b, files, scan.Options{Format: daySpec(), Hasher: h, Compared: dayCompared, Workers: 2})
	}
	cfg := Config{Compared: dayCompared, Threads: 2, Each: func(*Difference) error { return nil }}
	for range 3 {
		b.Run("whole", func(b *testing.B) {
			for b.Loop() {
				if _, err := Reconcile(b.Context(), cfg, open(entry.NewHasher(entry.NewSecret()))...); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("parts", func(b *testing.B) {
			for b.Loop() {
				p, err := OpenParts(filepath.Join(dir, "parts"))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := p.Reconcile(b.Context(), cfg, open(p.Hasher())...); err != nil {
					b.Fatal(err)
				}
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
				if err := p.Clear(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package match

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

var benchRecords = flag.Int64("records", 1_000_000, "records a side of BenchmarkParts")

// BenchmarkParts does one day as a whole and in parts that are kept, in turn.
func BenchmarkParts(b *testing.B) {
	dir := b.TempDir()
	g, err := recongen.New(recongen.Config{Seed: 1, Records: *benchRecords, Sides: 2, Rates: recongen.EveryClass(0.00001)})
	if err != nil {
		b.Fatal(err)
	}
	if err := g.WriteFiles(b.Context(), dir, false); err != nil {
		b.Fatal(err)
	}
	files, _ := g.Names(dir)
	open := func(h *entry.Hasher) (sides []*scan.Side) {
		for _, path := range files {
			side, err := scan.OpenFile(path, scan.Options{Format: daySpec(), Hasher: h, Compared: dayCompared, Workers: 2})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { side.Close() })
			sides = append(sides, side)
		}
		return sides
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

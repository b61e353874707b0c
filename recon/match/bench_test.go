package match

import (
	"flag"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

var benchRecords = flag.Int64("records", 1_000_000, "records a side of the benchmarks")

// BenchmarkReconcile holds two CSV files against each other, as `recon compare` and the day of a channel do. The profile
// by which the product is built is taken from it: make profile.
func BenchmarkReconcile(b *testing.B) {
	files := benchFiles(b, b.TempDir())
	for name, c := range map[string]struct {
		cfg  Config
		open scan.Options
	}{
		"money":  {Config{}, scan.Options{Format: daySpec()}},
		"day":    {Config{Compared: dayCompared}, scan.Options{Format: daySpec(), Compared: dayCompared}},
		"unique": {Config{Unique: true}, scan.Options{Format: daySpec()}},
	} {
		b.Run(name, func(b *testing.B) {
			c.cfg.Threads, c.open.Workers = 2, 2
			for b.Loop() {
				c.open.Hasher = entry.NewHasher(entry.NewSecret())
				if _, err := Reconcile(b.Context(), c.cfg, benchSides(b, files, c.open)...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchFiles writes two files of one day.
func benchFiles(b *testing.B, dir string) []string {
	g, err := recongen.New(recongen.Config{Seed: 1, Records: *benchRecords, Sides: 2, Rates: recongen.EveryClass(0.00001)})
	if err != nil {
		b.Fatal(err)
	}
	if err := g.WriteFiles(b.Context(), dir, false); err != nil {
		b.Fatal(err)
	}
	files, _ := g.Names(dir)
	return files
}

func benchSides(b *testing.B, files []string, o scan.Options) (sides []*scan.Side) {
	for _, path := range files {
		side, err := scan.OpenFile(path, o)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { side.Close() })
		sides = append(sides, side)
	}
	return sides
}

package scan

import (
	"path/filepath"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// BenchmarkScan reads a CSV file of 100,000 lines that stays in the cache, as `recon compare` does.
func BenchmarkScan(b *testing.B) {
	const records = 100_000
	dir := b.TempDir()
	g, err := recongen.New(recongen.Config{Seed: 1, Records: records, Sides: 2, Rates: recongen.EveryClass(0.00001)})
	if err != nil {
		b.Fatal(err)
	}
	if err := g.WriteFiles(b.Context(), dir, false); err != nil {
		b.Fatal(err)
	}
	files, _ := g.Names(dir)
	side, err := OpenFile(filepath.Join(dir, filepath.Base(files[0])), Options{Format: moneySpec(), Hasher: entry.NewHasher(entry.NewSecret()), Workers: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { side.Close() })
	start := processorTime()
	for b.Loop() {
		if r, err := side.Scan(b.Context(), nothing{}); err != nil || r.Rejected > 0 {
			b.Fatal(err, r.Rejected)
		}
	}
	b.ReportMetric(float64(processorTime()-start)/float64(b.N)/records, "cpu-ns/line")
}

// moneySpec asks for key, amount, currency and status of the generated CSV file.
func moneySpec() *recon.FormatSpec {
	return &recon.FormatSpec{
		Name: "csv", Open: true, Lines: recon.LineRule{Separator: ",", Quote: true, Trim: " \t"},
		Columns: []recon.Column{{Name: "order_id"}, {Name: "amount"}, {Name: "currency"}, {Name: "status"}},
		Rows: []recon.RowRule{{
			Key: []string{"order_id"}, Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMajor, Sign: recon.SignKind}, CurrencyIn: "currency",
			Status: recon.StatusMap{Column: "status", Values: map[string]recon.Status{
				"paid": recon.StatusSuccess, "pending": recon.StatusProcessing, "failed": recon.StatusFailed,
			}},
		}},
	}
}

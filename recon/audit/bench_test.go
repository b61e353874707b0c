package audit_test

import (
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/audit"
)

// BenchmarkAppend is what a person waits for.
func BenchmarkAppend(b *testing.B) {
	p := newPlace(b)
	l := p.open(b)
	defer closed(b, l)
	for n := 0; b.Loop(); n++ {
		if _, err := l.Append(b.Context(), entry(n)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendBatch moves 2048 entries of machines at a time.
func BenchmarkAppendBatch(b *testing.B) {
	p := newPlace(b)
	l := p.open(b)
	defer closed(b, l)
	entries := make([]audit.Entry, 2048)
	for i := range entries {
		entries[i] = entry(i)
	}
	for b.Loop() {
		if _, err := l.AppendBatch(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(entries))/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkVerify reads 20,480 entries.
func BenchmarkVerify(b *testing.B) {
	p := filled(b, 20480)
	for b.Loop() {
		if r := p.verify(b, true); !r.Whole() {
			b.Fatal(r.Problems)
		}
	}
	b.ReportMetric(float64(b.N*20480)/b.Elapsed().Seconds(), "entries/s")
}

package adapters

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// decoder starts an adapter that decodes lines of "number amount" itself.
func decoder(t testing.TB) *plugins.Host {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "decoder")
	if out, err := exec.Command("go", "build", "-o", binary, "../../../plugins/internal/badadapter").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	host, err := plugins.Start(t.Context(), plugins.HostConfig{
		Path: binary, Unpinned: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	return host
}

func lines(n int) ([]byte, plugins.DecodeRequest) {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "P%06d %d\n", i, i)
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), plugins.DecodeRequest{Kind: "fast", File: "day.txt", SHA256: hex.EncodeToString(sum[:])}
}

// gather keeps entries.
type gather struct{ entries []entry.Entry }

func (g *gather) Take(_ int, batch []entry.Entry) error {
	g.entries = append(g.entries, batch...)
	return nil
}

// onlyRecords hides that an emitter takes columns.
type onlyRecords struct{ plugins.Emitter }

// TestEntriesAreThoseOfTheRecords: by columns and record by record, the engine gets the same.
func TestEntriesAreThoseOfTheRecords(t *testing.T) {
	host := decoder(t)
	data, req := lines(3 * plugins.MaxBatch / 2)
	h := entry.NewHasher(entry.Secret{1})
	for _, compared := range []entry.Compared{0, entry.CompareFee | entry.CompareTime, entry.CompareOrder | entry.CompareAccount | entry.CompareChannelTxn} {
		var got [2]gather
		for i, hide := range []bool{false, true} {
			entries, err := NewEntries(h, compared, &got[i], func(r recon.Reject) error { return r })
			if err != nil {
				t.Fatal(err)
			}
			emit := plugins.Emitter(entries)
			if hide {
				emit = onlyRecords{entries}
			}
			if _, err := host.Decode(t.Context(), req, bytes.NewReader(data), emit); err != nil {
				t.Fatal(err)
			}
		}
		if len(got[0].entries) != 3*plugins.MaxBatch/2 || !slices.Equal(got[0].entries, got[1].entries) {
			t.Errorf("compared %b: %d entries by columns, %d by records, or they differ", compared, len(got[0].entries), len(got[1].entries))
		}
		if e := got[0].entries[100]; e.At.Place() != 101 || e.Amount != 100 {
			t.Errorf("entry 100: place %d, amount %d", e.At.Place(), e.Amount)
		}
	}
}

func TestFurtherColumnsAreRefused(t *testing.T) {
	if _, err := NewEntries(nil, entry.CompareFurther, nil, nil); err == nil || !strings.Contains(err.Error(), "try: ") {
		t.Errorf("got %v", err)
	}
}

// count is a sink that only counts, so that a measurement is of what comes before it.
type count struct{ entries, minor int64 }

func (c *count) Take(_ int, batch []entry.Entry) error {
	c.entries += int64(len(batch))
	for i := range batch {
		c.minor += batch[i].Amount
	}
	return nil
}

// BenchmarkEntries is BenchmarkDecode of plugins with the engine's entries at its end: a file goes to an adapter's process,
// which parses each line; its columns come back and each record's key is hashed.
func BenchmarkEntries(b *testing.B) {
	host := decoder(b)
	const n = 2_000_000
	data, req := lines(n)
	b.ResetTimer()
	for b.Loop() {
		got := &count{}
		entries, err := NewEntries(entry.NewHasher(entry.Secret{1}), 0, got, func(r recon.Reject) error { return r })
		if err != nil {
			b.Fatal(err)
		}
		if _, err := host.Decode(b.Context(), req, bytes.NewReader(data), entries); err != nil {
			b.Fatal(err)
		}
		if got.entries != n || got.minor != int64(n)*(n-1)/2 {
			b.Fatalf("%d entries, sum %d", got.entries, got.minor)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "records/s")
}

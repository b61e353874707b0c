package adapters

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
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

func billOf(n int) ([]byte, plugins.DecodeRequest) {
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

// hashed makes entries of records, one by one, as the engine would.
type hashed struct {
	hasher   *entry.Hasher
	compared entry.Compared
	entries  []entry.Entry
}

func (h *hashed) Record(r recon.Record) error {
	one, err := h.hasher.Of(&r, uint64(r.Origin.Line), h.compared)
	h.entries = append(h.entries, one)
	return err
}

func (h *hashed) Reject(r recon.Reject) error { return r }

// read scans a decoded text.
func read(t *testing.T, text string, h *entry.Hasher, compared entry.Compared) (*scan.Side, *gather, *scan.Result) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	side, err := scan.OpenFile(path, scan.Options{Name: "day.txt", Format: Decoded("nowhere"), Hasher: h, Compared: compared})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { side.Close() })
	got := &gather{}
	result, err := side.Scan(t.Context(), got)
	if err != nil {
		t.Fatal(err)
	}
	return side, got, result
}

// TestTextIsWhatWasDecoded: the entries of the text are those of the records, whatever is compared, by columns and by records.
func TestTextIsWhatWasDecoded(t *testing.T) {
	host := decoder(t)
	const n = 3 * plugins.MaxBatch / 2
	data, req := billOf(n)
	h := entry.NewHasher(entry.Secret{1})
	for _, compared := range []entry.Compared{0, entry.CompareFee | entry.CompareTime, entry.CompareOrder | entry.CompareAccount | entry.CompareChannelTxn} {
		direct := &hashed{hasher: h, compared: compared}
		if _, err := host.Decode(t.Context(), req, bytes.NewReader(data), direct); err != nil {
			t.Fatal(err)
		}
		var texts [2]bytes.Buffer
		for i := range texts {
			text := NewText(&texts[i], "")
			emit := plugins.Emitter(text)
			if i == 1 {
				emit = onlyRecords{text}
			}
			result, err := host.Decode(t.Context(), req, bytes.NewReader(data), emit)
			if err != nil {
				t.Fatal(err)
			}
			if err := text.Flush(result); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(texts[0].Bytes(), texts[1].Bytes()) {
			t.Error("columns and records make different texts")
		}
		_, got, result := read(t, texts[0].String(), h, compared)
		if result.Records != n || result.Rejected != 0 || len(got.entries) != len(direct.entries) {
			t.Fatalf("compared %b: %d records, %d rejects of %d", compared, result.Records, result.Rejected, n)
		}
		for i := range got.entries {
			if !got.entries[i].Same(&direct.entries[i]) {
				t.Fatalf("compared %b: entry %d is another: %+v, %+v", compared, i, got.entries[i], direct.entries[i])
			}
		}
	}
}

// TestTextKeepsLinesAndFields writes records on random lines, with rejects between them, and reads them again.
func TestTextKeepsLinesAndFields(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var out bytes.Buffer
	text := NewText(&out, "a1")
	var want []recon.Record
	var rejects []int
	line := 0
	for i := range 500 {
		line += 1 + rng.IntN(4)
		if rng.IntN(10) == 0 {
			rejects = append(rejects, line)
			if err := text.Reject(recon.Reject{Origin: recon.Origin{Line: line}, Field: "amount", Value: "1,2\t3", Reason: "not a number"}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		kinds, states := recon.Kinds(), recon.Statuses()
		r := recon.Record{
			Channel: "nowhere", Key: recon.Key{Kind: kinds[rng.IntN(len(kinds))], ID: "P," + strings.Repeat("x", 1+i%20)}, Order: "O|\"1", ChannelTxn: "T 1",
			Status: states[rng.IntN(len(states))], Amount: recon.Money{Minor: rng.Int64N(1e12), Currency: []recon.Currency{"CNY", "JPY", "KWD"}[rng.IntN(3)]},
			Time: time.UnixMicro(1_700_000_000_000_000 + rng.Int64N(1e15)).UTC(), Original: "4200", Settled: "2026-11-23",
			Origin: recon.Origin{File: "day.txt", Line: line},
		}
		if rng.IntN(2) == 0 {
			r.Fee = &recon.Money{Minor: rng.Int64N(1000) - 500, Currency: r.Amount.Currency}
		}
		if rng.IntN(2) == 0 {
			r.Account = "a2"
		}
		want = append(want, r)
		if err := text.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := text.Flush(plugins.DecodeResult{Records: int64(len(want)), Rejects: int64(len(rejects))}); err != nil {
		t.Fatal(err)
	}
	side, _, _ := read(t, out.String(), entry.NewHasher(entry.Secret{1}), 0)
	var at []int
	i := 0
	for got, err := range side.Records(t.Context(), nil) {
		var reject recon.Reject
		if r, ok := err.(recon.Reject); ok {
			reject = r
			at = append(at, reject.Origin.Line)
			if !strings.Contains(reject.Value, "not a number") {
				t.Errorf("the reject lost the adapter's words: %v", reject)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		w := want[i]
		i++
		if w.Account == "" {
			w.Account = "a1" // the statement's
		}
		if got.Account != w.Account || got.Key != w.Key || got.Order != w.Order || got.Amount != w.Amount || !got.Time.Equal(w.Time) || got.Origin.Line != w.Origin.Line || got.Status != w.Status ||
			got.Original != w.Original || got.Settled != w.Settled || got.ChannelTxn != w.ChannelTxn || (got.Fee == nil) != (w.Fee == nil) || (got.Fee != nil && *got.Fee != *w.Fee) {
			t.Fatalf("record %d:\n%+v\n%+v", i, got, w)
		}
	}
	if i != len(want) || !slices.Equal(at, rejects) {
		t.Errorf("%d of %d records, rejects on lines %v, want %v", i, len(want), at, rejects)
	}
}

func TestTextRefuses(t *testing.T) {
	record := func(line int, id string) recon.Record {
		return recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: id}, Order: id, Status: recon.StatusSuccess, Amount: recon.Money{Currency: "CNY"}, Origin: recon.Origin{Line: line}}
	}
	text := NewText(io.Discard, "")
	if err := text.Record(record(2*maxGap, "P1")); err == nil {
		t.Error("a leap over a million lines was taken")
	}
	var out bytes.Buffer
	text = NewText(&out, "")
	for _, id := range []string{"P\t1", "P\n1"} {
		if err := text.Record(record(1, id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := text.Flush(plugins.DecodeResult{Records: 1}); err == nil {
		t.Error("a text with less than was decoded was taken")
	}
	if err := text.Flush(plugins.DecodeResult{Records: 2}); err != nil {
		t.Fatal(err)
	}
	if _, _, result := read(t, out.String(), entry.NewHasher(entry.Secret{1}), 0); result.Rejected != 2 || result.Records != 0 {
		t.Errorf("values with a tab or a line end: %d records, %d rejects", result.Records, result.Rejected)
	}
}

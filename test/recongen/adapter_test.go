package recongen

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// booked adds up what an adapter emits.
type booked struct {
	rejects []recon.Reject
	keys    map[recon.Key]int
	sums    map[recon.Kind]int64
	states  map[recon.Status]int
}

func (b *booked) Record(r recon.Record) error {
	b.keys[r.Key]++
	b.sums[r.Key.Kind] += r.Amount.Minor
	b.states[r.Status]++
	return nil
}

func (b *booked) Reject(r recon.Reject) error {
	b.rejects = append(b.rejects, r)
	return nil
}

// TestTheWeChatAdapterTakesTheBill lets the channel's own adapter read a generated bill, as a subprocess.
func TestTheWeChatAdapterTakesTheBill(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "wechat")
	if out, err := exec.Command("go", "build", "-o", binary, "../../plugins/wechat").CombinedOutput(); err != nil {
		t.Fatalf("build adapter: %v: %s", err, out)
	}
	sum, err := plugins.FileSHA256(binary)
	if err != nil {
		t.Fatal(err)
	}
	host, err := plugins.Start(t.Context(), plugins.HostConfig{
		Name: "wechat", Path: binary, SHA256: sum, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	g, err := New(Config{Seed: 18, Records: 5_000, Sides: 2, Rates: EveryClass(0.002), Format: FormatWeChat})
	if err != nil {
		t.Fatal(err)
	}
	sides, err := g.Sides(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := &booked{keys: map[recon.Key]int{}, sums: map[recon.Kind]int64{}, states: map[recon.Status]int{}}
	request := plugins.DecodeRequest{Kind: "trade", Account: "1900000001", Date: day, SHA256: fmt.Sprintf("%x", sha256.Sum256(sides[Theirs]))}
	if _, err := host.Decode(t.Context(), request, bytes.NewReader(sides[Theirs]), got); err != nil {
		t.Fatal(err)
	}
	var want totals
	for r := range g.book.rows[Theirs] {
		k := g.book.at(Theirs, r)
		want.add(&k)
	}
	if len(got.rejects) > 0 || got.sums[recon.KindPayment] != want.paid || got.sums[recon.KindRefund] != want.refunded {
		t.Errorf("%d rejects, payments %d, refunds %d fen; want %d and %d", len(got.rejects), got.sums[recon.KindPayment], got.sums[recon.KindRefund], want.paid, want.refunded)
	}
	if got.states[recon.StatusProcessing] == 0 || got.states[recon.StatusSuccess] < 4_900 || len(got.keys) < 4_900 {
		t.Errorf("states %v, %d keys", got.states, len(got.keys))
	}
}

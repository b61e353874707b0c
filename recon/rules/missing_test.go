package rules_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/rules/replay"
)

var missing = flag.Int("missing", 30_000, "differences of a day whose file is missing; 5000000 for the figures of docs/rules.md")

// missingFile gives the differences of a day whose file is missing, or of the day with which it comes: a payment in a
// hundred has a reversal of its own.
func missingFile(n int, side int) iter.Seq2[*match.Difference, error] {
	return func(yield func(*match.Difference, error) bool) {
		for _, kind := range []recon.Kind{recon.KindPayment, recon.KindReversal} {
			for i := range n {
				if kind == recon.KindReversal && i%100 != 0 {
					continue
				}
				if !yield(one(kind, i, side), nil) {
					return
				}
			}
		}
	}
}

func one(kind recon.Kind, i, side int) *match.Difference {
	id := fmt.Sprintf("%028d", i)
	r := &recon.Record{
		Channel: "wechat", Account: "1900000001", Key: recon.Key{Kind: kind, ID: id}, Order: id, ChannelTxn: "42000000" + id[8:], Status: recon.StatusSuccess,
		Amount: recon.Money{Minor: int64(i), Currency: "CNY"}, Time: time.Unix(1795420800+int64(i%86400), 0),
		Origin: recon.Origin{File: "orders.csv", Line: i + 2, SHA256: fmt.Sprintf("%064d", 7), Adapter: "wechat 1.0"},
	}
	d := &match.Difference{Break: recon.MissingAtChannel, Group: match.Group{Key: r.Key, Occurrence: 1, Records: make([]*recon.Record, 2)}}
	if side == 1 {
		d.Break = recon.MissingInternally
	}
	d.Records[side] = r
	return d
}

// TestAMissingFile carries a whole day and settles it with the next, in bounded memory.
func TestAMissingFile(t *testing.T) {
	n := *missing
	day := rules.DayOf(2026, time.November, 23)
	cfg := rules.Config{Terms: []rules.Term{{Days: 1, Calendar: true}}, Reversals: true, Refunds: true, Split: &rules.Split{}}
	carried, err := os.Create(t.TempDir() + "/carried")
	if err != nil {
		t.Fatal(err)
	}
	defer carried.Close()
	// The file of the first day lacks: payments, some with reversals, which are netted at once; the rest waits.
	first, peak, took := apply(t, day, cfg, missingFile(n, 0), rules.CarriedIn{}, carried)
	pairs := int64((n + 99) / 100)
	want(t, first, rules.Netted, 2*pairs)
	want(t, first, rules.Carried, int64(n)-pairs)
	t.Logf("%d differences carried in %s, %d MiB of heap, %d MiB carried out", n, took.Round(time.Millisecond), peak>>20, first.Carried.Bytes>>20)
	bounded(t, peak, 2*pairs)
	late := func(yield func(*match.Difference, error) bool) {
		for i := range n {
			if i%100 != 0 && !yield(one(recon.KindPayment, i, 1), nil) {
				return
			}
		}
	}
	in := rules.CarriedIn{Open: func() (io.ReadCloser, error) { return os.Open(carried.Name()) }, Digest: first.Carried.Digest}
	second, peak, took := apply(t, day+1, cfg, late, in, sha256.New())
	want(t, second, rules.Settled, int64(n)-pairs)
	t.Logf("%d settled in %s, %d MiB of heap", n, took.Round(time.Millisecond), peak>>20)
	bounded(t, peak, 0)
	if h := second.History; len(h) != 1 || h[0].Since != day || h[0].Records != int64(n)-pairs {
		t.Errorf("history %v", h)
	}
}

// apply keeps the differences as a batch does, and gives the largest heap that was seen.
func apply(t *testing.T, day rules.Day, cfg rules.Config, all iter.Seq2[*match.Difference, error], in rules.CarriedIn, carry io.Writer) (*rules.Out, uint64, time.Duration) {
	t.Helper()
	kept := replay.New(8<<20, t.TempDir())
	defer kept.Close()
	breaks := map[recon.Break]*match.BreakTotals{}
	for d, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		if breaks[d.Break] == nil {
			breaks[d.Break] = &match.BreakTotals{Break: d.Break, Sides: make([]match.Totals, 2)}
		}
		for side, r := range d.Records {
			if r != nil {
				if err := breaks[d.Break].Sides[side].Add(r); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := kept.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	var found []match.BreakTotals
	for _, b := range breaks {
		found = append(found, *b)
	}
	runtime.GC()
	start, peak, seen := time.Now(), uint64(0), 0
	out, err := rules.Apply(day, &cfg, rules.In{
		Batch: rules.Batch{Channel: "wechat", Account: "1900000001", Kind: "trade"}, Differences: kept.All(), Found: found, Carried: in, Carry: carry,
		Each: func(*rules.Outcome) error {
			if seen++; seen%10_000 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, peak, time.Since(start)
}

// bounded wants memory that is the same for any number of differences, but for a kilobyte for each booking that names
// another: tables, buffers and garbage.
func bounded(t *testing.T, peak uint64, linked int64) {
	t.Helper()
	if most := uint64(200<<20 + linked<<10); peak > most {
		t.Errorf("%d MiB of heap, at most %d", peak>>20, most>>20)
	}
}

func want(t *testing.T, out *rules.Out, fate rules.Fate, n int64) {
	t.Helper()
	got := int64(0)
	for _, f := range out.Fates {
		if f.Fate == fate {
			got += f.Count
		}
	}
	if got != n {
		t.Errorf("%d %s, want %d", got, fate, n)
	}
}

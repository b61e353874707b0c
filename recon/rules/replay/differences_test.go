package replay

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

func differences(seed uint64, n int) []*match.Difference {
	random := rand.New(rand.NewPCG(seed, 0))
	text := func() string { return fmt.Sprint(random.Uint32())[:random.IntN(4)] }
	record := func(key recon.Key) *recon.Record {
		r := &recon.Record{
			Channel: "wechat", Account: text(), Key: key, Order: text(), ChannelTxn: text(), Status: recon.StatusSuccess, Original: text(),
			Amount: recon.Money{Minor: random.Int64() - random.Int64(), Currency: "CNY"}, Settled: "2026-11-23",
			Origin: recon.Origin{File: "bill.csv", Line: random.IntN(1e6), SHA256: fmt.Sprintf("%064d", 7), Adapter: "wechat 1", Table: text(), Row: text()},
		}
		if random.IntN(2) == 0 {
			r.Fee = &recon.Money{Minor: -random.Int64N(100), Currency: "CNY"}
			r.Time = time.Unix(random.Int64N(4e9), random.Int64N(1e9)).UTC()
			r.Aliases = []recon.Alias{{Column: "trace", Value: text()}}
			r.Further = []recon.Text{{Column: text(), Value: text()}, {Column: "batch", Value: text()}}
		}
		return r
	}
	var all []*match.Difference
	for i := range n {
		key := recon.Key{Kind: recon.Kinds()[random.IntN(8)], ID: text()}
		d := &match.Difference{Break: match.Breaks()[random.IntN(10)], Group: match.Group{Key: key, Occurrence: i, Records: []*recon.Record{record(key), nil}}}
		if random.IntN(2) == 0 {
			d.Records[1] = record(key)
			d.Fields = []match.FieldValues{{Field: recon.FieldAmount, Values: []string{text(), text()}}}
		}
		all = append(all, d)
	}
	return all
}

func TestGivesTheSameAgain(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	want := differences(seed, 2000)
	for name, memory := range map[string]int{"in memory": 1 << 30, "in a file": 1 << 12, "all in a file": 1} {
		t.Run(name, func(t *testing.T) {
			kept := New(memory, t.TempDir())
			for _, d := range want {
				if err := kept.Add(d); err != nil {
					t.Fatal(err)
				}
			}
			if kept.Count() != int64(len(want)) || (kept.file != nil) != (memory < 1<<30) {
				t.Errorf("%d kept, file %v", kept.Count(), kept.file)
			}
			for range 2 {
				i := 0
				for d, err := range kept.All() {
					if err != nil || !reflect.DeepEqual(d, want[i]) {
						t.Fatalf("difference %d: %+v, want %+v, %v", i, d, want[i], err)
					}
					i++
				}
				if i != len(want) {
					t.Errorf("%d of %d", i, len(want))
				}
			}
			if err := kept.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDamageIsAnError(t *testing.T) {
	kept := New(1, t.TempDir())
	defer kept.Close()
	for _, d := range differences(1, 10) {
		if err := kept.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := kept.file.Truncate(kept.filed - 3); err != nil {
		t.Fatal(err)
	}
	n := 0
	var last error
	for _, err := range kept.All() {
		n, last = n+1, err
	}
	if last == nil || n > 10 {
		t.Errorf("%d differences, error %v", n, last)
	}
}

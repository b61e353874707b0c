package scan

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// byPlace gives what was gathered in the order of the file.
func (g *gather) byPlace() []entry.Entry {
	slices.SortFunc(g.entries, func(a, b entry.Entry) int { return cmp.Compare(a.At.Place(), b.At.Place()) })
	return g.entries
}

func TestLinesReadAgainGiveTheSameEntries(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for name, further := range map[string]func() string{
		"short lines":  func() string { return "x" },
		"long lines":   func() string { return strings.Repeat("x", rng.IntN(3*lookahead)) },
		"quoted cells": func() string { return `"` + strings.Repeat("a,\n\"\"", rng.IntN(400)) + `"` },
		"odd lines":    func() string { return []string{"x", " x ", strings.Repeat("长", 700), ""}[rng.IntN(4)] },
	} {
		var b strings.Builder
		b.WriteString("order_id,amount,further,currency,status\n")
		const records = 3000
		for i := range records {
			end := []string{"\n", "\r\n"}[rng.IntN(2)]
			if i == records-1 {
				end = ""
			}
			fmt.Fprintf(&b, "P%d,%d.%02d,%s,CNY,paid%s", i, rng.IntN(1e6), rng.IntN(100), further(), end)
		}
		side, err := OpenFile(file(t, b.String()), Options{Format: moneySpec(), Hasher: entry.NewHasher(entry.NewSecret()), Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer side.Close()
		first, again := &gather{}, &gather{}
		if result, err := side.Scan(t.Context(), first); err != nil || result.Records != records {
			t.Fatalf("%s: %+v, %v", name, result, err)
		}
		var want []entry.Entry
		var places []uint64
		dense := rng.IntN(20) + 1
		for _, e := range first.byPlace() {
			if rng.IntN(dense) == 0 {
				want, places = append(want, e), append(places, e.At.Place())
			}
		}
		var mu sync.Mutex
		next := func(_ int, room []uint64) ([]uint64, error) {
			mu.Lock()
			defer mu.Unlock()
			if len(places) == 0 {
				return nil, io.EOF
			}
			n := min(len(places), 1+rng.IntN(50))
			room = append(room, places[:n]...)
			places = places[n:]
			return room, nil
		}
		if err := side.ScanAgain(t.Context(), next, again); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(again.byPlace(), want) {
			t.Errorf("%s: %d entries, want %d", name, len(again.entries), len(want))
		}
	}
}

// TestKeysAreThoseOfTheWholeLine holds keys that were read alone against those of lines that were read whole.
func TestKeysAreThoseOfTheWholeLine(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	cells := []string{"x", "", " ", `"q"`, `"a,b"`, "0", "长", strings.Repeat("y", 2*maxPlain)}
	for name, header := range map[string]string{"first": "order_id,amount,further,currency,status", "last": "amount,further,currency,status,order_id", "inside": "further,order_id,amount,currency,status"} {
		var b strings.Builder
		b.WriteString(header + "\n")
		for i := range 2000 {
			further := cells[rng.IntN(len(cells))]
			id := fmt.Sprintf([]string{"P%d", " P%d", "P%d ", `"P%d"`, `"P,%d"`, "长%d"}[rng.IntN(6)], i)
			line := strings.NewReplacer("order_id", id, "amount", "1.00", "further", further, "currency", "CNY", "status", "paid").Replace(header)
			b.WriteString(line + "\n")
		}
		side, err := OpenFile(file(t, b.String()), Options{Format: moneySpec(), Hasher: entry.NewHasher(entry.NewSecret())})
		if err != nil {
			t.Fatal(err)
		}
		defer side.Close()
		all := &gather{}
		if result, err := side.Scan(t.Context(), all); err != nil || result.Records != 2000 {
			t.Fatalf("%s: %+v, %v", name, result, err)
		}
		r, alone := side.Reader(), 0
		for _, e := range all.entries {
			got, err := r.Key(e.At.Place())
			if err != nil {
				t.Fatal(err)
			}
			if r.plainKey(e.At.Place()) != nil {
				alone++
			}
			want, err := r.Record(e.At.Place())
			if err != nil || string(got) != want.Key.ID {
				t.Fatalf("%s: %q, want %q (%v)", name, got, want.Key.ID, err)
			}
		}
		if name != "last" && alone == 0 {
			t.Errorf("%s: no key was read alone", name)
		}
	}
}

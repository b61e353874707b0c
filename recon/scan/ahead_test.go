package scan

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// longDay is a file of several pieces, with lines of all lengths, some of them with quotes and line ends in cells.
func longDay(rng *rand.Rand) string {
	var b strings.Builder
	b.WriteString("order_id,amount,further,currency,status\n")
	for i := 0; b.Len() < 3*pieceBlocks*blockSize+blockSize/2; i++ {
		further := "x"
		switch rng.IntN(200) {
		case 0:
			further = `"` + strings.Repeat("a,\n\"\"", rng.IntN(400)) + `"`
		case 1:
			further = strings.Repeat("x", rng.IntN(2*overhang))
		}
		fmt.Fprintf(&b, "P%d,%d.%02d,%s,CNY,paid\n", i, rng.IntN(1e6), rng.IntN(100), further)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestWhatIsReadPastThePageCacheIsTheSame(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	path, hasher := file(t, longDay(rand.New(rand.NewPCG(seed, 0)))), entry.NewHasher(entry.NewSecret())
	var want []entry.Entry
	for _, way := range []struct {
		name   string
		change func(*opened)
	}{
		{"through the page cache", func(o *opened) { o.give(buffered) }}, // the others are held against it
		{"past the page cache", func(o *opened) { o.give(unbuffered) }},
		{"a disk that cannot do it", func(o *opened) { o.give(unbuffered); o.direct.Close() }},
	} {
		side, err := OpenFile(path, Options{Format: moneySpec(), Hasher: hasher, Workers: 3})
		if err != nil {
			t.Fatal(err)
		}
		defer side.Close()
		if side.direct == nil {
			t.Logf("%s: no O_DIRECT on %s: only what is done without is looked at", way.name, path)
		} else {
			way.change(side.opened)
		}
		all := &gather{}
		if _, err := side.Scan(t.Context(), all); err != nil {
			t.Fatalf("%s: %v", way.name, err)
		}
		if want == nil {
			want = all.byPlace()
		} else if !slices.Equal(all.byPlace(), want) {
			t.Errorf("%s: %d entries, want %d", way.name, len(all.entries), len(want))
		}
		records := 0
		for _, err := range side.Records(t.Context(), nil) {
			if err != nil {
				t.Fatalf("%s: %v", way.name, err)
			}
			if records++; records == len(want)/2 {
				break // what is read ahead is waited for
			}
		}
	}
}

func TestAFileThatIsCutShortWhileItIsReadPastTheCache(t *testing.T) {
	path := file(t, longDay(rand.New(rand.NewPCG(1, 1))))
	side, err := OpenFile(path, Options{Format: moneySpec(), Hasher: entry.NewHasher(entry.NewSecret()), Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	if side.direct != nil {
		side.give(unbuffered)
	}
	if err := os.Truncate(path, pieceBlocks*blockSize+17); err != nil {
		t.Fatal(err)
	}
	var problem *Problem
	if _, err = side.Scan(t.Context(), &gather{}); !errors.As(err, &problem) || !strings.Contains(err.Error(), errFaulted.Error()) {
		t.Errorf("got %v", err)
	}
}

// TestWhatTheKernelHoldsDecides asks how a file is read that is in the page cache, and after it was dropped from there.
func TestWhatTheKernelHoldsDecides(t *testing.T) {
	path := file(t, longDay(rand.New(rand.NewPCG(1, 1))))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	held := func() uint64 {
		var held unix.Cachestat_t
		if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &held, 0); err != nil {
			t.Logf("no cachestat: %v", err)
			return 1
		}
		return held.Cache
	}
	way := func() uint32 {
		m, err := mapFile(f)
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		return m.way(0)
	}
	if got := way(); got != buffered {
		t.Errorf("of a file that was just written: %d", got)
	}
	if err := errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
	want := uint32(unbuffered)
	if held() > 0 { // a file system in memory
		want = buffered
	}
	if got := way(); got != want {
		t.Errorf("of a file that is nowhere but on the disk: %d, want %d", got, want)
	}
}

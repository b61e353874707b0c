package match

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

func TestLineIndexGivesBackThePlacesOfDirtyBuckets(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for name, budget := range map[string]int64{"in memory": 1 << 30, "some on disk": 1 << 20, "on disk": 0} {
		rng := rand.New(rand.NewPCG(seed, 0))
		const bits, workers = 12, 2
		dirty := newBitset(1 << bits)
		for range 200 {
			dirty.put(rng.Uint64() >> (64 - bits))
		}
		shared := newIndexBudget(budget)
		var indexes []*lineIndex
		var want []uint64
		place, spilled := uint64(0), int64(0)
		for range workers {
			x := &lineIndex{bits: bits, budget: shared, dir: t.TempDir()}
			defer x.close()
			indexes = append(indexes, x)
			for range 1000 {
				batch := make([]entry.Entry, 1+rng.IntN(1024))
				for i := range batch {
					batch[i] = entry.Entry{Tag: rng.Uint64(), At: entry.NewAt(place, 0)}
					if dirty.has(batch[i].Tag >> (64 - bits)) {
						want = append(want, place)
					}
					if place += uint64(1 + rng.IntN(300)); rng.IntN(500) == 0 {
						place += 1 << (20 + rng.IntN(16)) // farther than a word can say
					}
				}
				if err := x.add(batch); err != nil {
					t.Fatal(err)
				}
			}
			if err := x.end(); err != nil {
				t.Fatal(err)
			}
			spilled += x.spilled()
		}
		p, got := newPicker(dirty, indexes), []uint64(nil)
		for worker := 0; ; worker = 1 - worker {
			some, err := p.places(worker, nil)
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if !slices.IsSorted(some) {
				t.Fatalf("%s: places do not ascend", name)
			}
			got = append(got, some...)
		}
		for worker := range workers { // what the other worker has begun
			for some, err := p.places(worker, nil); err == nil; some, err = p.places(worker, nil) {
				got = append(got, some...)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d places, want %d", name, len(got), len(want))
		}
		if (spilled > 0) != (name != "in memory") {
			t.Errorf("%s: %d bytes on disk", name, spilled)
		}
	}
}

func TestAnIndexThatCannotBeWrittenEndsTheRun(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	spill := &spillFile{file: full}
	spill.out = newSpillWriter(full)
	defer full.Close()
	x := &lineIndex{bits: 10, budget: newIndexBudget(0), spill: spill}
	batch := make([]entry.Entry, 1024)
	for range 2000 {
		if err = x.add(batch); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "try: ") {
		t.Errorf("got %v", err)
	}
}

// TestFileThatChangesBetweenTwoReadings writes to a file after its first reading: the lines are still records, of the same
// length and number, but not those that were marked.
func TestFileThatChangesBetweenTwoReadings(t *testing.T) {
	rows := someRows(3000)
	other := slices.Clone(rows)
	other[1500].amount++
	for name, change := range map[string]func(line string) string{
		"another amount": func(line string) string { return strings.Replace(line, ",101,", ",109,", 1) },
		"another key":    func(line string) string { return "Q" + line[1:] },
		"no record":      func(line string) string { return strings.Repeat("x", len(line)) },
	} {
		path := filepath.Join(t.TempDir(), "day.csv")
		content := text(other)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		sides := openSides(t, 1, text(rows))
		changing, err := scan.OpenFile(path, scan.Options{Format: spec(), Hasher: sides[0].Hasher(), Compared: compared})
		if err != nil {
			t.Fatal(err)
		}
		defer changing.Close()
		r := &reconciliation{cfg: &Config{Threads: 1, Memory: 1 << 20, Compared: compared}, sides: append(sides, changing), result: &Result{}}
		defer r.close()
		if err := r.mark(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := r.marks.dirty.count(); n < 1 || n > 2 {
			t.Fatalf("%d dirty buckets", n)
		}
		lines := strings.SplitAfter(content, "\n")
		at := slices.IndexFunc(lines, func(line string) bool { return line != "" && strings.HasPrefix(line, other[1500].id+",") })
		if at < 0 {
			t.Fatal("the row is not in the file")
		}
		end := strings.TrimRight(lines[at], "\r\n")
		lines[at] = change(end) + lines[at][len(end):]
		if changed := strings.Join(lines, ""); len(changed) != len(content) || changed == content {
			t.Fatalf("%s: the file did not change, or its length did", name)
		} else if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if r.scatter, err = newScatter(2, 1, 16, 1<<20, t.TempDir()); err != nil {
			t.Fatal(err)
		}
		err = r.again(t.Context())
		if err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%s: got %v", name, err)
		}
		if name != "no record" && !errors.Is(err, errChanged) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTablesKeepToTheMemory(t *testing.T) {
	for _, c := range []struct {
		threads int
		memory  int64
		records int64
		want    uint
	}{
		{2, 1 << 30, 10_000_000, 19}, {2, 1 << 30, 1 << 40, mostBuckets}, {2, 1 << 30, 100, leastBuckets},
		{126, 1 << 30, 1 << 40, 16}, {2, 1, 1 << 40, leastBuckets},
	} {
		cfg := Config{Threads: c.threads, Memory: c.memory}
		if got := cfg.bucketBits(2, c.records); got != c.want {
			t.Errorf("%+v: %d bits", c, got)
		}
	}
}

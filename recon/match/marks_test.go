package match

import (
	"cmp"
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

func TestLineIndexGivesBackPlacesAndTraces(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	type line struct {
		place uint64
		trace trace
	}
	for name, budget := range map[string]int64{"in memory": 1 << 30, "some on disk": chunkBytes, "on disk": 0} {
		rng := rand.New(rand.NewPCG(seed, 0))
		const workers = 2
		shared := newIndexBudget(budget)
		var indexes []*lineIndex
		var want, got []line
		place, spilled := uint64(0), int64(0)
		for range workers {
			x := &lineIndex{budget: shared, dir: t.TempDir()}
			defer x.close()
			indexes = append(indexes, x)
			for range 1000 {
				batch := make([]entry.Entry, 1+rng.IntN(1024))
				traces := make([]trace, len(batch))
				for i := range batch {
					batch[i] = entry.Entry{Tag: rng.Uint64(), At: entry.NewAt(place, 0)}
					batch[i].Rest = rng.Uint64()
					traces[i] = traceOf(&batch[i])
					want = append(want, line{place, traces[i]})
					if place += uint64(1 + rng.IntN(300)); rng.IntN(500) == 0 {
						place += 1 << (20 + rng.IntN(16)) // farther than a trace can say
					}
				}
				if err := x.add(batch, traces); err != nil {
					t.Fatal(err)
				}
			}
			if err := x.end(); err != nil {
				t.Fatal(err)
			}
			spilled += x.spilled()
		}
		reader := newIndexReader(indexes)
		ended := [workers]bool{}
		for worker := 0; !ended[0] || !ended[1]; worker = 1 - worker {
			at, traces, err := reader.run(worker)
			if err == io.EOF {
				ended[worker] = true
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			for _, word := range traces {
				at += trace(word).distance()
				got = append(got, line{at, trace(word).record()})
			}
		}
		slices.SortFunc(got, func(a, b line) int { return cmp.Compare(a.place, b.place) })
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d lines, want %d", name, len(got), len(want))
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
	x := &lineIndex{budget: newIndexBudget(0), spill: spill}
	batch, traces := make([]entry.Entry, 1024), make([]trace, 1024)
	for range 2000 {
		if err = x.add(batch, traces); err != nil {
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
	amount := func(line string) string { return strings.Replace(line, ",101,", ",109,", 1) }
	for name, c := range map[string]struct {
		change func(line string) string
		coarse trace
	}{
		"another amount":                  {amount, 0},
		"another amount that hides":       {amount, noMarks},
		"the other side's amount, hidden": {func(line string) string { return strings.Replace(line, ",101,", ",100,", 1) }, noMarks},
		"another key":                     {func(line string) string { return "Q" + line[1:] }, 0},
		"no record":                       {func(line string) string { return strings.Repeat("x", len(line)) }, 0},
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
		r := &reconciliation{cfg: &Config{Threads: 1, Memory: 1 << 20, Compared: compared, coarse: c.coarse}, sides: append(sides, changing), result: &Result{}}
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
		lines[at] = c.change(end) + lines[at][len(end):]
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

// TestCellsTellWhichRecordsDiffer holds cells against what was put into them, with fewer and more cells than keys.
func TestCellsTellWhichRecordsDiffer(t *testing.T) {
	for sides := 2; sides <= maxSides; sides++ {
		for _, memory := range []int64{1 << 10, 1 << 20} {
			c, err := newCells(5000, memory)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if got := int64(8 * len(c.sums)); got > max(memory, 8<<leastCells) {
				t.Errorf("%d bytes within %d", got, memory)
			}
			rng := rand.New(rand.NewPCG(1, uint64(sides)))
			odd := map[*uint64]bool{}
			for range 5000 {
				e := entry.Entry{Tag: rng.Uint64(), Rest: rng.Uint64(), Amount: rng.Int64N(1e6), At: entry.NewAt(0, entry.Label(rng.Uint32()))}
				differs := rng.IntN(100) == 0
				for side := range sides {
					if differs && side == sides-1 {
						switch rng.IntN(3) {
						case 0:
							e.Rest ^= rng.Uint64()
						case 1:
							e.Amount++
						case 2:
							e.At ^= 1 << 9 // another state
						}
					}
					c.add(traceOf(&e)|trace(rng.IntN(1<<distanceBits)), weight(side, sides))
				}
				if differs {
					odd[c.of(traceOf(&e))] = true
				}
			}
			for i := range c.sums {
				if (c.sums[i] != 0) != odd[&c.sums[i]] {
					t.Fatalf("%d sides: cell %d is %x", sides, i, c.sums[i])
				}
			}
		}
	}
}

func TestTracesKeepToTheMemory(t *testing.T) {
	const sides, workers, memory = 2, 4, 64 << 20
	m, err := newMarks(entry.NewHasher(entry.Secret{}), sides, workers, leastBuckets, memory, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	batch, traces := make([]entry.Entry, 1024), make([]trace, 1024)
	for i := range 2 * memory / 8 / 1024 {
		if err := m.sides[i%sides].lines[i%workers].add(batch, traces); err != nil {
			t.Fatal(err)
		}
	}
	for _, side := range m.sides {
		for _, lines := range side.lines {
			if err := lines.end(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if held := m.held(); held > memory || m.spilled() == 0 {
		t.Errorf("%d bytes held within %d, %d on disk", held, memory, m.spilled())
	}
}

func TestTablesKeepToTheMemory(t *testing.T) {
	for _, c := range []struct {
		threads int
		memory  int64
		records int64
		want    uint
	}{
		{2, 1 << 30, 10_000_000, 15}, {2, 1 << 30, 1 << 40, mostBuckets}, {2, 1 << 30, 100, leastBuckets},
		{126, 1 << 30, 1 << 40, 15}, {2, 1, 1 << 40, leastBuckets},
	} {
		cfg := Config{Threads: c.threads, Memory: c.memory}
		if got := cfg.bucketBits(2, c.records); got != c.want {
			t.Errorf("%+v: %d bits", c, got)
		}
	}
}

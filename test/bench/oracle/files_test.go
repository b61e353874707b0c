package oracle

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/test/recongen"
	"github.com/seed-3356bd69/touchstone/test/reconoracle"
)

// variants are ways to run that must not change a byte of the answer.
func variants() [][]string {
	return [][]string{
		{"--threads", "1"}, {"--plan", "spill"}, {"--threads", "2", "--plan", "join"}, {"--plan", "digest"}, {"--threads", "4", "--memory", "16MiB"},
	}
}

// judged asks DuckDB, the slow oracle and the product about the same two files, and wants one answer.
func judged(t *testing.T, seed uint64, q reconoracle.Question, files [][]byte) reconoracle.Answer {
	t.Helper()
	dir := t.TempDir()
	names := []string{filepath.Join(dir, "ours.csv"), filepath.Join(dir, "theirs.csv")}
	for i, table := range []string{"ours", "theirs"} {
		if err := os.WriteFile(names[i], files[i], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := shared.duck.Load(t.Context(), table, names[i]); err != nil {
			t.Fatal(err)
		}
	}
	want, err := shared.duck.Answer(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := reconoracle.Slow(q, files)
	if err != nil {
		t.Fatal(err)
	}
	if d := reconoracle.Differ("slow", slow, "DuckDB", want); d != "" {
		t.Fatalf("seed %d: the oracles differ\n%s", seed, d)
	}
	ways := variants()
	first := int(seed % uint64(len(ways)))
	for _, i := range []int{first, (first + 1) % len(ways)} {
		got, _, err := reconoracle.Command(t.Context(), shared.program, dir, q, names, ways[i]...)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := reconoracle.Differ("touchstone", got, "DuckDB", want); d != "" {
			t.Fatalf("seed %d, %q:\n%s\nours:\n%.3000s\ntheirs:\n%.3000s", seed, ways[i], d, files[0], files[1])
		}
	}
	return want
}

func TestCrowdedKeys(t *testing.T) {
	breaks := 0
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		q := reconoracle.Everything()
		if seed%3 == 0 {
			q = reconoracle.Money()
		}
		q.Unique = seed%5 == 0
		breaks += len(judged(t, seed, q, reconoracle.Dense(seed, 2)).Breaks)
	}
	t.Logf("%d seeds, %d breaks", *seeds, breaks)
	if breaks < int(*seeds) {
		t.Error("hardly a break: the files are not crowded")
	}
}

// random is a configuration with rates that differ from class to class.
func random(seed uint64) recongen.Config {
	rng := rand.New(rand.NewPCG(seed, 0x9e4))
	c := recongen.Config{Seed: seed, Records: 50 + rng.Int64N(3000), Sides: 2, Rates: map[recongen.Class]float64{}, Quoted: rng.IntN(2) == 0}
	for class := range recongen.EveryClass(0) {
		c.Rates[class] = rng.Float64() * []float64{0, 0.001, 0.02}[rng.IntN(3)]
	}
	if rng.IntN(5) == 0 {
		c.Shift = time.Duration(1+rng.IntN(600)) * time.Second
	}
	return c
}

func TestPlantedFaults(t *testing.T) {
	breaks := 0
	for seed := *firstSeed; seed < *firstSeed+*seeds/2; seed++ {
		c, q := random(seed), reconoracle.Everything()
		if seed%4 == 0 {
			q = reconoracle.Money()
		}
		g, err := recongen.New(c)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		sides, err := g.Sides(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := judged(t, seed, q, sides)
		breaks += len(got.Breaks)
		if c.Shift > 0 && q.Time != "" {
			continue // every row differs, and the truth lists the planted ones alone
		}
		want, err := reconoracle.Planted(q, g.Truth())
		if err != nil {
			t.Fatal(err)
		}
		if d := reconoracle.Differ("found", reconoracle.Answer{Breaks: got.Breaks}, "planted", want); d != "" {
			t.Fatalf("seed %d, %+v:\n%s", seed, c, d)
		}
	}
	t.Logf("%d seeds, %d breaks", *seeds/2, breaks)
	if breaks == 0 {
		t.Error("no seed planted anything")
	}
}

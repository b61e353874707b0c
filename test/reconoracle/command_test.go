package reconoracle

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/test/mariadb"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

var (
	firstSeed = flag.Uint64("seed", uint64(time.Now().Unix()), "first seed; a run prints its own")
	built     = flag.String("program", "", "the product, built already")
)

// program is the built product, and server the database of the tests that compare tables.
var (
	program string
	server  *mariadb.Server
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "touchstone-oracle")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if program, err = Build("../..", dir, *built); err != nil {
		return 1, err
	}
	fmt.Printf("seeds from %d, try -seed=%d to repeat\n", *firstSeed, *firstSeed)
	return mariadb.Main(m, &server), nil
}

// held wants the product's answer about files to be the slow one, and gives it.
func held(t *testing.T, seed uint64, q Question, files [][]byte, more ...string) Answer {
	t.Helper()
	dir, names := t.TempDir(), []string{}
	for i, file := range files {
		names = append(names, filepath.Join(dir, []string{"ours.csv", "theirs.csv", "third.csv"}[i]))
		if err := os.WriteFile(names[i], file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := Slow(q, files)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	got, _, err := Command(t.Context(), program, dir, q, names, more...)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if d := Differ("touchstone", got, "slow", want); d != "" {
		t.Fatalf("seed %d, %q:\n%s\n%s", seed, more, d, bytes.Join(files, []byte("next side:\n")))
	}
	return want
}

func TestProductAgreesOnCrowdedKeys(t *testing.T) {
	for i := range uint64(20) {
		seed, q := *firstSeed+i, Everything()
		if i%3 == 0 {
			q = Money()
		}
		q.Unique = i%4 == 1
		held(t, seed, q, Dense(seed, 2+int(i%2)), "--threads", fmt.Sprint(1+i%3))
	}
}

func TestProductAgreesOnPlantedFaults(t *testing.T) {
	for i := range uint64(6) {
		seed := *firstSeed + i
		g, err := recongen.New(recongen.Config{Seed: seed, Records: 2_000, Sides: 2, Rates: recongen.EveryClass(0.004), Quoted: i%2 == 0})
		if err != nil {
			t.Fatal(err)
		}
		sides, err := g.Sides(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := held(t, seed, Everything(), sides)
		want, err := Planted(Everything(), g.Truth())
		if err != nil {
			t.Fatal(err)
		}
		if d := Differ("found", Answer{Breaks: got.Breaks}, "planted", want); d != "" {
			t.Fatalf("seed %d:\n%s", seed, d)
		}
	}
}

func TestProductDoesNotDependOnTheOrderOfRows(t *testing.T) {
	c := recongen.Config{Seed: *firstSeed, Records: 3_000, Sides: 2, Rates: recongen.EveryClass(0.004)}
	var first Answer
	for c.Order = range uint64(4) {
		g, err := recongen.New(c)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := g.WriteFiles(t.Context(), dir, false); err != nil {
			t.Fatal(err)
		}
		names, _ := g.Names(dir)
		got, _, err := Command(t.Context(), program, dir, Everything(), names)
		if err != nil {
			t.Fatal(err)
		}
		if c.Order == 0 {
			first = got
		}
		if d := Differ("in this order", got.WithoutLines(), "in the first", first.WithoutLines()); d != "" {
			t.Fatalf("seed %d, order %d:\n%s", c.Seed, c.Order, d)
		}
	}
}

func TestProductAgreesOnTables(t *testing.T) {
	db, err := server.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE oracle"); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(4) {
		seed, q := *firstSeed+i, Everything()
		files := Dense(seed, 2)
		var urls []string
		for side, table := range []string{"ours", "theirs"} {
			if err := LoadTable(t.Context(), db, "oracle."+table, bytes.NewReader(files[side])); err != nil {
				t.Fatal(err)
			}
			urls = append(urls, fmt.Sprintf("mysql://root@%s/oracle?table=%s", server.Addr, table))
		}
		want, err := Slow(q, files)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := Command(t.Context(), program, t.TempDir(), q, urls)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := Differ("of tables", got.WithoutLines(), "of files", want.WithoutLines()); d != "" { // a row of a table has a key, not a line
			t.Fatalf("seed %d:\n%s", seed, d)
		}
	}
}

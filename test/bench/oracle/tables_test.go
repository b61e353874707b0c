package oracle

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-3356bd69/touchstone/test/reconoracle"
)

// TestTables wants the same answer about two tables as about the files they were filled from.
func TestTables(t *testing.T) {
	db, err := shared.maria.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "CREATE DATABASE oracle"); err != nil {
		t.Fatal(err)
	}
	for seed := range fromFirst(t, 10) {
		files, q := reconoracle.Dense(seed, 2), reconoracle.Everything()
		var urls []string
		for i, table := range []string{"ours", "theirs"} {
			if err := reconoracle.LoadTable(t.Context(), db, "oracle."+table, bytes.NewReader(files[i])); err != nil {
				t.Fatal(err)
			}
			urls = append(urls, fmt.Sprintf("mysql://root@%s/oracle?table=%s", shared.maria.Addr, table))
		}
		want := judged(t, seed, q, files).WithoutLines()
		file := filepath.Join(t.TempDir(), "ours.csv")
		if err := os.WriteFile(file, files[0], 0o600); err != nil {
			t.Fatal(err)
		}
		for name, args := range map[string][]string{
			"tables": urls, "pushed down": append(slices.Clone(urls), "--pushdown"), "one thread": append(slices.Clone(urls), "--threads", "1"), "file and table": {file, urls[1]},
		} {
			got, _, err := reconoracle.Command(t.Context(), shared.program, t.TempDir(), q, args[:2], args[2:]...)
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, name, err)
			}
			got, want := got.WithoutLines(), want
			if name == "pushed down" { // its totals are those of the rows that were read: a bucket in which the servers agree is none
				got.Sides, want.Sides = nil, nil
			}
			if d := reconoracle.Differ(name, got, "files", want); d != "" {
				t.Fatalf("seed %d:\n%s", seed, d)
			}
		}
	}
}

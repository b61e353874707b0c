package oracle

import (
	"bytes"
	"fmt"
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
	for seed := *firstSeed; seed < *firstSeed+*seeds/10; seed++ {
		files, q := reconoracle.Dense(seed, 2), reconoracle.Everything()
		var urls []string
		for i, table := range []string{"ours", "theirs"} {
			if err := reconoracle.LoadTable(t.Context(), db, "oracle."+table, bytes.NewReader(files[i])); err != nil {
				t.Fatal(err)
			}
			urls = append(urls, fmt.Sprintf("mysql://root@%s/oracle?table=%s", shared.maria.Addr, table))
		}
		want := judged(t, seed, q, files)
		got, _, err := reconoracle.Command(t.Context(), shared.program, t.TempDir(), q, urls)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if d := reconoracle.Differ("of tables", got.WithoutLines(), "of files", want.WithoutLines()); d != "" {
			t.Fatalf("seed %d:\n%s", seed, d)
		}
	}
}

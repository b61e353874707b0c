package casework_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// BenchmarkPointLookUp finds cases by business id among CASES (default 50,000) on MariaDB with 64 partitions.
func BenchmarkPointLookUp(b *testing.B) {
	many := 50_000
	if text := os.Getenv("CASES"); text != "" {
		var err error
		if many, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	r := newRig(b, stores.Open(b, stores.Schema(b, server)))
	began := time.Now()
	for from := 0; from < many; from += 2000 {
		found := make([]casework.Finding, 0, 2000)
		for i := from; i < min(from+2000, many); i++ {
			found = append(found, otherAmount(fmt.Sprint("P", i), 100, 101))
		}
		if err := r.db.Tx(context.Background(), func(tx *store.Tx) error {
			_, err := r.intake.Open(context.Background(), tx, batch("1"), found)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%d cases opened in %s", many, time.Since(began).Round(time.Millisecond))
	var took []time.Duration
	for b.Loop() {
		id := fmt.Sprint("P", rand.IntN(many))
		at := time.Now()
		if all, err := r.desk.Of(context.Background(), id); err != nil || len(all) != 1 {
			b.Fatal(id, all, err)
		}
		took = append(took, time.Since(at))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
